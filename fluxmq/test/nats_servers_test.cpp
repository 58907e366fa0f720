// SPDX-License-Identifier: MIT
// Which server a connection is made to, with real ones: the first connect, failover, and moving in time.
#include <fluxmq/mailbox.hpp>
#include <fluxmq/nats.hpp>
#include <fluxmq/testing/nats_cluster.hpp>

#include "nats_support.hpp"

#include <algorithm>
#include <set>

using namespace fluxmq;
using namespace fluxmq::test;
using namespace std::chrono_literals;
using fluxmq::testing::NatsCluster;
using fluxmq::testing::NatsServer;

namespace {

NatsOptions quick() {
    NatsOptions options;
    options.reconnect_time_wait = 50ms;
    return options;
}

// A cluster whose members go soon after they have said so.
fluxmq::testing::NatsClusterOptions short_lived() {
    return {.config = "lame_duck_grace_period: \"1s\"\nlame_duck_duration: \"30s\""};
}

} // namespace

TEST(NatsServers, a_client_that_knows_one_server_fails_over_to_others_of_its_cluster) {
    NatsCluster cluster;
    run([&]() -> Task<> {
        Nats nats{quick()};
        co_await nats.connect(cluster[0].url());
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await nats.subscribe("a", inbox);
        cluster[0].kill9();
        co_await until([&] { return nats.counters().reconnects == 1 && nats.connected(); }, "a reconnect");
        EXPECT_NE(nats.server(), cluster[0].address());
        nats.publish("a", "still here");
        co_await inbox->holds(1);
        co_await nats.close();
    });
}

TEST(NatsServers, a_client_that_shall_not_use_others_waits_for_its_own) {
    NatsCluster cluster;
    run([&]() -> Task<> {
        auto options = quick();
        options.use_discovered_servers = false;
        Nats nats{options};
        bool lost = false;
        nats.on_event(
            [&](const ConnectionEvent& event) { lost |= event.state == ConnectionState::disconnected; });
        co_await nats.connect(cluster[0].url());
        cluster[0].kill9();
        co_await until([&] { return lost; }, "the loss");
        cluster[0].start();
        co_await until([&] { return nats.connected(); }, "a reconnect");
        EXPECT_EQ(nats.server(), cluster[0].address());
        co_await nats.close();
    });
}

TEST(NatsServers, clients_spread_over_the_servers_unless_they_keep_the_order) {
    NatsCluster cluster;
    run([&]() -> Task<> {
        std::set<std::string> spread;
        for (int i = 0; i < 60; ++i) {
            Nats nats;
            co_await nats.connect(cluster.url());
            spread.insert(nats.server());
            co_await nats.close();
        }
        EXPECT_EQ(spread.size(), 3u) << "by chance less once in 10^10 runs";
        NatsOptions options;
        options.randomize = false;
        for (int i = 0; i < 3; ++i) {
            Nats nats{options};
            co_await nats.connect(cluster.url());
            EXPECT_EQ(nats.server(), cluster[0].address());
            co_await nats.close();
        }
    });
}

TEST(NatsServers, a_connection_moves_before_a_lame_duck_goes_and_the_publisher_loses_nothing) {
    NatsCluster cluster{short_lived()};
    run([&]() -> Task<> {
        auto options = quick();
        Nats moving{options};
        Nats staying{options};
        std::vector<ConnectionState> states;
        moving.on_event([&](const ConnectionEvent& event) { states.push_back(event.state); });
        co_await moving.connect(cluster[0].url());
        co_await staying.connect(cluster[1].url());
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await staying.subscribe("numbers", inbox);
        const auto echo = std::make_shared<Inbox>();
        const auto questions = co_await staying.subscribe("questions", echo);
        co_await until(
            [&] {
                moving.publish("numbers", "0");
                return inbox->size() > 0;
            },
            "the route");
        inbox->clear();

        // A request is under way while the connection moves.
        const fluxmq::Bytes question = fluxmq::Bytes::copy("?");
        std::optional<std::string> answer;
        auto ask = [&]() -> Task<> {
            const auto message = co_await moving.request("questions", question, 30s);
            answer = std::string{message.text()};
        };
        Beside asking{co_await boost::asio::this_coro::executor, ask()};
        co_await echo->holds(1);

        cluster[0].enter_lame_duck();
        int published = 0;
        co_await until(
            [&] {
                moving.publish("numbers", std::to_string(++published));
                return moving.counters().reconnects == 1 && moving.connected();
            },
            "the move");
        EXPECT_TRUE(cluster[0].running()) << "it moved before the server was gone";
        EXPECT_NE(moving.server(), cluster[0].address());
        for (int i = 0; i < 10; ++i)
            moving.publish("numbers", std::to_string(++published));
        const auto numbers = [&] {
            auto texts = inbox->texts();
            std::erase(texts, "0"); // of the route's trial
            return texts;
        };
        co_await until([&] { return numbers().size() >= static_cast<std::size_t>(published); },
                       "all numbers");
        co_await staying.flush(); // and nothing more
        const auto texts = numbers();
        EXPECT_EQ(texts.size(), static_cast<std::size_t>(published));
        // What goes by the next server may overtake what is still in the route of the last one.
        int overtaken = 0;
        auto previous = texts.begin();
        for (int i = 1; i <= published; ++i) {
            const auto found = std::find(texts.begin(), texts.end(), std::to_string(i));
            EXPECT_NE(found, texts.end()) << i << " is lost";
            overtaken += found < previous ? 1 : 0;
            previous = found;
        }
        EXPECT_LE(overtaken, 1) << "each server keeps the order";

        // The answer finds the asker where it is now.
        co_await until(
            [&] {
                if (!answer)
                    staying.respond(echo->last(), "!");
                return answer.has_value();
            },
            "the answer");
        EXPECT_EQ(answer, "!");
        EXPECT_FALSE(co_await asking.end());
        EXPECT_EQ(states.size(), 4u);
        EXPECT_EQ(states[1], ConnectionState::lame_duck);
        co_await moving.close();
        co_await staying.close();
    });
}

TEST(NatsServers, a_subscriber_that_moves_keeps_the_order_and_gets_nothing_twice) {
    NatsCluster cluster{short_lived()};
    run([&]() -> Task<> {
        Nats moving{quick()};
        Nats staying{quick()};
        co_await moving.connect(cluster[0].url());
        co_await staying.connect(cluster[1].url());
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await moving.subscribe("numbers", inbox);
        int published = 0;
        const auto publish = [&] { staying.publish("numbers", std::to_string(++published)); };
        co_await until(
            [&] {
                publish();
                return inbox->size() > 0;
            },
            "the route");
        cluster[0].enter_lame_duck();
        co_await until(
            [&] {
                publish();
                return moving.counters().reconnects == 1 && moving.connected();
            },
            "the move");
        const auto before = inbox->size();
        co_await until(
            [&] {
                publish();
                return inbox->size() > before;
            },
            "a message on the new connection");
        int last = 0;
        for (const auto& text : inbox->texts()) {
            const int number = std::stoi(text);
            EXPECT_GT(number, last);
            last = number;
        }
        co_await moving.close();
        co_await staying.close();
    });
}

TEST(NatsServers, a_receiver_that_blocks_does_not_keep_a_connection_with_a_lame_duck) {
    NatsCluster cluster{short_lived()};
    run([&]() -> Task<> {
        auto options = quick();
        options.connect_timeout = 500ms;
        Nats moving{options};
        moving.on_event([&](const ConnectionEvent& event) {
            if (event.state != ConnectionState::lame_duck)
                return;
            for (int i = 0; i < 10; ++i) // what comes back of it fills the receiver before the move
                moving.publish("a", "x");
        });
        co_await moving.connect(cluster[0].url());
        const auto mailbox = Mailbox::create(); // which nobody reads
        const auto inlet = mailbox->add_inlet({.messages = 1, .overflow = Overflow::block});
        const auto subscription = co_await moving.subscribe("a", inlet);
        cluster[0].enter_lame_duck();
        co_await until([&] { return moving.counters().reconnects == 1 && moving.connected(); }, "the move");
        EXPECT_NE(moving.server(), cluster[0].address());
        EXPECT_TRUE(cluster[0].running());
        moving.publish("b", "x");
        co_await moving.flush();
        co_await moving.close();
    });
}

TEST(NatsServers, a_connection_with_nowhere_to_go_stays_with_a_lame_duck_to_its_end) {
    NatsServer server{{.config = "lame_duck_grace_period: \"1s\"\nlame_duck_duration: \"30s\""}};
    run([&]() -> Task<> {
        Nats nats{quick()};
        std::vector<ConnectionState> states;
        nats.on_event([&](const ConnectionEvent& event) { states.push_back(event.state); });
        co_await nats.connect(server.url());
        server.enter_lame_duck();
        co_await until([&] { return !nats.connected(); }, "its end");
        server.restart();
        co_await until([&] { return nats.connected(); }, "a reconnect");
        EXPECT_EQ(states, (std::vector{ConnectionState::connected, ConnectionState::lame_duck,
                                       ConnectionState::disconnected, ConnectionState::reconnected}));
        co_await nats.close();
    });
}

TEST(NatsServers, a_first_connect_fails_at_once_or_goes_on_until_there_is_a_server) {
    NatsServer server;
    const auto url = server.url();
    server.kill9();
    run([&]() -> Task<> {
        Nats impatient{quick()};
        const auto failure = co_await failure_of(impatient.connect(url));
        EXPECT_TRUE(failure && failure->kind() == errc::connect_failed && failure->retryable());

        auto options = quick();
        options.retry_on_failed_connect = true;
        Nats patient{options};
        Beside connecting{co_await boost::asio::this_coro::executor, patient.connect(url)};
        for (int i = 0; i < 100; ++i)
            co_await turn();
        EXPECT_FALSE(connecting.done());
        server.start();
        EXPECT_FALSE(co_await connecting.end());
        EXPECT_TRUE(patient.connected());
        co_await patient.close();
    });
}

TEST(NatsServers, a_first_connect_that_goes_on_keeps_its_deadline_and_its_number_of_rounds) {
    NatsServer server;
    const auto url = server.url();
    server.kill9();
    run([&]() -> Task<> {
        auto options = quick();
        options.retry_on_failed_connect = true;
        options.connect_deadline = 200ms;
        Nats late{options};
        auto failure = co_await failure_of(late.connect(url));
        EXPECT_TRUE(failure && failure->kind() == errc::connect_timeout);
        if (failure) {
            const std::string what = failure->what();
            EXPECT_NE(what.find("within 200 ms (connect_deadline)"), std::string::npos) << what;
            EXPECT_NE(what.find("Connection refused"), std::string::npos) << what;
        }
        options.connect_deadline = 0ms;
        options.max_reconnect_attempts = 2;
        Nats few{options};
        failure = co_await failure_of(few.connect(url));
        EXPECT_TRUE(failure && failure->kind() == errc::connect_failed);
    });
}

TEST(NatsServers, a_deadline_ends_an_attempt_under_way) {
    NatsServer server;
    server.freeze(); // the system accepts for it, and it says nothing
    run([&]() -> Task<> {
        NatsOptions options;
        options.connect_deadline = 100ms;
        options.connect_timeout = 60s;
        Nats nats{options};
        const auto failure = co_await failure_of(nats.connect(server.url()));
        EXPECT_TRUE(failure && failure->kind() == errc::connect_timeout);
    });
    server.thaw();
}

TEST(NatsServers, a_first_connect_that_goes_on_does_not_with_wrong_credentials) {
    const NatsServer server{{.arguments = {"--user", "me", "--pass", "s3cret"}}};
    run([&]() -> Task<> {
        auto options = quick();
        options.retry_on_failed_connect = true;
        Nats nats{options};
        const auto failure = co_await failure_of(nats.connect(server.url("me:wr0ng")));
        EXPECT_TRUE(failure && failure->kind() == errc::authorization_failed && !failure->retryable());
    });
}
