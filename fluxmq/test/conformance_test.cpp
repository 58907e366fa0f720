// SPDX-License-Identifier: MIT
// The conformance suite over our own transports.
#include <fluxmq/inproc.hpp>
#include <fluxmq/nats.hpp>
#include <fluxmq/testing/conformance.hpp>
#include <fluxmq/testing/nats_server.hpp>

#include <chrono>

using namespace fluxmq;
using fluxmq::testing::Capability;

namespace {

class InProcWorld final : public fluxmq::testing::TransportWorld {
public:
    std::shared_ptr<Transport> make() override { return std::make_shared<InProc>(bus_); }

private:
    std::shared_ptr<InProcBus> bus_ = std::make_shared<InProcBus>();
};

class NatsWorld final : public fluxmq::testing::TransportWorld {
public:
    std::shared_ptr<Transport> make() override {
        NatsOptions options;
        options.servers = {server_.url()};
        options.reconnect_time_wait = std::chrono::milliseconds{20};
        return std::make_shared<Nats>(options);
    }
    void cut() override { server_.kill9(); }
    void restore() override { server_.start(); }

private:
    fluxmq::testing::NatsServer server_;
};

fluxmq::testing::TransportKind inproc() {
    return {.name = "InProc",
            .make_world = [] { return std::make_unique<InProcWorld>(); },
            .capabilities = {Capability::wildcards, Capability::queue_groups, Capability::headers,
                             Capability::requests, Capability::no_responders, Capability::payload_limit,
                             Capability::connection_order, Capability::any_executor}};
}

fluxmq::testing::TransportKind nats() {
    return {.name = "Nats",
            .make_world = [] { return std::make_unique<NatsWorld>(); },
            .capabilities = {Capability::wildcards, Capability::queue_groups, Capability::headers,
                             Capability::requests, Capability::no_responders, Capability::payload_limit,
                             Capability::connection_order, Capability::reconnects}};
}

} // namespace

FLUXMQ_CONFORMANCE(Each, inproc(), nats())
