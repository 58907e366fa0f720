// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/testing/nats_server.hpp>

#include "bench.hpp"
#include "process.hpp"

#include <cstdint>
#include <vector>

namespace bench {

/// The nats-server of all measurements.
class Server {
public:
    std::uint16_t port() const noexcept { return server_.port(); }
    std::string url() const { return server_.url(); }
    pid_t process() const noexcept { return process_; }

    /// Messages that it has received, as its monitoring port says.
    std::uint64_t messages_in() const;

private:
    const std::uint16_t monitoring_port_ = fluxmq::testing::NatsServer::free_port();
    // It may hold back all of a run, so that it drops no client that is slower than the flood.
    fluxmq::testing::NatsServer server_{
        {.arguments = {"--http_port", std::to_string(monitoring_port_)}, .config = "max_pending: 512MB"}};
    const pid_t process_ = child_named("nats-server");
};

// --- Drives. What they do beside the measuring process is done with bare sockets, alike for all sides. ------------

/// Nothing else.
Sample alone(Server& server, const Case& what, std::uint64_t messages);
/// Compares the number of messages with what the server says it got.
Sample counted(Server& server, const Case& what, std::uint64_t messages);
/// Publishes the messages on deliver_topic.
Sample flooded(Server& server, const Case& what, std::uint64_t messages);
/// Is the server itself, and delivers the messages over so many topics (topics.hpp) in turn. A nats-server is slow
/// with many topics, so that the client would read fewer messages at a time, which is not what is asked.
Drive served(std::size_t topics);
/// Answers as many requests on request_topic, and one more before; all of it on one core.
Sample echoed(Server& server, const Case& what, std::uint64_t messages);
/// Runs Case::partner in a second process; CPU time and allocations are those of both.
Sample with_partner(Server& server, const Case& what, std::uint64_t messages);
/// Watches an idle service in a program of its own, for so many milliseconds, once it has settled for as long.
Sample idle(Server& server, const Case& what, std::uint64_t milliseconds);

std::vector<Case> idle_cases();

/// Does what a parent's drive asks this process for: `words` are its arguments after `--child`.
void run_as_child(const std::vector<Case>& cases, const std::vector<std::string>& words);

} // namespace bench
