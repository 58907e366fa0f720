// SPDX-License-Identifier: MIT
// Robust connections to NATS: several servers, time limits, events, and what happens when a server dies.
//
//   NATS_URL=nats://localhost:4222 ./08_connection
#include <fluxlib/service.hpp>
#include <fluxmq/nats.hpp>
#include <fluxmq/testing/nats_server.hpp>
#include <fluxmq/wakeup.hpp>

#include <cstdlib>
#include <iostream>

using namespace std::chrono_literals;

// Nobody listens there: an error that says so, within connect_timeout, and not a retry for ever.
fluxlib::Task<> connect_to_nobody() {
    fluxmq::NatsOptions options;
    options.connect_timeout = 500ms;
    const auto transport = std::make_shared<fluxmq::Nats>(options);
    try {
        co_await transport->connect("nats://127.0.0.1:1");
    } catch (const fluxmq::Error& error) {
        std::cout << "not connected: " << error.what() << (error.retryable() ? " (may be tried again)" : "")
                  << '\n';
    }
}

// The first server that answers is taken; the others are there for when it goes away.
fluxlib::Task<> connect_to_one_of(std::string url) {
    fluxmq::NatsOptions options;
    options.name = "connection-example"; // as the server's monitoring shows it
    options.servers = {"nats://127.0.0.1:1", std::move(url)};
    options.connect_timeout = 2s;
    const auto transport = std::make_shared<fluxmq::Nats>(options);
    co_await transport->connect();
    std::cout << "connected to one of two servers: " << transport->server() << '\n';
    co_await transport->close();
}

// A server of our own that dies and comes back. The service notices, connects again and subscribes again, and what
// was published meanwhile arrives.
fluxlib::Task<> survive_a_restart() {
    fluxmq::testing::NatsServer server;
    fluxmq::NatsOptions options;
    options.reconnect_time_wait = 200ms;  // longest pause between two attempts
    options.max_reconnect_attempts = 100; // then it gives up; -1: never
    options.reconnect_buffer_size = 1 << 20;
    fluxmq::Wakeup lost; // something to await: the event handler wakes whoever waits
    fluxmq::Wakeup back;
    const auto transport = std::make_shared<fluxmq::Nats>(options);
    transport->on_event([&](const fluxmq::ConnectionEvent& event) {
        std::cout << "event: " << to_string(event.state) << '\n';
        if (event.state == fluxmq::ConnectionState::disconnected)
            lost.notify();
        if (event.state == fluxmq::ConnectionState::reconnected)
            back.notify();
    });
    co_await transport->connect(server.url());

    fluxlib::Queue queue{{.messages = 100}};
    const auto subscription = co_await transport->subscribe("greetings", queue.inlet());
    transport->publish("greetings", "hello");
    const auto first = co_await queue.get();
    std::cout << "received: " << first.text() << '\n';

    server.kill9();
    co_await lost.wait();
    transport->publish("greetings", "are you back?"); // kept until there is a server again
    server.start();
    co_await back.wait();
    const auto second = co_await queue.get();
    std::cout << "received: " << second.text() << '\n';
    co_await transport->close();
}

fluxlib::Task<> app() {
    const char* url = std::getenv("NATS_URL");
    co_await connect_to_nobody();
    co_await connect_to_one_of(url ? url : "nats://localhost:4222");
    co_await survive_a_restart();
}

int main() { return fluxlib::run(app()); }
