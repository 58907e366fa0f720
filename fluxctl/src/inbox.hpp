// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/task.hpp>
#include <fluxmq/clock.hpp>
#include <fluxmq/mailbox.hpp>
#include <fluxmq/transport.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fluxctl {

/// What arrives on some topics, to be read with a deadline. It takes over the event handler of its transport, to end a
/// read when the connection is lost, and to warn on standard error.
class Inbox {
public:
    using TimePoint = fluxmq::Clock::time_point;

    explicit Inbox(fluxmq::Transport& transport);

    fluxlib::Task<> listen(std::string topic);

    /// A topic of its own, listened to from now on: where answers are to go. An acknowledgement that asks for an answer
    /// itself gets an empty one as soon as it arrives, and can be read like any message.
    fluxlib::Task<std::string> reply_topic();

    /// The next message; nothing when there is none until `deadline`. Errors: disconnected.
    fluxlib::Task<std::optional<fluxmq::Message>> next(TimePoint deadline = TimePoint::max());

private:
    struct State;

    fluxmq::Transport& transport_;
    std::shared_ptr<State> state_;
    std::vector<fluxmq::Subscription> subscriptions_;
};

/// Says on standard error what a connection that goes on has trouble with; nothing for other events.
void warn(const fluxmq::ConnectionEvent& event);

/// A topic that nobody else uses.
std::string unique_topic();

fluxmq::Clock::time_point from_now(fluxmq::Clock::duration length);

} // namespace fluxctl
