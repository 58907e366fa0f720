// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

namespace fluxlib {

/// When a node is started again by itself.
enum class Restart {
    never,      ///< it stays as it is, until it is told to start
    on_failure, ///< when it is in state `error`
    always      ///< also when it has stopped itself, by Node::stop() in a hook of its own
};

/// What happens to a node that fails. A stop or destroy command always wins: it calls off a restart that is to come.
struct Supervision {
    Restart restart = Restart::never;
    /// Whether what on_input, on_tick or on_settings throws stops the node, by way of on_stop, and puts it in state
    /// `error`. Without it the node goes on with the next message; errors of on_create, on_start and on_stop always put
    /// it there.
    bool fail_on_throw = false;
    /// Pause before the first restart; it doubles with each one in the window. Messages wait meanwhile.
    std::chrono::milliseconds backoff{100};
    std::chrono::milliseconds longest_backoff{30'000};
    /// So many restarts within `window` are tried, then the node stays in state `error`; at least 1.
    int most_restarts = 5;
    std::chrono::milliseconds window{60'000};
    /// A hook that waits for longer is cancelled: what it awaits throws, and that is reported as a failure of the hook.
    /// Noticed at the latest after half as long again. 0: no limit. A hook that computes or blocks cannot be cancelled.
    std::chrono::milliseconds hook_timeout{0};
    friend bool operator==(const Supervision&, const Supervision&) = default;
};

} // namespace fluxlib
