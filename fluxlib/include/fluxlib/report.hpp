// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/counters.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace fluxlib {

/// What went through the nodes of a service: published by outputs, and what became of what reached inputs.
/// Where each topic has one output and one input in the service, at rest:
/// published == delivered + dropped.total() + pending.
struct Account {
    std::uint64_t published = 0;
    std::uint64_t delivered = 0;
    fluxmq::Drops dropped = {};
    std::uint64_t pending = 0;

    /// `account: published=N delivered=N dropped=N pending=N`
    std::string line() const;
    /// `dropped: oldest=N newest=N ...`, only the reasons that occurred; empty when nothing was dropped.
    std::string drops_line() const;
};

/// How a service ended.
struct ExitReport {
    int signal = 0;                           ///< that ended it; 0 for shutdown()
    bool drained = true;                      ///< whether everything on its way was handled in time
    Account account = {};                     ///< `pending` is what was left when the draining ended
    std::vector<std::string> unfinished = {}; ///< nodes that had something left
};

} // namespace fluxlib
