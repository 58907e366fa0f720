// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/clock.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace fluxlib {

/// How long a node handles messages in a row before it lets the others have their turn: so many, or for so long. Time is
/// looked at ever more seldom while messages take little of it.
class Turn {
public:
    explicit Turn(const fluxmq::Clock& clock) : clock_{clock}, began_{clock.now()}, lap_{began_} {}

    /// A message was handled: says whether that was the last one of the turn.
    bool over() noexcept {
        if (++handled_ < look_at_)
            return false;
        const auto took = clock_.now() - began_;
        if (took >= longest || handled_ >= most)
            return true;
        const auto step = took < longest / 4 ? std::min(2 * step_, most_unseen) : 1;
        step_ = step;
        look_at_ = std::min(handled_ + step, most);
        return false;
    }

    void begin() noexcept {
        began_ = lap_ = clock_.now();
        handled_ = 0;
        look_at_ = step_;
    }

    /// The time since it was asked for last, or since the turn began.
    fluxmq::Clock::duration lap() noexcept {
        const auto now = clock_.now();
        return now - std::exchange(lap_, now);
    }

private:
    static constexpr int most = 1024;
    static constexpr std::chrono::microseconds longest{200};
    static constexpr int most_unseen = 64;

    const fluxmq::Clock& clock_;
    fluxmq::Clock::time_point began_;
    fluxmq::Clock::time_point lap_;
    int handled_ = 0;
    int step_ = 1;
    int look_at_ = 1;
};

} // namespace fluxlib
