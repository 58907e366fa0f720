// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/supervision.hpp>
#include <fluxmq/clock.hpp>

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

namespace fluxlib {

/// Decides whether and when a node is started again; no I/O. It belongs to the node's loop, restarts() to any thread.
class Supervisor {
public:
    explicit Supervisor(const Supervision& policy) : policy_{policy} {}

    const Supervision& policy() const noexcept { return policy_; }
    void set_policy(const Supervision& policy) noexcept { policy_ = policy; }

    /// The node has failed, or stopped itself: the pause before it is started again, if it is.
    std::optional<fluxmq::Clock::duration> pause_after(bool failure, fluxmq::Clock::time_point now);

    /// Whether so many restarts were tried that no more are.
    bool given_up() const noexcept { return given_up_; }
    /// Somebody has told the node to start: what was before does not count any more.
    void begin_anew() noexcept {
        tried_.clear();
        given_up_ = false;
    }

    std::uint64_t restarts() const noexcept { return restarts_.load(std::memory_order_relaxed); }

private:
    Supervision policy_;
    std::vector<fluxmq::Clock::time_point> tried_; // within the window, oldest first
    bool given_up_ = false;
    std::atomic<std::uint64_t> restarts_{0};
};

} // namespace fluxlib
