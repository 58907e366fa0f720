// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/clock.hpp>
#include <fluxmq/receiver.hpp>
#include <fluxmq/transport.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace fluxmq {

/// Raises a transport's slow_consumer events: when a receiver begins to drop messages, each second while that goes on,
/// and when it has room again. A receiver of several subscriptions is reported once, under the topic of the first. The
/// counts of its events add up to what it dropped while it was watched.
///
/// Thread safety: all members.
class SlowConsumers : public std::enable_shared_from_this<SlowConsumers> {
public:
    /// Runs a function where events are raised; from any thread. It may come to nothing when that is gone.
    using Post = std::function<void(std::function<void()>)>;
    using Emit = std::function<void(const ConnectionEvent&)>;

    SlowConsumers(std::shared_ptr<Clock> clock, Post post, Emit emit)
        : clock_{std::move(clock)}, post_{std::move(post)}, emit_{std::move(emit)} {}

    /// `receiver` to put into a subscription: it is watched until the last copy of what is returned has gone.
    std::shared_ptr<Receiver> watch(std::shared_ptr<Receiver> receiver, std::string_view topic);

    /// Raises what is left to say, here and now, and nothing after it.
    void stop();

private:
    class Watch;
    struct Watched {
        std::shared_ptr<Watch> watch;
        std::size_t subscriptions = 0;
    };

    void begin(const std::shared_ptr<Receiver>& receiver, std::string_view topic);
    void end(Receiver& receiver);
    void report_soon(const std::shared_ptr<Watch>& watch);
    void report(const std::shared_ptr<Watch>& watch);

    const std::shared_ptr<Clock> clock_;
    const Post post_;
    const Emit emit_;
    std::mutex mutex_;
    std::map<Receiver*, Watched> watched_;
    std::vector<std::shared_ptr<Watch>> ended_; // with something left to say
};

} // namespace fluxmq
