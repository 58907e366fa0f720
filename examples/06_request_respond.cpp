// SPDX-License-Identifier: MIT
// Questions and answers: request() awaits one answer, respond() gives it.
#include <fluxlib/service.hpp>
#include <fluxmq/inproc.hpp>

#include <iostream>

using namespace std::chrono_literals;

// Asks from within a hook. While it waits for the answer, other nodes go on.
class Curious : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_start() override {
        // call() is a request that hands its answer to a callback.
        const auto print = [](const fluxlib::Message& answer) {
            std::cout << "call answered: " << answer.text() << '\n';
        };
        co_await output("questions").call("weather.today", print, "Berlin");
    }
};

fluxlib::Task<> ask_in_vain(fluxlib::Service& service, std::string topic) {
    try {
        co_await service.request(topic, "hello?", 100ms);
    } catch (const fluxmq::Error& error) {
        // One exception for everything; kind() tells the reasons apart, and retryable() whether to try again.
        const bool nobody = error.kind() == fluxmq::errc::no_responders;
        std::cout << (nobody ? "nobody listens: " : "no answer: ") << error.what() << '\n';
    }
}

fluxlib::Task<> app() {
    fluxlib::Service service{"weather-service"};
    auto transport = std::make_shared<fluxmq::InProc>();
    co_await transport->connect();
    service.attach(transport);

    // Whoever subscribes may answer. The payload is text, bytes or JSON.
    co_await service.subscribe_handler("weather.today", [&service](const fluxlib::Message& question) {
        service.respond(question, {{"place", question.text()}, {"sky", "sunny"}, {"celsius", 21.5}});
    });
    // This one listens and never answers.
    co_await service.subscribe_handler("weather.tomorrow", [](const fluxlib::Message&) {});

    // A node with an output, described in code in place of a manager's config.
    fluxlib::NodeOptions options;
    options.node.outputs = {{.alias = "questions", .topics = {"questions"}}};
    service.append_node<Curious>("curious", options);
    co_await service.run(); // the node asks when it starts

    const auto answer = co_await service.request("weather.today", "Paris", 2s);
    const auto json = answer.json();
    std::cout << json.at("place") << " is " << json.at("sky") << '\n';

    co_await ask_in_vain(service, "weather.yesterday");
    co_await ask_in_vain(service, "weather.tomorrow");

    service.shutdown();
    co_await service.wait();
}

int main() { return fluxlib::run(app()); }
