// SPDX-License-Identifier: MIT
// The quick start: a service with one node, on the bus that is built in. No server is needed.
//
// To run the same program on a NATS server, make the transport with std::make_shared<fluxmq::Nats>() and connect
// it with co_await transport->connect("nats://localhost:4222").
#include <fluxlib/service.hpp>
#include <fluxmq/inproc.hpp>

#include <iostream>

// A node is a component with a life of its own: derive, and override the hooks that matter.
class MyNode : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_start() override {
        std::cout << "Node started!\n";
        service().publish("my-topic", {{"message", "Hello from MyNode!"}});
        service().shutdown(); // a real service runs on; this one has said what it had to say
        co_return;
    }

    fluxlib::Task<> on_stop() override {
        std::cout << "Node stopped!\n";
        co_return;
    }
};

fluxlib::Task<> app() {
    // A service is a process on a broker. It reaches the broker through a transport.
    fluxlib::Service service{"my-service"};
    auto transport = std::make_shared<fluxmq::InProc>();
    co_await transport->connect();
    service.attach(transport, fluxmq::Topic{}, fluxmq::Status{});

    // Anyone on the broker may listen to a topic.
    co_await service.subscribe_handler("my-topic", [](const fluxlib::Message& message) {
        std::cout << message.topic() << ": " << message.text() << '\n';
    });

    service.append_node<MyNode>("my-node");
    co_await service.run();  // connected, subscribed, nodes initialised and started
    co_await service.wait(); // until Ctrl-C or shutdown(); then ends in order
}

int main() { return fluxlib::run(app()); }
