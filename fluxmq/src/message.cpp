// SPDX-License-Identifier: MIT
#include <fluxmq/message.hpp>

namespace fluxmq {

boost::json::value Message::json() const {
    try {
        return parse_json(text(), payload_name);
    } catch (const Error& error) {
        rethrow_with_topic(error);
    }
}

const Headers& Message::headers() const noexcept {
    static const Headers none;
    return extras_ && extras_->headers ? *extras_->headers : none;
}

void Message::set_status(std::uint16_t status, std::string_view text) {
    if (status == this->status() && text == status_text())
        return;
    auto extras = extras_ ? std::make_shared<Extras>(*extras_) : std::make_shared<Extras>(Bytes{}, nullptr);
    extras->status = status;
    extras->status_text = text;
    extras_ = std::move(extras);
}

void Message::rethrow_with_topic(const Error& error) const {
    throw Error{error.kind(), error.detail(), std::string{topic()}};
}

} // namespace fluxmq
