// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/testing/nats_cluster.hpp>
#include <fluxmq/testing/nats_server.hpp>
#include <fluxmq/testing/tcp_proxy.hpp>

#include "schedule.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fluxmq::chaos {

/// The servers of a run, and the lanes to them: proxies that spoil connections.
class World {
public:
    explicit World(const Schedule& schedule);

    /// Addresses for a connection through lanes. One server: through lane `number`. Several: through the lane of
    /// each, that of server `number` first.
    std::string through_lanes(std::size_t number) const;
    /// Past the lanes, server `first` first.
    std::string direct(std::size_t first) const;

    void begin(const Fault& fault);
    /// For kill: the server runs again, and has all its routes.
    void end(const Fault& fault);
    /// For good.
    void kill_all();

private:
    testing::NatsServer& server(std::size_t number) { return cluster_ ? (*cluster_)[number] : *single_; }

    std::optional<testing::NatsServer> single_;
    std::optional<testing::NatsCluster> cluster_;
    std::vector<std::unique_ptr<testing::TcpProxy>> lanes_;
};

} // namespace fluxmq::chaos
