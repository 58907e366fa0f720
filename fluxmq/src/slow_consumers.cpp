// SPDX-License-Identifier: MIT
#include "slow_consumers.hpp"

#include "spin_lock.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace fluxmq {

namespace {

constexpr std::chrono::seconds pause_between_events{1};

} // namespace

// One receiver under observation.
class SlowConsumers::Watch {
public:
    Watch(const std::shared_ptr<Receiver>& receiver, std::string_view topic)
        : receiver_{receiver}, topic_{topic}, before_{receiver->overflowed()} {}

    // It has dropped something: when to tell, unless that is settled already.
    std::optional<Clock::time_point> overflowed(Clock::time_point now) {
        const std::lock_guard lock{lock_};
        if (std::exchange(scheduled_, true))
            return std::nullopt;
        return last_ ? std::max(now, *last_ + pause_between_events) : now;
    }

    // What was dropped since the last event.
    std::optional<ConnectionEvent> take(Clock::time_point now) {
        const auto receiver = receiver_.lock();
        std::uint64_t total = 0;
        std::uint64_t dropped = 0;
        {
            const std::lock_guard lock{lock_};
            scheduled_ = false;
            if (!receiver && !final_)
                return std::nullopt;
            total = (final_ ? *final_ : receiver->overflowed()) - before_;
            dropped = total - std::exchange(reported_, total);
            if (dropped == 0)
                return std::nullopt;
            last_ = now;
        }
        auto detail = "the receiver of '" + topic_ + "' is full: " + std::to_string(dropped) +
                      " messages dropped, " + std::to_string(total) + " in all";
        return ConnectionEvent{ConnectionState::slow_consumer, std::move(detail), topic_, dropped, total};
    }

    // It is not watched any more, and may go.
    void end(std::uint64_t overflowed) {
        const std::lock_guard lock{lock_};
        final_ = overflowed;
    }

private:
    const std::weak_ptr<Receiver> receiver_;
    const std::string topic_;
    const std::uint64_t before_; // dropped before the watch began

    SpinLock lock_;                         // guards what follows
    bool scheduled_ = false;                // it will be told
    std::optional<Clock::time_point> last_; // event
    std::uint64_t reported_ = 0;
    std::optional<std::uint64_t> final_; // what it had dropped in the end
};

std::shared_ptr<Receiver> SlowConsumers::watch(std::shared_ptr<Receiver> receiver, std::string_view topic) {
    begin(receiver, topic);
    auto* raw = receiver.get();
    return {raw, [self = weak_from_this(), receiver = std::move(receiver)](Receiver*) {
                if (const auto all = self.lock())
                    all->end(*receiver);
            }};
}

void SlowConsumers::begin(const std::shared_ptr<Receiver>& receiver, std::string_view topic) {
    const std::lock_guard lock{mutex_};
    auto& watched = watched_[receiver.get()];
    if (++watched.subscriptions > 1)
        return;
    watched.watch = std::make_shared<Watch>(receiver, topic);
    receiver->on_overflow([self = weak_from_this(), weak = std::weak_ptr{watched.watch}] {
        const auto all = self.lock();
        const auto watch = weak.lock();
        if (!all || !watch)
            return;
        if (const auto when = watch->overflowed(all->clock_->now()))
            all->report_at(*when, watch);
    });
}

void SlowConsumers::end(Receiver& receiver) {
    std::shared_ptr<Watch> last;
    {
        const std::lock_guard lock{mutex_};
        const auto found = watched_.find(&receiver);
        if (found == watched_.end() || --found->second.subscriptions > 0)
            return;
        last = std::move(found->second.watch);
        watched_.erase(found);
        receiver.on_overflow({});
        last->end(receiver.overflowed());
        ended_.push_back(last);
    }
    report_at(clock_->now(), last);
}

void SlowConsumers::stop() {
    std::unordered_map<Receiver*, Watched> watched;
    std::vector<std::shared_ptr<Watch>> ended;
    {
        const std::lock_guard lock{mutex_};
        watched.swap(watched_);
        ended.swap(ended_);
    }
    for (const auto& watch : ended)
        report(watch);
    for (const auto& [receiver, one] : watched)
        report(one.watch);
}

void SlowConsumers::report_at(Clock::time_point when, const std::shared_ptr<Watch>& watch) {
    schedule_(when, [self = weak_from_this(), weak = std::weak_ptr{watch}] {
        const auto all = self.lock();
        if (const auto still = weak.lock(); all && still)
            all->report(still);
    });
}

void SlowConsumers::report(const std::shared_ptr<Watch>& watch) {
    {
        const std::lock_guard lock{mutex_};
        std::erase(ended_, watch);
    }
    if (const auto event = watch->take(clock_->now()))
        emit_(*event);
}

} // namespace fluxmq
