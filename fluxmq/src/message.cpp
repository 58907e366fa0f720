// SPDX-License-Identifier: MIT
#include <fluxmq/message.hpp>

namespace fluxmq {

boost::json::value Message::json() const {
    try {
        return parse_json(text(), "payload");
    } catch (const Error& error) {
        rethrow_with_topic(error);
    }
}

const Headers& Message::headers() const noexcept {
    static const Headers none;
    return headers_ ? *headers_ : none;
}

void Message::rethrow_with_topic(const Error& error) const {
    throw Error{error.kind(), error.detail(), std::string{topic()}};
}

} // namespace fluxmq
