// SPDX-License-Identifier: MIT
#pragma once

#include "meter.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace bench {

inline constexpr std::size_t payload_size = 128;

/// A measurement that still misses messages after so long has failed.
inline constexpr int patience_seconds = 60;

/// What the measuring process is told.
struct Job {
    std::string url; ///< of the nats-server
    std::uint64_t messages = 0;
};

/// What the parent does while its child measures, with a bare socket of its own.
enum class Parent {
    watches,        ///< nothing
    counts,         ///< compares the number of messages with what the server says it got
    floods_deliver, ///< publishes Job::messages on deliver_topic
    echoes          ///< answers Job::messages requests on request_topic
};

inline constexpr char publish_topic[] = "bench.publish";
inline constexpr char deliver_topic[] = "bench.deliver";
inline constexpr char request_topic[] = "bench.request";
inline constexpr char node_topic[] = "bench.node";

/// One way to move messages along a path. Each run is a process of its own, so that its CPU time is that of
/// this side alone.
struct Case {
    std::string path; ///< cases of one path are compared with each other
    std::string side; ///< starts with "ours" when it is ours
    std::uint64_t messages = 0;
    Parent parent = Parent::watches;
    /// Throws when a message is missing. Calls say_ready() when the parent may begin.
    std::function<Sample(const Job&)> run;

    bool ours() const noexcept { return side.starts_with("ours"); }
};

std::vector<Case> inproc_cases();
std::vector<Case> nats_cases();
std::vector<Case> libnats_cases();

/// Lets the parent begin with its part.
void say_ready();

/// Throws unless all of them arrived.
void check_delivered(std::uint64_t delivered, std::uint64_t published);

} // namespace bench
