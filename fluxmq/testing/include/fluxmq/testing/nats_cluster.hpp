// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/testing/nats_server.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace fluxmq::testing {

struct NatsClusterOptions {
    std::size_t size = 3;
    /// Whether the members tell clients of each other (`connect_urls` in INFO). Where clients must come through
    /// proxies, they had better not.
    bool advertise = true;
    /// Further arguments and configuration, for every member.
    std::vector<std::string> arguments = {};
    std::string config = {};
};

/// Real nats-servers on 127.0.0.1 that are routed to each other.
///
/// The constructor returns when every member has a route to every other one; it throws like NatsServer's. Members
/// may be killed, frozen and started again one by one. Thread safety: none.
class NatsCluster {
public:
    explicit NatsCluster(NatsClusterOptions options = {});

    std::size_t size() const noexcept { return members_.size(); }
    NatsServer& operator[](std::size_t member) { return *members_.at(member).server; }
    const NatsServer& operator[](std::size_t member) const { return *members_.at(member).server; }

    /// Of all members, separated by commas, as Nats::connect() takes it.
    std::string url() const;

    /// Waits until every member that runs has a route to every other one that runs; throws std::runtime_error
    /// that names who is missing after 20 s. None of them may be frozen.
    void await_routes() const;

private:
    struct Member {
        std::unique_ptr<NatsServer> server;
        std::uint16_t monitoring_port;
    };

    void start(const NatsClusterOptions& options);
    std::string missing_routes() const;

    std::vector<Member> members_;
};

} // namespace fluxmq::testing
