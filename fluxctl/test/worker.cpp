// SPDX-License-Identifier: MIT
// A service in a process of its own, with nodes from configs: SERVICE_ID and NATS_URL say which, and where.
#include <fluxlib/service.hpp>
#include <fluxlib/task.hpp>
#include <fluxmq/nats.hpp>

namespace {

using fluxlib::Task;

/// Publishes 1 at each tick.
class Source : public fluxlib::Node {
public:
    using Node::Node;

protected:
    Task<> on_tick(const fluxlib::Tick&) override {
        output("out").publish("1");
        co_return;
    }
};

Task<> live() {
    fluxlib::Service service;
    service.attach(std::make_shared<fluxmq::Nats>());
    service.register_node<Source>("source");
    co_await service.run();
    co_await service.wait();
}

} // namespace

int main() { return fluxlib::run(live()); }
