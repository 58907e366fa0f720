// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/counters.hpp>

#include "account.hpp"
#include "schedule.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace fluxmq::chaos {

/// Sums over all subscriptions that lived for the whole run:
/// due + repeated = arrived + lost, and arrived = read + dropped.
struct Totals {
    std::uint64_t published = 0; ///< messages of publishers
    std::uint64_t due = 0;       ///< one for each subscription that covers them
    std::uint64_t arrived = 0;
    std::uint64_t read = 0;
    Drops dropped;
    std::uint64_t lost = 0;     ///< with a connection
    std::uint64_t repeated = 0; ///< arrived again on a later connection
    std::uint64_t late = 0;     ///< arrived behind a later one: left over on a broken connection
    std::uint64_t given_up = 0; ///< accepted without a connection, and given up by close()
    std::uint64_t requests = 0;
    std::uint64_t answered = 0;
    std::uint64_t failed = 0;         ///< requests
    std::uint64_t subscriptions = 0;  ///< made and ended under load
    std::uint64_t breaks = 0;         ///< of connections
    std::chrono::milliseconds gap{0}; ///< see run_schedule()

    Totals& operator+=(const Totals& other);
};

struct Outcome {
    Violations violations; ///< empty: all laws hold
    std::string state;     ///< of all connections, when one does not
    Totals totals;
};

/// Starts servers and lanes, loads them, does what the schedule says, heals everything, and judges.
///
/// The gap is the longest time in which a prompt pair of connections past the lanes saw no message, on one server
/// and from one server to another: during all faults with one server, during the rolling kill with three.
Outcome run_schedule(const Schedule& schedule);

} // namespace fluxmq::chaos
