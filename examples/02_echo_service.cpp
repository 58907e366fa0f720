// SPDX-License-Identifier: MIT
// A service on a NATS server that sends back what it is sent. Run 03_echo_client beside it.
//
//   NATS_URL=nats://localhost:4222 ./02_echo_service        (this address is the default; Ctrl-C ends it)
#include <fluxlib/service.hpp>
#include <fluxmq/nats.hpp>

#include <iostream>

class EchoNode : public fluxlib::Node {
public:
    using Node::Node;

protected:
    // Once, before the first start.
    fluxlib::Task<> on_create() override {
        co_await service().subscribe_handler(topic("request"),
                                             [this](const fluxlib::Message& request) { echo(request); });
    }

    fluxlib::Task<> on_start() override {
        logger().info("Node {} started", id());
        service().publish(topic("status"),
                          {{"status", "ready"}, {"message", "Echo node " + id() + " is ready"}});
        co_return;
    }

    fluxlib::Task<> on_stop() override {
        logger().info("Node {} stopped", id());
        service().publish(topic("status"),
                          {{"status", "stopped"}, {"message", "Echo node " + id() + " is stopping"}});
        co_return;
    }

    // The handler is the service's, and it refers to this node: it must not outlive it.
    fluxlib::Task<> on_destroy() override {
        service().unsubscribe(topic("request"));
        co_return;
    }

private:
    // A service publishes and subscribes to a topic exactly as it is written, slashes included.
    std::string topic(const std::string& leaf) const { return "echo/" + id() + "/" + leaf; }

    void echo(const fluxlib::Message& request) {
        logger().info("Received echo request: {}", request.text());
        const auto body =
            request.json(); // throws where it is not JSON: that is logged, and the next one comes
        const boost::json::object answer{{"original_message", body}, {"echo", body}, {"node_id", id()}};
        service().publish(topic("response"), answer);
        if (!request.reply().empty()) // it came by request(), which awaits an answer of its own
            service().respond(request, answer);
    }
};

fluxlib::Task<> app() {
    auto transport = std::make_shared<fluxmq::Nats>();
    co_await transport->connect(); // to NATS_URL, or nats://localhost:4222
    std::cout << "Connected to " << transport->server() << std::endl;

    fluxlib::Service service{"echo-service"};
    service.attach(transport);
    service.append_node<EchoNode>("echo1");
    co_await service.run();
    co_await service.wait();
}

int main() { return fluxlib::run(app()); }
