// SPDX-License-Identifier: MIT
// A client against a peer that does what the test says. No server, no real time.
#pragma once

#include <fluxmq/nats.hpp>
#include <fluxmq/testing/scripted_peer.hpp>
#include <fluxmq/testing/virtual_clock.hpp>

#include "nats_support.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace fluxmq::test {

struct NatsScripted : ::testing::Test {
    NatsScripted() { watch(*nats); }

    NatsOptions with_clock(NatsOptions options = {}) {
        options.clock = clock;
        options.randomize = false;
        return options;
    }
    void replace(const NatsOptions& options) {
        nats = std::make_unique<Nats>(options);
        watch(*nats);
    }
    void watch(Nats& transport) {
        transport.on_event([this](const ConnectionEvent& event) {
            events.push_back(std::string{to_string(event.state)} + ": " + event.detail);
        });
    }
    bool saw(std::string_view start) const {
        for (const auto& event : events)
            if (event.starts_with(start))
                return true;
        return false;
    }

    void run(auto body) { test::run(std::move(body), io); }
    Beside beside(auto operation) { return Beside{io.get_executor(), std::move(operation)}; }

    // Both sides up to the first PING for a sign of life.
    Task<> connect() {
        auto connecting = beside(nats->connect(peer.url()));
        co_await welcome();
        EXPECT_FALSE(co_await connecting.end());
    }
    Task<> welcome() {
        co_await peer.accept();
        co_await peer.shake_hands();
    }
    // What the client sends, without its signs of life.
    Task<std::string> next_line() {
        std::string line = "PING";
        while (line == "PING")
            line = co_await peer.read_line();
        co_return line;
    }
    Task<Subscription> subscribe(std::string topic, std::shared_ptr<Receiver> receiver) {
        auto confirmed = beside(confirm());
        auto subscription = co_await nats->subscribe(topic, receiver);
        EXPECT_FALSE(co_await confirmed.end());
        co_return subscription;
    }
    Task<> confirm() {
        auto line = co_await next_line();
        EXPECT_TRUE(line.starts_with("SUB ")) << line;
        co_await peer.expect("PING");
        co_await peer.send("PONG\r\nPONG\r\n"); // one is for the first sign of life
    }
    // Moves the clock from call to call until `condition` holds, but not as far as the deadline of a handshake,
    // which takes real time.
    Task<> advance_until(std::function<bool()> condition,
                         Clock::duration reach = std::chrono::milliseconds{500}) {
        const auto step = [&] {
            if (condition())
                return true;
            if (const auto next = clock->next(); next && *next - clock->now() <= reach)
                clock->advance_to(*next);
            return condition();
        };
        co_await until(step, "what time should bring");
    }

    boost::asio::io_context io{1};
    testing::ScriptedPeer peer{io.get_executor()};
    std::shared_ptr<testing::VirtualClock> clock = std::make_shared<testing::VirtualClock>();
    std::vector<std::string> events;
    std::unique_ptr<Nats> nats = std::make_unique<Nats>(with_clock());
};

} // namespace fluxmq::test
