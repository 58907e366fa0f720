// SPDX-License-Identifier: MIT
#include <fluxlib/supervisor.hpp>

#include <algorithm>

namespace fluxlib {

std::optional<fluxmq::Clock::duration> Supervisor::pause_after(bool failure, fluxmq::Clock::time_point now) {
    if (policy_.restart == Restart::never || (policy_.restart == Restart::on_failure && !failure))
        return std::nullopt;
    std::erase_if(tried_, [&](auto time) { return now - time >= policy_.window; });
    const auto before = tried_.size();
    given_up_ = before >= static_cast<std::size_t>(std::max(1, policy_.most_restarts));
    if (given_up_)
        return std::nullopt;
    tried_.push_back(now);
    restarts_.fetch_add(1, std::memory_order_relaxed);
    fluxmq::Clock::duration pause = policy_.backoff;
    const fluxmq::Clock::duration longest = policy_.longest_backoff;
    for (std::size_t i = 0; i < before && pause < longest; ++i)
        pause *= 2;
    return std::min(pause, longest);
}

} // namespace fluxlib
