// SPDX-License-Identifier: MIT
#include <fluxmq/testing/virtual_clock.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace fluxmq::testing {

struct VirtualClock::Calls {
    struct Entry {
        boost::asio::any_io_executor executor;
        std::shared_ptr<std::function<void()>> call;
    };
    using Key = std::pair<time_point, std::uint64_t>;

    mutable std::mutex mutex;
    // Not the epoch: code that subtracts from now() must not fall below it.
    time_point now = time_point{} + std::chrono::hours{24};
    std::uint64_t last_number = 0;
    std::map<Key, Entry> entries;
};

class VirtualClock::Call final : public Timer::Pending {
public:
    Call(std::weak_ptr<Calls> calls, Calls::Key key, std::weak_ptr<std::function<void()>> call)
        : calls_{std::move(calls)}, key_{key}, call_{std::move(call)} {}

    ~Call() override {
        std::shared_ptr<std::function<void()>> erased; // destroyed after the lock: it may own coroutines
        if (const auto call = call_.lock())
            *call = nullptr; // it may be posted already
        if (const auto calls = calls_.lock()) {
            const std::lock_guard lock{calls->mutex};
            if (const auto found = calls->entries.find(key_); found != calls->entries.end()) {
                erased = std::move(found->second.call);
                calls->entries.erase(found);
            }
        }
    }

private:
    std::weak_ptr<Calls> calls_;
    Calls::Key key_;
    std::weak_ptr<std::function<void()>> call_;
};

VirtualClock::VirtualClock() : calls_{std::make_shared<Calls>()} {}

VirtualClock::~VirtualClock() { drop_calls(); }

void VirtualClock::drop_calls() noexcept {
    // Calls may own coroutines that own Timers of this clock.
    std::map<Calls::Key, Calls::Entry> entries;
    const std::lock_guard lock{calls_->mutex};
    entries.swap(calls_->entries);
}

Clock::time_point VirtualClock::now() const noexcept {
    const std::lock_guard lock{calls_->mutex};
    return calls_->now;
}

Timer VirtualClock::call_at(time_point when, boost::asio::any_io_executor executor,
                            std::function<void()> call) {
    auto shared = std::make_shared<std::function<void()>>(std::move(call));
    const std::weak_ptr weak{shared};
    const std::lock_guard lock{calls_->mutex};
    const Calls::Key key{std::max(when, calls_->now), ++calls_->last_number};
    calls_->entries.emplace(key, Calls::Entry{std::move(executor), std::move(shared)});
    return Timer{std::make_unique<Call>(calls_, key, weak)};
}

std::optional<Clock::time_point> VirtualClock::next() const {
    const std::lock_guard lock{calls_->mutex};
    if (calls_->entries.empty())
        return std::nullopt;
    return calls_->entries.begin()->first.first;
}

void VirtualClock::advance_to(time_point when) {
    std::vector<Calls::Entry> due;
    {
        const std::lock_guard lock{calls_->mutex};
        calls_->now = std::max(calls_->now, when);
        while (!calls_->entries.empty() && calls_->entries.begin()->first.first <= calls_->now)
            due.push_back(std::move(calls_->entries.extract(calls_->entries.begin()).mapped()));
    }
    for (auto& entry : due)
        boost::asio::post(entry.executor, [call = std::move(entry.call)] {
            // Moved out first: the call may destroy or replace its own Timer.
            if (const auto due = std::exchange(*call, nullptr))
                due();
        });
}

} // namespace fluxmq::testing
