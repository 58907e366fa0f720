// SPDX-License-Identifier: MIT
#include <fluxmq/answers.hpp>

#include <fluxmq/transport.hpp>

namespace fluxmq {

bool is_acknowledgement(const Message& message) noexcept {
    return message.text() == "+ACK" || message.text() == "-NAK";
}

bool is_no_responders(const Message& message) noexcept {
    constexpr std::uint16_t no_responders = 503;
    return message.status() == no_responders && message.payload().empty();
}

void answer_acknowledgement(Transport& transport, const Message& message) noexcept {
    if (!is_acknowledgement(message) || message.reply().empty())
        return;
    try {
        transport.publish(message.reply(), "");
    } catch (...) { // NOLINT(bugprone-empty-catch)
        // It cannot be sent: the connection is being closed, say.
    }
}

} // namespace fluxmq
