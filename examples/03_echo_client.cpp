// SPDX-License-Identifier: MIT
// Talks to 02_echo_service over a NATS server: first by topics, then by a request.
//
//   NATS_URL=nats://localhost:4222 ./03_echo_client
#include <fluxlib/service.hpp>
#include <fluxmq/nats.hpp>

#include <boost/describe/class.hpp>

#include <iostream>

// What the echo service answers with. A described struct can be read from JSON, and published as JSON.
struct Echo {
    boost::json::value original_message;
    boost::json::value echo;
    std::string node_id;
};
BOOST_DESCRIBE_STRUCT(Echo, (), (original_message, echo, node_id))

// Services announce their status when it changes, and when they are asked.
fluxlib::Task<> wait_until_active(fluxlib::Service& client, std::string service_id) {
    const auto statuses = co_await client.subscribe(client.topic().status(service_id));
    client.publish(client.topic().status_request(service_id), "");
    for (;;) {
        const auto status = co_await statuses->get();
        std::cout << service_id << " is " << status.text() << '\n';
        if (status.text() == client.status().active())
            co_return;
    }
}

fluxlib::Task<> app() {
    auto transport = std::make_shared<fluxmq::Nats>();
    co_await transport->connect();
    fluxlib::Service client{"echo-client"};
    client.attach(transport);
    co_await client.run();
    std::cout << "waiting for the echo service (start 02_echo_service)" << std::endl;
    co_await wait_until_active(client, "echo-service");

    // Publish and subscribe: whoever listens gets the responses. subscribe() completes when the server routes to it.
    const auto responses = co_await client.subscribe("echo/echo1/response");
    for (int i = 1; i <= 5; ++i)
        client.publish("echo/echo1/request",
                       {{"text", "Hello, Echo! Message #" + std::to_string(i)}, {"id", i}});
    for (int i = 1; i <= 5; ++i) {
        const auto response = co_await responses->get();
        const auto echo = response.as<Echo>();
        std::cout << "response " << i << " of " << echo.node_id << ": " << echo.echo << '\n';
    }

    // Request and respond: one question, and the answer to just this one. A JSON payload gets a name first, for
    // g++ 12 rejects braces inside a co_await expression.
    const boost::json::object question{{"text", "Is anybody there?"}};
    const auto answer = co_await client.request("echo/echo1/request", question, std::chrono::seconds{2});
    std::cout << "answer: " << answer.text() << '\n';

    client.shutdown();
    co_await client.wait();
}

int main() { return fluxlib::run(app()); }
