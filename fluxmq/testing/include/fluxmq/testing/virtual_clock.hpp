// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/clock.hpp>

#include <memory>
#include <optional>

namespace fluxmq::testing {

/// A clock that stands still until a test moves it. Calls run in the order of their times, those of one time in
/// the order in which they were asked for. Thread safety: all members.
class VirtualClock final : public Clock {
public:
    VirtualClock();
    ~VirtualClock() override;

    time_point now() const noexcept override;
    [[nodiscard]] Timer call_at(time_point when, boost::asio::any_io_executor executor,
                                std::function<void()> call) override;

    /// When the next call is due; nothing when none is pending.
    std::optional<time_point> next() const;

    /// Moves to `when`, never back, and hands the calls that are due by then to their executors.
    void advance_to(time_point when);

    /// Destroys every pending call, and the coroutines that they own, without running it.
    void drop_calls() noexcept;

private:
    class Call;
    struct Calls;
    std::shared_ptr<Calls> calls_;
};

} // namespace fluxmq::testing
