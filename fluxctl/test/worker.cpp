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

/// Multiplies by its setting `factor`.
class Times : public fluxlib::Node {
public:
    using Node::Node;

protected:
    Task<> on_input(fluxlib::Message message) override {
        const auto factor = settings().at("factor").as_int64();
        output("out").publish(std::to_string(std::stoll(std::string{message.text()}) * factor));
        co_return;
    }
};

/// Publishes what it gets on `seen.ID`.
class Sink : public fluxlib::Node {
public:
    using Node::Node;

protected:
    Task<> on_input(fluxlib::Message message) override {
        service().publish("seen." + id(), message.text());
        co_return;
    }
};

Task<> live() {
    fluxlib::Service service;
    service.attach(std::make_shared<fluxmq::Nats>());
    service.register_node<Source>("source");
    service.register_node<Times>("times");
    service.register_node<Sink>("sink");
    co_await service.run();
    co_await service.wait();
}

} // namespace

int main() { return fluxlib::run(live()); }
