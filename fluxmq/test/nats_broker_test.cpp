// SPDX-License-Identifier: MIT
// What only a real nats-server shows: credentials, permissions, limits, failover, kill and restart.
#include <fluxmq/nats.hpp>
#include <fluxmq/testing/nats_server.hpp>

#include "nats_support.hpp"

#include <atomic>
#include <map>
#include <thread>

using namespace fluxmq;
using namespace fluxmq::test;
using namespace std::chrono_literals;
using fluxmq::testing::NatsServer;

namespace {

// Reconnects quickly, so that a test need not wait.
NatsOptions quick(NatsOptions options = {}) {
    options.randomize = false;
    options.reconnect_time_wait = 20ms;
    return options;
}

struct Events {
    explicit Events(Nats& nats) {
        nats.on_event([this](const ConnectionEvent& event) { seen.push_back(event); });
    }
    std::size_t count(ConnectionState state) const {
        std::size_t count = 0;
        for (const auto& event : seen)
            count += event.state == state;
        return count;
    }
    Task<> have(ConnectionState state, std::size_t times) {
        co_await until([&] { return count(state) >= times; }, std::string{to_string(state)});
    }
    std::vector<ConnectionEvent> seen;
};

std::optional<Error> connect_failure(const std::string& url, NatsOptions options = {}) {
    std::optional<Error> failure;
    run([&]() -> Task<> {
        Nats nats{options};
        failure = co_await failure_of(nats.connect(url));
        EXPECT_EQ(nats.connected(), !failure);
        co_await nats.close();
    });
    return failure;
}

void expect_refused(const std::optional<Error>& failure) {
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->kind(), errc::authorization_failed) << failure->what();
    EXPECT_FALSE(failure->retryable());
    EXPECT_EQ(failure->broker_text(), "Authorization Violation");
    EXPECT_EQ(std::string{failure->what()}.find("wr0ng"), std::string::npos) << failure->what();
}

} // namespace

TEST(NatsBroker, user_and_password_are_accepted_and_rejected) {
    const NatsServer server{{.arguments = {"--user", "me", "--pass", "s3cret"}}};
    EXPECT_FALSE(connect_failure(server.url("me:s3cret")));
    EXPECT_FALSE(connect_failure(server.url(), {.user = "me", .password = "s3cret"}));
    expect_refused(connect_failure(server.url("me:wr0ng")));
    expect_refused(connect_failure(server.url(), {.user = "me", .password = "wr0ng"}));
    expect_refused(connect_failure(server.url()));
    expect_refused(connect_failure(server.url("wr0ng")));
}

TEST(NatsBroker, a_password_with_odd_characters_is_written_percent_encoded) {
    const NatsServer server{{.config = R"(authorization { user: "a@b", password: "p:/@%\"x" })"}};
    EXPECT_FALSE(connect_failure(server.url("a%40b:p%3A%2F%40%25%22x")));
    EXPECT_FALSE(connect_failure(server.url(), {.user = "a@b", .password = "p:/@%\"x"}));
}

TEST(NatsBroker, a_token_is_accepted_and_rejected) {
    const NatsServer server{{.arguments = {"--auth", "s3cret"}}};
    EXPECT_FALSE(connect_failure(server.url("s3cret")));
    EXPECT_FALSE(connect_failure(server.url(), {.token = "s3cret"}));
    expect_refused(connect_failure(server.url("wr0ng")));
    expect_refused(connect_failure(server.url(), {.token = "wr0ng"}));
    expect_refused(connect_failure(server.url()));
}

TEST(NatsBroker, the_servers_limit_is_enforced_before_it_can_hang_up) {
    const NatsServer server{{.config = "max_payload: 1024"}};
    run([&]() -> Task<> {
        Nats nats;
        const Events events{nats};
        co_await nats.connect(server.url());
        EXPECT_EQ(nats.max_payload(), 1024u);
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await nats.subscribe("a", inbox);
        nats.publish("a", std::string(1024, 'x'));
        EXPECT_EQ(kind_thrown_by([&] { nats.publish("a", std::string(1025, 'x')); }),
                  errc::payload_too_large);
        EXPECT_EQ(kind_thrown_by([&] { nats.publish("a", std::string(1024, 'x'), Headers{{"a", "b"}}); }),
                  errc::payload_too_large);
        co_await nats.flush();
        EXPECT_EQ(inbox->size(), 1u);
        EXPECT_EQ(events.count(ConnectionState::disconnected), 0u);
        co_await nats.close();
    });
}

TEST(NatsBroker, permissions_give_errors_and_events_and_the_connection_goes_on) {
    const NatsServer server{{.config = R"(
        authorization { users: [ { user: u, password: p, permissions: {
            publish: { deny: ["forbidden.>"] }
            subscribe: { deny: ["forbidden.>"] } } } ] })"}};
    run([&]() -> Task<> {
        Nats nats;
        Events events{nats};
        co_await nats.connect(server.url("u:p"));
        const auto inbox = std::make_shared<Inbox>();
        auto failure = co_await failure_of(nats.subscribe("forbidden.a", inbox));
        EXPECT_TRUE(failure && failure->kind() == errc::permission_denied);
        EXPECT_TRUE(failure && failure->topic() == "forbidden.a");
        EXPECT_TRUE(failure && !failure->broker_text().empty());
        failure = co_await failure_of(nats.subscribe("forbidden.a", inbox, {.queue = "q"}));
        EXPECT_TRUE(failure && failure->kind() == errc::permission_denied);
        EXPECT_EQ(inbox.use_count(), 1);
        failure = co_await failure_of(nats.request("forbidden.b", "x", 20s));
        EXPECT_TRUE(failure && failure->kind() == errc::permission_denied);
        nats.publish("forbidden.c", "x");
        co_await nats.flush();
        EXPECT_EQ(events.count(ConnectionState::error), 4u);
        const auto subscription = co_await nats.subscribe("allowed", inbox);
        nats.publish("allowed", "x");
        co_await inbox->holds(1);
        EXPECT_EQ(events.count(ConnectionState::disconnected), 0u);
        co_await nats.close();
    });
}

TEST(NatsBroker, no_echo_keeps_ones_own_messages_away) {
    const NatsServer server;
    run([&]() -> Task<> {
        Nats nats{NatsOptions{.no_echo = true}};
        Nats other;
        co_await nats.connect(server.url());
        co_await other.connect(server.url());
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await nats.subscribe("a", inbox);
        nats.publish("a", "own");
        co_await nats.flush();
        other.publish("a", "other");
        co_await inbox->holds(1);
        EXPECT_EQ(inbox->texts(), std::vector<std::string>{"other"});
        co_await nats.close();
        co_await other.close();
    });
}

TEST(NatsBroker, a_host_name_is_looked_up) {
    const NatsServer server;
    EXPECT_FALSE(connect_failure("localhost:" + std::to_string(server.port())));
}

TEST(NatsBroker, tells_the_name_and_version_of_its_server) {
    const NatsServer server;
    run([&]() -> Task<> {
        Nats nats{quick()};
        EXPECT_EQ(nats.server_info().version, "");
        co_await nats.connect(server.url());
        const auto info = nats.server_info();
        EXPECT_NE(info.version.find('.'), std::string::npos) << info.version;
        EXPECT_NE(info.name, "");
        co_await nats.close();
    });
}

TEST(NatsBroker, moves_to_another_server_when_its_own_dies) {
    NatsServer first;
    const NatsServer second;
    run([&]() -> Task<> {
        Nats nats{quick({.servers = {second.url()}})};
        Events events{nats};
        co_await nats.connect(first.url());
        EXPECT_EQ(nats.server(), first.address());
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await nats.subscribe("a", inbox);
        first.kill9();
        co_await events.have(ConnectionState::reconnected, 1);
        EXPECT_EQ(nats.server(), second.address());
        nats.publish("a", "x");
        co_await inbox->holds(1);
        co_await nats.close();
    });
}

TEST(NatsBroker, a_frozen_server_is_noticed_by_its_missing_answers) {
    NatsServer server;
    run([&]() -> Task<> {
        Nats nats{quick({.connect_timeout = 100ms, .ping_interval = 50ms})};
        Events events{nats};
        co_await nats.connect(server.url());
        server.freeze();
        co_await events.have(ConnectionState::disconnected, 1);
        server.thaw();
        co_await events.have(ConnectionState::reconnected, 1);
        EXPECT_TRUE(nats.connected());
        co_await nats.close();
    });
}

TEST(NatsBroker, credentials_that_are_refused_on_reconnect_end_the_transport) {
    NatsServer server{{.arguments = {"--user", "me", "--pass", "s3cret"}}};
    run([&]() -> Task<> {
        Nats nats{quick()};
        Events events{nats};
        co_await nats.connect(server.url("me:s3cret"));
        const auto port = server.port();
        server.kill9();
        co_await events.have(ConnectionState::disconnected, 1);
        // Another server with other users takes the port.
        NatsServer stranger{{.arguments = {"--user", "me", "--pass", "changed"}, .port = port}};
        co_await events.have(ConnectionState::closed, 1);
        EXPECT_NE(events.seen.back().detail.find("refused twice"), std::string::npos)
            << events.seen.back().detail;
        EXPECT_EQ(events.seen.back().detail.find("s3cret"), std::string::npos);
        EXPECT_EQ(kind_thrown_by([&] { nats.publish("a", "x"); }), errc::closed);
        co_await nats.close();
    });
}

TEST(NatsBroker, events_tell_the_story_of_a_connection) {
    NatsServer server;
    run([&]() -> Task<> {
        Nats nats{quick()};
        Events events{nats};
        co_await nats.connect(server.url());
        server.kill9();
        co_await events.have(ConnectionState::disconnected, 1);
        EXPECT_FALSE(nats.connected());
        server.start();
        co_await events.have(ConnectionState::reconnected, 1);
        EXPECT_TRUE(nats.connected());
        co_await nats.close();
        std::vector<ConnectionState> states;
        for (const auto& event : events.seen)
            states.push_back(event.state);
        EXPECT_EQ(states, (std::vector{ConnectionState::connected, ConnectionState::disconnected,
                                       ConnectionState::reconnected, ConnectionState::closed}));
        EXPECT_EQ(events.seen[0].detail, server.address());
        EXPECT_EQ(nats.counters().reconnects, 1u);
    });
}

// Killed and restarted ten times in a row under load. What was handed to a connection just before it broke may be
// lost (at most once); everything else arrives, in order, and what was buffered meanwhile too.
TEST(NatsBroker, survives_ten_kills_of_the_server_under_load) {
    NatsServer server;
    run([&]() -> Task<> {
        constexpr int kills = 10;
        Nats nats{quick({.reconnect_buffer_size = std::size_t{64} << 20})};
        Events events{nats};
        co_await nats.connect(server.url());
        const auto wild = std::make_shared<Inbox>();
        const auto exact = std::make_shared<Inbox>();
        const auto group = std::make_shared<Inbox>();
        const auto s1 = co_await nats.subscribe("load.*", wild);
        const auto s2 = co_await nats.subscribe("load.0", exact);
        const auto s3 = co_await nats.subscribe("load.*", group, {.queue = "q"});
        const auto echo = co_await nats.subscribe("echo", std::make_shared<Echo>(nats));

        std::atomic<bool> stop{false};
        std::atomic<int> sent[2] = {0, 0};
        std::vector<std::thread> publishers;
        for (int t = 0; t < 2; ++t)
            publishers.emplace_back([&, t] {
                const auto topic = "load." + std::to_string(t);
                while (!stop) {
                    try {
                        nats.publish(topic, std::to_string(sent[t]));
                        ++sent[t];
                    } catch (const Error&) { // the buffer is full
                    }
                    if (sent[t] % 20 == 0)
                        std::this_thread::sleep_for(1ms); // the load, not a wait
                }
            });

        for (int kill = 1; kill <= kills; ++kill) {
            const auto before = wild->size();
            co_await wild->holds(before + 200); // under load
            server.kill9();
            co_await events.have(ConnectionState::disconnected, static_cast<std::size_t>(kill));
            nats.publish("load.buffered", std::to_string(kill)); // there is no connection now
            const int from[2] = {sent[0], sent[1]};
            co_await until([&] { return sent[0] > from[0] + 20 && sent[1] > from[1] + 20; },
                           "load meanwhile");
            server.start();
            co_await events.have(ConnectionState::reconnected, static_cast<std::size_t>(kill));
            const auto answer = co_await nats.request("echo", "still there?", 20s);
            EXPECT_EQ(answer.text(), "still there?");
        }
        stop = true;
        for (auto& publisher : publishers)
            publisher.join();
        co_await nats.flush();
        co_await nats.flush();

        std::map<std::string, std::vector<int>, std::less<>> numbers;
        for (const auto& message : wild->messages())
            numbers[std::string{message.topic()}].push_back(std::stoi(std::string{message.text()}));
        EXPECT_EQ(numbers["load.buffered"], (std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
        for (int t = 0; t < 2; ++t) {
            const auto& got = numbers["load." + std::to_string(t)];
            EXPECT_TRUE(std::is_sorted(got.begin(), got.end()));
            EXPECT_EQ(std::adjacent_find(got.begin(), got.end()), got.end()) << "one came twice";
            int gaps = 0;
            for (std::size_t i = 1; i < got.size(); ++i)
                gaps += got[i] != got[i - 1] + 1;
            EXPECT_LE(gaps, kills) << "a loss that no kill explains";
            EXPECT_EQ(got.back(), sent[t] - 1);
        }
        // A connection may break between the copies of one message to several subscriptions.
        EXPECT_NEAR(static_cast<double>(exact->size()), static_cast<double>(numbers["load.0"].size()), kills);
        EXPECT_NEAR(static_cast<double>(group->size()), static_cast<double>(wild->size()), kills);
        const auto counters = nats.counters();
        EXPECT_EQ(counters.reconnects, static_cast<std::uint64_t>(kills));
        EXPECT_EQ(counters.pending, 0u);
        EXPECT_EQ(counters.lost, 0u);
        co_await nats.close();
    });
}

TEST(NatsBroker, what_is_buffered_while_disconnected_is_bounded) {
    NatsServer server;
    run([&]() -> Task<> {
        Nats nats{quick({.reconnect_buffer_size = 1'000})};
        Events events{nats};
        co_await nats.connect(server.url());
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await nats.subscribe("a", inbox);
        server.kill9();
        co_await events.have(ConnectionState::disconnected, 1);
        int taken = 0;
        std::optional<errc> refused;
        while (!refused) {
            refused = kind_thrown_by([&] { nats.publish("a", std::string(80, 'x')); });
            taken += !refused;
        }
        EXPECT_EQ(refused, errc::buffer_full);
        EXPECT_EQ(nats.counters().pending, static_cast<std::uint64_t>(taken));
        server.start();
        co_await events.have(ConnectionState::reconnected, 1);
        co_await inbox->holds(static_cast<std::size_t>(taken));
        co_await nats.flush();
        EXPECT_EQ(inbox->size(), static_cast<std::size_t>(taken));
        co_await nats.close();
    });
}

TEST(NatsBroker, operations_may_be_cancelled_in_a_storm_of_restarts) {
    NatsServer server;
    run([&]() -> Task<> {
        Nats nats{quick()};
        Events events{nats};
        co_await nats.connect(server.url());
        const auto executor = co_await boost::asio::this_coro::executor;
        const auto inbox = std::make_shared<Inbox>();
        for (int round = 0; round < 60; ++round) {
            Beside asking{executor, nats.request("nobody", "x", 1h)};
            Beside subscribing{executor, nats.subscribe("a." + std::to_string(round), inbox)};
            Beside flushing{executor, nats.flush(1h)};
            for (int i = 0; i < round % 7; ++i)
                co_await turn();
            if (round % 20 == 10)
                server.restart();
            asking.cancel();
            subscribing.cancel();
            flushing.cancel();
            for (auto* each : {&asking, &subscribing, &flushing})
                co_await each->end();
        }
        co_await until([&] { return nats.connected(); }, "the connection");
        co_await nats.flush(20s);
        EXPECT_EQ(inbox.use_count(), 1);
        co_await nats.close();
    });
}

TEST(NatsBroker, the_handle_may_go_on_another_thread_while_messages_come) {
    const NatsServer server;
    for (int round = 0; round < 20; ++round) {
        boost::asio::io_context io{1};
        auto nats = std::make_unique<Nats>();
        const auto inbox = std::make_shared<Inbox>();
        std::atomic<bool> gone{false};
        std::atomic<int> late{0};
        std::atomic<bool> ready{false};
        Subscription subscription;
        nats->on_event([&](const ConnectionEvent&) { late += gone; });
        inbox->on_message([&](const Message&) { late += gone; });
        std::exception_ptr thrown;
        const auto body = [&]() -> Task<> {
            co_await nats->connect(server.url());
            subscription = co_await nats->subscribe("a", inbox);
            for (int i = 0; i < 2'000; ++i)
                nats->publish("a", "x");
            co_await inbox->holds(1);
            ready = true;
        };
        boost::asio::co_spawn(io, body(), [&](std::exception_ptr error) {
            thrown = error;
            ready = true;
        });
        std::thread loop{[&] { io.run(); }};
        while (!ready)
            std::this_thread::yield();
        nats.reset();
        gone = true;
        loop.join(); // the connection ends by itself
        EXPECT_FALSE(thrown);
        EXPECT_EQ(late, 0);
        inbox->on_message(nullptr);
    }
}
