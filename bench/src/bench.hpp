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

inline constexpr char publish_topic[] = "bench.publish";
inline constexpr char deliver_topic[] = "bench.deliver";
inline constexpr char request_topic[] = "bench.request";
inline constexpr char node_topic[] = "bench.node";

/// What a measuring process is told.
struct Job {
    std::string url;  ///< of the nats-server
    pid_t server = 0; ///< its process
    std::uint64_t messages = 0;
};

struct Case;
class Server;

/// What the parent does for one run: it starts the process that measures, and gives it what it needs from outside
/// (drive.hpp).
using Drive = std::function<Sample(Server&, const Case&, std::uint64_t messages)>;

/// One way to move messages along a path. Each run is a process of its own, so that its CPU time is that of
/// this side alone.
struct Case {
    std::string path;           ///< cases of one path are compared with each other
    std::string side;           ///< starts with "ours" when it is ours
    std::uint64_t messages = 0; ///< or whatever is counted: nodes, say; a quick run has a fiftieth of it
    Drive drive;
    /// In the measuring process. Throws when a message is missing. Calls say_ready() when the parent may begin.
    std::function<Sample(const Job&)> run = {};
    /// In another process beside it, where the drive asks for one; begins at wait_for_start().
    std::function<Sample(const Job&)> partner = {};
};

/// Cases by subject; they come in the order in which they are shown.
std::vector<Case> nats_cases();
std::vector<Case> libnats_cases();
std::vector<Case> bare_cases();
std::vector<Case> inproc_cases();
std::vector<Case> threads_cases();
std::vector<Case> loops_cases();
std::vector<Case> scale_cases();
std::vector<Case> service_cases();
std::vector<Case> rewiring_cases();
std::vector<Case> json_cases();
std::vector<Case> zeromq_cases();
std::vector<Case> caf_cases();

/// Lets the parent begin with its part.
void say_ready();

/// A partner's: says that it is ready, and waits until the parent says that the measuring process is too.
void wait_for_start();

/// Throws unless all of them arrived.
void check_delivered(std::uint64_t delivered, std::uint64_t published);

} // namespace bench
