// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

namespace fluxlib {

/// Tells which messages of the manager's clock are ticks. Its topic has two spellings, `service.tick` and `service/tick`,
/// and a manager may publish each tick on one of them or on both. No I/O.
///
/// A message of the spelling that is behind closes a pair, and is no tick. The lead is at most one message, so that a
/// message which was lost, or a manager that knows one spelling only, costs nothing later on. One limit: the first
/// message of a manager with one spelling that takes the place of one with the other is taken for the second of a pair.
class TickPairs {
public:
    enum class Spelling { dots, slashes };

    /// A message has arrived: whether it is a tick.
    bool is_tick(Spelling spelling) noexcept {
        const int step = spelling == Spelling::dots ? 1 : -1;
        const bool behind = lead_ == -step;
        lead_ = std::clamp(lead_ + step, -1, 1);
        return !behind;
    }

private:
    int lead_ = 0; // messages with dots ahead of those with slashes
};

} // namespace fluxlib
