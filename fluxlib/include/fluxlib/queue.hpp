// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/task.hpp>
#include <fluxmq/mailbox.hpp>
#include <fluxmq/message.hpp>

#include <memory>
#include <optional>

namespace fluxlib {

/// What Service::subscribe gives: the messages of one topic, to be taken when wanted. One reader.
///
/// Thread safety: the event loop that subscribed; counters: any thread.
class Queue {
public:
    explicit Queue(fluxmq::MailboxLimits limits);

    /// The next message, awaited. Cancellation: throws Error{cancelled}, and no message is lost.
    /// Throws Error{closed} after Service::unsubscribe or the service's end, once it is empty.
    Task<fluxmq::Message> get();

    /// The next message, if one waits.
    std::optional<fluxmq::Message> try_get();

    fluxmq::MailboxCounters counters() const { return inlet_->counters(); }

    /// For a transport to fill. Internal use.
    const std::shared_ptr<fluxmq::Inlet>& inlet() const noexcept { return inlet_; }

    /// Lets get() end once it is empty. Idempotent.
    void close() noexcept { mailbox_->close(); }
    /// The same, and drops what waits.
    void discard() noexcept { mailbox_->discard(); }

private:
    std::shared_ptr<fluxmq::Mailbox> mailbox_;
    std::shared_ptr<fluxmq::Inlet> inlet_;
};

} // namespace fluxlib
