// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/task.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace fluxmq {

/// A pending call of Clock::call_at. Destroying or cancelling it on the executor that the call runs on
/// guarantees that the call does not run any more.
class Timer {
public:
    class Pending {
    public:
        virtual ~Pending() = default; ///< cancels
    };

    Timer() noexcept = default;
    explicit Timer(std::unique_ptr<Pending> pending) noexcept : pending_{std::move(pending)} {}
    void cancel() noexcept { pending_.reset(); }

private:
    std::unique_ptr<Pending> pending_;
};

/// Where all time comes from, so that a test can replace it. Thread safety: all members.
class Clock {
public:
    using duration = std::chrono::steady_clock::duration;
    using time_point = std::chrono::steady_clock::time_point;

    virtual ~Clock() = default;

    virtual time_point now() const noexcept = 0;

    /// Runs `call` on `executor` at `when`, at once when that is past.
    [[nodiscard]] virtual Timer call_at(time_point when, boost::asio::any_io_executor executor,
                                        std::function<void()> call) = 0;

    /// Waits until `when`. Cancellation: throws Error{cancelled}.
    Task<> sleep_until(time_point when);
    /// Waits for `length`. Cancellation: as sleep_until.
    Task<> sleep_for(duration length);

    /// The machine's monotonic clock.
    static std::shared_ptr<Clock> real();
};

} // namespace fluxmq
