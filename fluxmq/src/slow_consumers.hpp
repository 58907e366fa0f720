// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/clock.hpp>
#include <fluxmq/receiver.hpp>
#include <fluxmq/transport.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fluxmq {

/// Raises a transport's slow_consumer events: when a receiver begins to drop messages, and then at most one each second
/// until all is told. A receiver of several subscriptions is reported once, under the topic of the first. The counts
/// of its events add up to what it dropped while it was watched.
///
/// Thread safety: all members.
class SlowConsumers : public std::enable_shared_from_this<SlowConsumers> {
public:
    /// Runs a function where events are raised, at some time; from any thread. It may come to nothing when that place
    /// is gone.
    using Schedule = std::function<void(Clock::time_point, std::function<void()>)>;
    using Emit = std::function<void(const ConnectionEvent&)>;

    SlowConsumers(std::shared_ptr<Clock> clock, Schedule schedule, Emit emit)
        : clock_{std::move(clock)}, schedule_{std::move(schedule)}, emit_{std::move(emit)} {}

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
    void report_at(Clock::time_point when, const std::shared_ptr<Watch>& watch);
    void report(const std::shared_ptr<Watch>& watch);

    const std::shared_ptr<Clock> clock_;
    const Schedule schedule_;
    const Emit emit_;
    std::mutex mutex_;
    std::unordered_map<Receiver*, Watched> watched_;
    std::vector<std::shared_ptr<Watch>> ended_; // with something left to say
};

} // namespace fluxmq
