// SPDX-License-Identifier: MIT
#include "slow_consumers.hpp"

#include <optional>
#include <string>
#include <utility>

namespace fluxmq {

namespace {

constexpr std::chrono::seconds pause_between_events{1};

} // namespace

// One receiver under observation.
class SlowConsumers::Watch : public std::enable_shared_from_this<Watch> {
public:
    Watch(std::shared_ptr<Receiver> receiver, std::string_view topic)
        : receiver_{receiver}, topic_{topic}, before_{receiver->overflowed()} {}

    // It has dropped something at `now`: whether that is worth an event, and whether it begins to.
    std::pair<bool, bool> overflowed(Clock::time_point now) {
        const std::lock_guard lock{mutex_};
        const bool begins = !std::exchange(full_, true);
        const bool due = !last_ || now - *last_ >= pause_between_events;
        if (due)
            last_ = now;
        tells_end_ = due || (tells_end_ && !begins);
        return {due, begins};
    }

    // It has room again: whether that is worth an event. One that is full again and again within a second is not
    // worth two each time.
    bool has_room() {
        const std::lock_guard lock{mutex_};
        full_ = false;
        return std::exchange(tells_end_, false);
    }

    // What was dropped since the last event.
    std::optional<ConnectionEvent> take() {
        const auto receiver = receiver_.lock();
        const std::lock_guard lock{mutex_};
        if (!receiver && !final_)
            return std::nullopt;
        const auto total = (final_ ? *final_ : receiver->overflowed()) - before_;
        const auto dropped = total - std::exchange(reported_, total);
        if (dropped == 0)
            return std::nullopt;
        auto detail = "the receiver of '" + topic_ + "' is full: " + std::to_string(dropped) +
                      " messages dropped, " + std::to_string(total) + " in all";
        return ConnectionEvent{ConnectionState::slow_consumer, std::move(detail), topic_, dropped, total};
    }

    // It is not watched any more, and may go.
    void end(std::uint64_t overflowed) {
        const std::lock_guard lock{mutex_};
        final_ = overflowed;
    }

    std::shared_ptr<Receiver> receiver() const { return receiver_.lock(); }

private:
    const std::weak_ptr<Receiver> receiver_;
    const std::string topic_;
    const std::uint64_t before_; // dropped before the watch began

    std::mutex mutex_; // guards what follows
    bool full_ = false;
    bool tells_end_ = false;                // there was an event since it is full
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
    std::weak_ptr<Watch> watch;
    {
        const std::lock_guard lock{mutex_};
        auto& watched = watched_[receiver.get()];
        if (++watched.subscriptions > 1)
            return;
        watched.watch = std::make_shared<Watch>(receiver, topic);
        watch = watched.watch;
    }
    receiver->on_overflow([self = weak_from_this(), watch] {
        const auto all = self.lock();
        const auto one = watch.lock();
        const auto slow = one ? one->receiver() : nullptr;
        if (!all || !slow)
            return;
        const auto [due, begins] = one->overflowed(all->clock_->now());
        if (due)
            all->report_soon(one);
        if (begins)
            slow->when_ready([self, watch] {
                const auto all = self.lock();
                const auto one = watch.lock();
                if (all && one && one->has_room())
                    all->report_soon(one);
            });
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
        ended_.push_back(last);
    }
    receiver.on_overflow({});
    last->end(receiver.overflowed());
    report_soon(last);
}

void SlowConsumers::stop() {
    std::map<Receiver*, Watched> watched;
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

void SlowConsumers::report_soon(const std::shared_ptr<Watch>& watch) {
    post_([self = weak_from_this(), weak = std::weak_ptr{watch}] {
        const auto all = self.lock();
        if (const auto watch = weak.lock(); all && watch)
            all->report(watch);
    });
}

void SlowConsumers::report(const std::shared_ptr<Watch>& watch) {
    {
        const std::lock_guard lock{mutex_};
        std::erase(ended_, watch);
    }
    if (const auto event = watch->take())
        emit_(*event);
}

} // namespace fluxmq
