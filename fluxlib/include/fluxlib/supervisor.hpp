// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/supervision.hpp>
#include <fluxmq/clock.hpp>

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

namespace fluxlib {

/// Decides whether and when what has failed, a node or a process, is started again; no I/O. Thread safety: none, but for
/// restarts().
class Supervisor {
public:
    explicit Supervisor(const Supervision& policy) : policy_{policy} {}

    const Supervision& policy() const noexcept { return policy_; }
    /// For what happens from now on; restarts that were tried stay counted.
    void set_policy(const Supervision& policy) noexcept { policy_ = policy; }

    /// It has failed, or stopped by itself (`failure` is false): the pause before it is started again, if it is.
    std::optional<fluxmq::Clock::duration> pause_after(bool failure, fluxmq::Clock::time_point now);

    /// Whether so many restarts were tried that no more are.
    bool given_up() const noexcept { return given_up_; }
    /// Somebody has told it to start: what was before does not count any more.
    void begin_anew() noexcept {
        tried_.clear();
        given_up_ = false;
    }

    /// How often it was started again in all. Thread safety: any thread.
    std::uint64_t restarts() const noexcept { return restarts_.load(std::memory_order_relaxed); }

private:
    Supervision policy_;
    std::vector<fluxmq::Clock::time_point> tried_; // within the window, oldest first
    bool given_up_ = false;
    std::atomic<std::uint64_t> restarts_{0};
};

} // namespace fluxlib
