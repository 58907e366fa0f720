// SPDX-License-Identifier: MIT
// What is done to servers and connections in one run, and to whom messages are delivered: all of it from a seed.
#pragma once

#include <fluxmq/mailbox.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmq::chaos {

struct Fault {
    enum class Kind {
        kill,   ///< SIGKILL; started again after `length`
        freeze, ///< SIGSTOP; SIGCONT after `length`
        reset,  ///< all connections of the lane end by RST
        fin,    ///< all connections of the lane end by FIN
        half_close_to_server,
        half_close_to_client,
        stall_to_server,
        stall_to_client,
        split_bytes,  ///< each byte is a write of its own
        split_random, ///< pieces of random sizes
        refuse        ///< no new connection gets through
    };

    std::chrono::milliseconds at;     ///< since the load began
    std::chrono::milliseconds length; ///< 0 for what happens in an instant
    Kind kind;
    std::size_t target; ///< a server for kill and freeze, otherwise a lane
};

std::string_view to_string(Fault::Kind kind) noexcept;
constexpr bool hits_server(Fault::Kind kind) noexcept {
    return kind == Fault::Kind::kill || kind == Fault::Kind::freeze;
}

/// How one subscription is bounded and read.
struct Plan {
    Overflow overflow;
    std::size_t room;                ///< messages that its inlet takes
    std::chrono::milliseconds pause; ///< of its reader, after every eighth message
};

struct Schedule {
    std::uint64_t seed;
    std::size_t servers;
    std::vector<Fault> faults; ///< in the order of their times
    std::vector<Plan> plans;   ///< of the slow subscriptions
    std::chrono::milliseconds length;

    /// Whether what is left of a broken connection may still reach a server when its client is back already.
    /// A killed single server takes everything with it.
    bool old_bytes_may_come() const noexcept;
};

/// The connections that have lanes, each one of its own with one server; with several servers, each of these has
/// one lane for all.
constexpr std::size_t lanes_of_one_server = 10;
constexpr std::size_t slow_subscriptions = 6;

/// One server: kills, freezes, and faults of the lanes; every fourth seed has kills only. Three: each of them is
/// killed once and started again, in a random order, while lanes fail; after that one of them may be frozen.
/// The same arguments give the same schedule everywhere.
Schedule make_schedule(std::uint64_t seed, std::size_t servers);

/// For people, a line for each fault.
std::string describe(const Schedule& schedule);

} // namespace fluxmq::chaos
