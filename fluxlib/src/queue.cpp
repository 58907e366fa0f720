// SPDX-License-Identifier: MIT
#include <fluxlib/queue.hpp>

#include <fluxmq/error.hpp>

namespace fluxlib {

Queue::Queue(fluxmq::MailboxLimits limits)
    : mailbox_{fluxmq::Mailbox::create()}, inlet_{mailbox_->add_inlet(limits)} {}

Task<fluxmq::Message> Queue::get() {
    const auto mailbox = mailbox_; // outlives the service that may close it meanwhile
    while (co_await mailbox->wait())
        if (auto delivery = mailbox->pop_message())
            co_return std::move(delivery->message);
    throw fluxmq::Error{fluxmq::errc::closed, "the subscription has ended"};
}

std::optional<fluxmq::Message> Queue::try_get() {
    if (auto delivery = mailbox_->pop_message())
        return std::move(delivery->message);
    return std::nullopt;
}

} // namespace fluxlib
