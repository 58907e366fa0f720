// SPDX-License-Identifier: MIT
// Handshakes, faults and cancellation against a peer that does what the test says. No server, no real time.
#include <fluxmq/nats.hpp>
#include <fluxmq/testing/scripted_peer.hpp>
#include <fluxmq/testing/virtual_clock.hpp>

#include "nats_support.hpp"

using namespace fluxmq;
using namespace fluxmq::test;
using namespace std::chrono_literals;
using fluxmq::testing::ScriptedPeer;
using fluxmq::testing::VirtualClock;

namespace {

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
    Task<> advance_until(std::function<bool()> condition, Clock::duration reach = 500ms) {
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
    ScriptedPeer peer{io.get_executor()};
    std::shared_ptr<VirtualClock> clock = std::make_shared<VirtualClock>();
    std::vector<std::string> events;
    std::unique_ptr<Nats> nats = std::make_unique<Nats>(with_clock());
};

} // namespace

TEST_F(NatsScripted, works_when_every_byte_comes_alone) {
    run(
        [&]() -> Task<> {
            auto connecting = beside(nats->connect(peer.url()));
            co_await peer.accept();
            co_await peer.send_split(ScriptedPeer::info());
            const auto hello = co_await peer.expect("CONNECT {");
            EXPECT_NE(hello.find("\"headers\":true"), std::string::npos) << hello;
            co_await peer.expect("PING");
            co_await peer.send_split("PONG\r\n");
            EXPECT_FALSE(co_await connecting.end());

            const auto inbox = std::make_shared<Inbox>();
            const auto subscription = co_await subscribe("a.*", inbox);
            co_await peer.send_split(
                "PING\r\nMSG a.b 2 5\r\nhello\r\nHMSG a.c 2 r 18 20\r\nNATS/1.0\r\nK: v\r\n\r\nhi\r\n");
            EXPECT_EQ(co_await next_line(), "PONG");
            co_await inbox->holds(2);
            EXPECT_EQ(inbox->texts(), (std::vector<std::string>{"hello", "hi"}));
            EXPECT_EQ(inbox->last().topic(), "a.c");
            EXPECT_EQ(inbox->last().reply(), "r");
            EXPECT_EQ(inbox->last().headers().get("K"), "v");
        },
        io);
}

TEST_F(NatsScripted, says_what_a_server_that_is_not_nats_sent) {
    run(
        [&]() -> Task<> {
            auto connecting = beside(nats->connect(peer.url()));
            co_await peer.accept();
            co_await peer.send("SSH-2.0-OpenSSH_9.2p1 Debian\r\n");
            const auto failure = co_await connecting.end();
            EXPECT_TRUE(failure);
            if (failure) {
                EXPECT_EQ(failure->kind(), errc::protocol_error);
                EXPECT_NE(failure->detail().find("SSH-2.0-OpenSSH_9.2p1 Debian"), std::string::npos)
                    << failure->what();
                EXPECT_NE(failure->detail().find(peer.address()), std::string::npos) << failure->what();
            }
            EXPECT_FALSE(nats->connected());
        },
        io);
}

TEST_F(NatsScripted, says_what_is_wrong_with_a_handshake) {
    struct Case {
        std::string sent;
        errc kind;
        std::string says;
    };
    const std::vector<Case> cases{
        {"INFO {oops\r\n", errc::protocol_error, "not a JSON object"},
        {"INFO []\r\n", errc::protocol_error, "not a JSON object"},
        {"INFO " + std::string(70'000, 'x'), errc::protocol_error, "too long"},
        {"PING\r\n", errc::protocol_error, "does not begin with INFO"},
        {"MSG a 1 99999999999\r\n", errc::protocol_error, "over the limit"},
        {"-ERR 'maximum connections exceeded'\r\n", errc::connect_failed, "maximum connections exceeded"},
        {ScriptedPeer::info(R"("tls_required":true)") + "-ERR 'in clear'\r\n", errc::protocol_error,
         "more than INFO before TLS"},
        {ScriptedPeer::info() + "-ERR 'Authentication Timeout'\r\n", errc::connect_failed,
         "Authentication Timeout"},
        {ScriptedPeer::info() + "-ERR 'Authorization Violation'\r\n", errc::authorization_failed,
         "Authorization Violation"},
        {ScriptedPeer::info() + "MSG a 1 0\r\n\r\n", errc::protocol_error,
         "does not answer CONNECT with PONG"},
    };
    run(
        [&]() -> Task<> {
            for (const auto& each : cases) {
                auto connecting = beside(nats->connect("nats://me:secret@" + peer.address()));
                co_await peer.accept();
                co_await peer.send(each.sent);
                const auto failure = co_await connecting.end();
                EXPECT_TRUE(failure) << each.sent.substr(0, 40);
                if (!failure)
                    continue;
                const std::string what = failure->what();
                EXPECT_EQ(failure->kind(), each.kind) << what;
                EXPECT_NE(what.find(each.says), std::string::npos) << what;
                EXPECT_NE(what.find(peer.address()), std::string::npos) << what;
                EXPECT_EQ(what.find("secret"), std::string::npos) << what;
            }
            EXPECT_TRUE(events.empty()) << events.front();
        },
        io);
}

TEST_F(NatsScripted, says_so_when_the_server_hangs_up_in_the_handshake) {
    run(
        [&]() -> Task<> {
            for (const bool after_info : {false, true}) {
                auto connecting = beside(nats->connect(peer.url()));
                co_await peer.accept();
                if (after_info) {
                    co_await peer.send(ScriptedPeer::info());
                    co_await peer.expect("CONNECT");
                    co_await peer.expect("PING");
                }
                peer.hang_up();
                const auto failure = co_await connecting.end();
                EXPECT_TRUE(failure && failure->kind() == errc::connect_failed);
            }
        },
        io);
}

TEST_F(NatsScripted, gives_a_silent_server_up_after_the_timeout) {
    run(
        [&]() -> Task<> {
            for (const std::string sent : {"", "INFO {\"server_id\":"}) {
                auto connecting = beside(nats->connect(peer.url()));
                co_await peer.accept();
                co_await peer.send(sent);
                clock->advance_to(clock->now() + 1999ms);
                co_await turn();
                EXPECT_FALSE(connecting.done());
                clock->advance_to(clock->now() + 1ms);
                const auto failure = co_await connecting.end();
                EXPECT_TRUE(failure && failure->kind() == errc::connect_timeout);
                EXPECT_TRUE(failure && failure->retryable());
            }
        },
        io);
}

TEST_F(NatsScripted, names_each_server_and_why_it_could_not_be_reached) {
    run(
        [&]() -> Task<> {
            auto first = std::make_unique<ScriptedPeer>(io.get_executor());
            const auto gone = first->address();
            first.reset();
            auto options = with_clock({.servers = {"nats://host.invalid:4222"}});
            replace(options);
            auto failure = co_await failure_of(nats->connect("nats://user:secret@" + gone));
            EXPECT_TRUE(failure);
            if (failure) {
                EXPECT_EQ(failure->kind(), errc::connect_failed);
                EXPECT_NE(failure->detail().find(gone + ": Connection refused"), std::string::npos)
                    << failure->what();
                EXPECT_NE(failure->detail().find("host.invalid:4222: Host not found"), std::string::npos)
                    << failure->what();
                EXPECT_EQ(std::string{failure->what()}.find("secret"), std::string::npos);
            }
            failure = co_await failure_of(nats->connect("ws://host"));
            EXPECT_TRUE(failure && failure->kind() == errc::invalid_url);
        },
        io);
}

TEST_F(NatsScripted, tries_the_next_server_when_the_first_is_gone) {
    run(
        [&]() -> Task<> {
            auto other = std::make_unique<ScriptedPeer>(io.get_executor());
            const auto gone = other->url();
            other.reset();
            auto connecting = beside(nats->connect(gone + "," + peer.url()));
            co_await welcome();
            EXPECT_FALSE(co_await connecting.end());
            EXPECT_EQ(nats->server(), peer.address());
            EXPECT_TRUE(saw("connected: " + peer.address()));
        },
        io);
}

TEST_F(NatsScripted, may_try_again_after_a_failed_connect_and_returns_at_once_when_connected) {
    run(
        [&]() -> Task<> {
            auto connecting = beside(nats->connect(peer.url()));
            co_await peer.accept();
            peer.hang_up();
            EXPECT_TRUE(co_await connecting.end());
            co_await connect();
            EXPECT_TRUE(nats->connected());
            EXPECT_FALSE(co_await failure_of(nats->connect(peer.url())));
        },
        io);
}

TEST_F(NatsScripted, two_who_connect_share_one_connection) {
    run(
        [&]() -> Task<> {
            auto one = beside(nats->connect(peer.url()));
            auto two = beside(nats->connect(peer.url()));
            co_await welcome();
            EXPECT_FALSE(co_await one.end());
            EXPECT_FALSE(co_await two.end());
            EXPECT_EQ(events.size(), 1u);
        },
        io);
}

TEST_F(NatsScripted, no_credentials_are_asked_for_once_the_handle_has_gone) {
    run(
        [&]() -> Task<> {
            int asked = 0;
            NatsOptions options;
            options.credentials = [&] {
                ++asked;
                return NatsCredentials{.user = "me"};
            };
            replace(options);
            auto connecting = beside(nats->connect(peer.url()));
            co_await peer.accept();
            co_await peer.send(ScriptedPeer::info()); // it is in the socket when the handle goes
            nats.reset();
            EXPECT_TRUE(co_await connecting.end());
            EXPECT_EQ(asked, 0);
        },
        io);
}

TEST_F(NatsScripted, headers_are_refused_where_the_server_does_not_take_them) {
    run(
        [&]() -> Task<> {
            auto connecting = beside(nats->connect(peer.url()));
            co_await peer.accept();
            co_await peer.send("INFO {\"headers\":false}\r\n");
            EXPECT_NE((co_await peer.expect("CONNECT ")).find("\"headers\":false"), std::string::npos);
            co_await peer.expect("PING");
            co_await peer.send("PONG\r\n");
            EXPECT_FALSE(co_await connecting.end());
            const Headers headers{{"a", "b"}};
            EXPECT_EQ(kind_thrown_by([&] { nats->publish("t", "x", headers); }), errc::invalid_header);
            nats->publish("t", "x");
            EXPECT_EQ(co_await next_line(), "PUB t 1");
        },
        io);
}

TEST_F(NatsScripted, answers_pings) {
    run(
        [&]() -> Task<> {
            co_await connect();
            co_await peer.send("PING\r\nPING\r\n");
            EXPECT_EQ(co_await next_line(), "PONG");
            EXPECT_EQ(co_await next_line(), "PONG");
        },
        io);
}

TEST_F(NatsScripted, takes_a_peer_that_answers_no_ping_for_dead) {
    run(
        [&]() -> Task<> {
            co_await connect();
            co_await peer.expect("PING");
            clock->advance_to(clock->now() + 30s);
            co_await peer.expect("PING");
            EXPECT_TRUE(nats->connected());
            clock->advance_to(clock->now() + 30s);
            co_await until([&] { return saw("disconnected: the server did not answer 2 pings"); },
                           "the loss");
            EXPECT_FALSE(nats->connected());
            EXPECT_EQ(nats->server(), "");
            auto again = beside(welcome());
            co_await advance_until([&] { return saw("reconnected: "); });
            EXPECT_FALSE(co_await again.end());
            EXPECT_EQ(nats->counters().reconnects, 1u);
        },
        io);
}

TEST_F(NatsScripted, asks_for_no_sign_of_life_when_told_so) {
    replace(with_clock({.ping_interval = 0ms}));
    run(
        [&]() -> Task<> {
            co_await connect();
            EXPECT_FALSE(clock->next());
            nats->publish("a", "x");
            EXPECT_EQ(co_await peer.read_line(), "PUB a 1");
        },
        io);
}

TEST_F(NatsScripted, takes_a_peer_that_answers_for_alive) {
    run(
        [&]() -> Task<> {
            co_await connect();
            for (int i = 0; i < 10; ++i) {
                co_await peer.expect("PING");
                co_await peer.send(i % 2 ? "PONG\r\n" : "+OK\r\n"); // any sign of life counts
                co_await turn();
                co_await turn();
                clock->advance_to(clock->now() + 30s);
            }
            co_await peer.expect("PING");
            EXPECT_TRUE(nats->connected());
        },
        io);
}

TEST_F(NatsScripted, subscribes_again_before_it_sends_what_was_published_meanwhile) {
    run(
        [&]() -> Task<> {
            co_await connect();
            const auto inbox = std::make_shared<Inbox>();
            const auto subscription = co_await subscribe("a.>", inbox);
            peer.hang_up();
            co_await until([&] { return saw("disconnected: the server closed the connection"); }, "the loss");
            nats->publish("b", "one");
            nats->publish("b", "two");
            EXPECT_EQ(nats->counters().pending, 2u);
            auto again = beside(welcome());
            co_await advance_until([&] { return again.done(); });
            EXPECT_EQ(co_await next_line(), "SUB a.> 2");
            EXPECT_EQ(co_await next_line(), "PUB b 3");
            EXPECT_EQ(co_await next_line(), "one");
            EXPECT_EQ(co_await next_line(), "PUB b 3");
            EXPECT_EQ(co_await next_line(), "two");
            co_await peer.send("MSG a.x 2 2\r\nhi\r\n");
            co_await inbox->holds(1);
        },
        io);
}

TEST_F(NatsScripted, tells_a_new_connection_how_many_messages_a_limited_subscription_still_wants) {
    run(
        [&]() -> Task<> {
            co_await connect();
            const auto inbox = std::make_shared<Inbox>();
            const auto script = [&]() -> Task<> {
                EXPECT_EQ(co_await next_line(), "SUB a q 2");
                EXPECT_EQ(co_await next_line(), "UNSUB 2 3");
                co_await peer.expect("PING");
                co_await peer.send("PONG\r\nPONG\r\nMSG a 2 1\r\nx\r\n");
            };
            auto scripted = beside(script());
            const auto subscription = co_await nats->subscribe("a", inbox, {.queue = "q", .max_messages = 3});
            EXPECT_FALSE(co_await scripted.end());
            co_await inbox->holds(1);
            peer.hang_up();
            auto again = beside(welcome());
            co_await advance_until([&] { return again.done(); });
            EXPECT_EQ(co_await next_line(), "SUB a q 2");
            EXPECT_EQ(co_await next_line(), "UNSUB 2 2");
            co_await peer.send("MSG a 2 1\r\nx\r\nMSG a 2 1\r\nx\r\nMSG a 2 1\r\nx\r\nPING\r\n");
            EXPECT_EQ(co_await next_line(), "PONG");
            EXPECT_EQ(inbox->size(), 3u);
        },
        io);
}

TEST_F(NatsScripted, gives_up_after_the_allowed_rounds) {
    replace(with_clock({.max_reconnect_attempts = 3}));
    run(
        [&]() -> Task<> {
            co_await connect();
            nats->publish("a", "on its way");
            peer.stop_listening();
            co_await until([&] { return saw("disconnected"); }, "the loss");
            nats->publish("a", "never sent");
            co_await advance_until([&] { return saw("closed: given up after 3 rounds: "); });
            EXPECT_EQ(kind_thrown_by([&] { nats->publish("a", "x"); }), errc::closed);
            const auto failure = co_await failure_of(nats->connect("nats://localhost"));
            EXPECT_TRUE(failure && failure->kind() == errc::closed);
            EXPECT_GE(nats->counters().lost, 1u);
            co_await nats->close();
        },
        io);
}

TEST_F(NatsScripted, gives_up_when_the_credentials_are_refused_twice) {
    run(
        [&]() -> Task<> {
            replace(with_clock({.reconnect_time_wait = 100ms}));
            co_await connect();
            const auto refuse = [&]() -> Task<> {
                for (int i = 0; i < 2; ++i) {
                    co_await peer.accept();
                    co_await peer.send(ScriptedPeer::info(R"("auth_required":true)"));
                    co_await peer.expect("CONNECT");
                    co_await peer.send("-ERR 'Authorization Violation'\r\n");
                }
            };
            peer.hang_up();
            auto refusing = beside(refuse());
            co_await advance_until(
                [&] { return saw("closed: given up, the credentials were refused twice"); });
            EXPECT_FALSE(co_await refusing.end());
        },
        io);
}

TEST_F(NatsScripted, a_hostile_or_broken_stream_ends_the_connection_only) {
    run(
        [&]() -> Task<> {
            co_await connect();
            for (const std::string sent :
                 {"MSG a 1 99999999999\r\n", "GARBAGE\r\n", "INFO {\r\n", "-ERR 'Stale Connection'\r\n"}) {
                events.clear();
                co_await peer.send(sent);
                co_await until([&] { return saw("disconnected: "); }, "the loss");
                auto again = beside(welcome());
                co_await advance_until([&] { return saw("reconnected: "); });
                EXPECT_FALSE(co_await again.end());
            }
        },
        io);
}

TEST_F(NatsScripted, a_refused_subscription_is_an_error_and_the_connection_goes_on) {
    run(
        [&]() -> Task<> {
            co_await connect();
            const auto inbox = std::make_shared<Inbox>();
            const auto script = [&]() -> Task<> {
                EXPECT_EQ(co_await next_line(), "SUB secret.> 2");
                co_await peer.expect("PING");
                co_await peer.send(
                    "-ERR 'Permissions Violation for Subscription to \"secret.>\"'\r\nPONG\r\nPONG\r\n");
            };
            auto scripted = beside(script());
            const auto failure = co_await failure_of(nats->subscribe("secret.>", inbox));
            EXPECT_TRUE(failure && failure->kind() == errc::permission_denied);
            EXPECT_TRUE(failure && failure->topic() == "secret.>");
            EXPECT_FALSE(co_await scripted.end());
            EXPECT_TRUE(saw("error: Permissions Violation for Subscription"));
            EXPECT_TRUE(nats->connected());
            EXPECT_EQ(co_await next_line(), "UNSUB 2");
        },
        io);
}

TEST_F(NatsScripted, a_refused_request_fails_at_once_and_a_refused_publish_is_an_event) {
    run(
        [&]() -> Task<> {
            co_await connect();
            auto asking = beside(nats->request("secret", "x", 10s));
            EXPECT_TRUE((co_await next_line()).starts_with("SUB _INBOX."));
            EXPECT_TRUE((co_await next_line()).starts_with("PUB secret _INBOX."));
            co_await peer.send("-ERR 'Permissions Violation for Publish to \"secret\"'\r\n");
            const auto failure = co_await asking.end();
            EXPECT_TRUE(failure && failure->kind() == errc::permission_denied);
            EXPECT_TRUE(saw("error: Permissions Violation for Publish to \"secret\""));
            EXPECT_TRUE(nats->connected());
        },
        io);
}

TEST_F(NatsScripted, what_waits_when_the_connection_is_lost_fails_or_goes_on_as_documented) {
    run(
        [&]() -> Task<> {
            co_await connect();
            const auto inbox = std::make_shared<Inbox>();
            auto asking = beside(nats->request("a", "x", 10s));
            auto flushing = beside(nats->flush());
            auto subscribing = beside(nats->subscribe("s", inbox));
            co_await turn();
            peer.hang_up();
            auto failure = co_await asking.end();
            EXPECT_TRUE(failure && failure->kind() == errc::disconnected && failure->retryable());
            failure = co_await flushing.end();
            EXPECT_TRUE(failure && failure->kind() == errc::disconnected);
            EXPECT_FALSE(subscribing.done());
            auto later = beside(nats->flush(60s)); // begun while there is no connection
            auto again = beside(welcome());
            co_await advance_until([&] { return again.done(); });
            EXPECT_TRUE((co_await next_line()).starts_with("SUB _INBOX."));
            EXPECT_EQ(co_await next_line(), "SUB s 2");
            co_await peer.send("PONG\r\nPONG\r\nPONG\r\n");
            EXPECT_FALSE(co_await subscribing.end());
            EXPECT_FALSE(co_await later.end());
        },
        io);
}

TEST_F(NatsScripted, close_ends_whatever_waits) {
    run(
        [&]() -> Task<> {
            co_await connect();
            auto asking = beside(nats->request("a", "x", 10s));
            auto flushing = beside(nats->flush());
            auto subscribing = beside(nats->subscribe("s", std::make_shared<Inbox>()));
            co_await turn();
            auto closing = beside(nats->close());
            co_await advance_until([&] { return closing.done(); }, 2s); // the peer confirms nothing
            EXPECT_FALSE(co_await closing.end());
            for (auto* each : {&asking, &flushing, &subscribing}) {
                const auto failure = co_await each->end();
                EXPECT_TRUE(failure && (failure->kind() == errc::closed || failure->kind() == errc::timeout));
            }
            EXPECT_EQ(events.back(), "closed: closed by the application");
            EXPECT_FALSE(co_await failure_of(nats->close()));
            EXPECT_EQ(kind_thrown_by([&] { nats->publish("a", "x"); }), errc::closed);
            for (auto operation :
                 {beside(nats->flush()), beside(nats->connect(peer.url())), beside(nats->request("a", "x")),
                  beside(nats->subscribe("a", std::make_shared<Inbox>()))}) {
                const auto failure = co_await operation.end();
                EXPECT_TRUE(failure && failure->kind() == errc::closed);
            }
        },
        io);
}

TEST_F(NatsScripted, nothing_works_before_connect) {
    run(
        [&]() -> Task<> {
            EXPECT_EQ(kind_thrown_by([&] { nats->publish("a", "x"); }), errc::not_connected);
            for (auto operation : {beside(nats->flush()), beside(nats->request("a", "x")),
                                   beside(nats->subscribe("a", std::make_shared<Inbox>()))}) {
                const auto failure = co_await operation.end();
                EXPECT_TRUE(failure && failure->kind() == errc::not_connected);
            }
            EXPECT_EQ(nats->max_payload(), std::size_t{1} << 20);
            EXPECT_EQ(nats->counters().rejected, 1u + 0u);
            co_await nats->close();
        },
        io);
}

TEST_F(NatsScripted, close_while_connecting_ends_the_attempt) {
    run(
        [&]() -> Task<> {
            auto connecting = beside(nats->connect(peer.url()));
            co_await peer.accept();
            co_await nats->close();
            const auto failure = co_await connecting.end();
            EXPECT_TRUE(failure && failure->kind() == errc::closed);
        },
        io);
}

TEST_F(NatsScripted, close_while_reconnecting_ends_the_pause) {
    run(
        [&]() -> Task<> {
            co_await connect();
            peer.hang_up();
            co_await until([&] { return saw("disconnected"); }, "the loss");
            nats->publish("a", "x");
            co_await nats->close();
            EXPECT_EQ(nats->counters().lost, 1u);
        },
        io);
}

TEST_F(NatsScripted, connect_may_be_cancelled_at_any_point) {
    run(
        [&]() -> Task<> {
            for (int point = 0; point < 3; ++point) {
                ScriptedPeer other{io.get_executor()};
                auto connecting = beside(nats->connect(other.url()));
                if (point == 0)
                    co_await turn();
                else
                    co_await other.accept();
                if (point > 1) {
                    co_await other.send(ScriptedPeer::info());
                    co_await other.expect("CONNECT");
                }
                connecting.cancel();
                const auto failure = co_await connecting.end();
                EXPECT_TRUE(failure && failure->kind() == errc::cancelled) << point;
                if (point > 0)
                    co_await other.read_to_end(); // it hangs up
            }
            co_await connect();
        },
        io);
}

TEST_F(NatsScripted, operations_may_be_cancelled_while_connected) {
    run(
        [&]() -> Task<> {
            co_await connect();
            co_await peer.expect("PING");
            auto asking = beside(nats->request("a", "x", 10s));
            co_await turn();
            asking.cancel();
            auto failure = co_await asking.end();
            EXPECT_TRUE(failure && failure->kind() == errc::cancelled);
            auto flushing = beside(nats->flush());
            co_await turn();
            flushing.cancel();
            failure = co_await flushing.end();
            EXPECT_TRUE(failure && failure->kind() == errc::cancelled);
            const auto inbox = std::make_shared<Inbox>();
            auto subscribing = beside(nats->subscribe("s", inbox));
            co_await turn();
            subscribing.cancel();
            failure = co_await subscribing.end();
            EXPECT_TRUE(failure && failure->kind() == errc::cancelled);
            EXPECT_EQ(inbox.use_count(), 1);
            EXPECT_TRUE((co_await next_line()).starts_with("SUB _INBOX."));
            EXPECT_TRUE((co_await next_line()).starts_with("PUB a _INBOX."));
            EXPECT_EQ(co_await next_line(), "x");
            EXPECT_EQ(co_await next_line(), "SUB s 2");
            EXPECT_EQ(co_await next_line(), "UNSUB 2");
            // The PONGs of what was cancelled do not confirm what comes later.
            auto later = beside(nats->flush());
            co_await peer.expect("PING");
            co_await peer.send("PONG\r\nPONG\r\nPONG\r\n");
            co_await turn();
            co_await turn();
            EXPECT_FALSE(later.done());
            co_await peer.send("PONG\r\n");
            EXPECT_FALSE(co_await later.end());
        },
        io);
}

TEST_F(NatsScripted, operations_may_be_cancelled_while_reconnecting) {
    run(
        [&]() -> Task<> {
            co_await connect();
            peer.hang_up();
            co_await until([&] { return saw("disconnected"); }, "the loss");
            const auto inbox = std::make_shared<Inbox>();
            auto asking = beside(nats->request("a", "x", 1h));
            auto flushing = beside(nats->flush(1h));
            auto subscribing = beside(nats->subscribe("s", inbox));
            auto connecting = beside(nats->connect(peer.url()));
            co_await turn();
            for (auto* each : {&asking, &flushing, &subscribing, &connecting}) {
                each->cancel();
                const auto failure = co_await each->end();
                EXPECT_TRUE(failure && failure->kind() == errc::cancelled);
            }
            EXPECT_EQ(inbox.use_count(), 1);
            auto again = beside(welcome());
            co_await advance_until([&] { return saw("reconnected"); });
            EXPECT_FALSE(co_await again.end());
        },
        io);
}

TEST_F(NatsScripted, close_may_be_cancelled_and_still_closes) {
    run(
        [&]() -> Task<> {
            co_await connect();
            auto closing = beside(nats->close());
            co_await turn();
            closing.cancel();
            const auto failure = co_await closing.end();
            EXPECT_TRUE(failure && failure->kind() == errc::cancelled);
            co_await nats->close();
            EXPECT_FALSE(nats->connected());
        },
        io);
}

TEST_F(NatsScripted, a_request_times_out_by_the_clock) {
    run(
        [&]() -> Task<> {
            co_await connect();
            auto slow = beside(nats->request("a", "x", 2s));
            auto fast = beside(nats->request("b", "x", 1s));
            co_await turn();
            clock->advance_to(clock->now() + 1s);
            auto failure = co_await fast.end();
            EXPECT_TRUE(failure && failure->kind() == errc::timeout && failure->topic() == "b");
            EXPECT_FALSE(slow.done());
            clock->advance_to(clock->now() + 1s);
            failure = co_await slow.end();
            EXPECT_TRUE(failure && failure->kind() == errc::timeout);
            auto flushing = beside(nats->flush(3s));
            co_await turn();
            clock->advance_to(clock->now() + 3s);
            failure = co_await flushing.end();
            EXPECT_TRUE(failure && failure->kind() == errc::timeout);
            EXPECT_TRUE(nats->connected());
        },
        io);
}

TEST_F(NatsScripted, takes_a_new_limit_from_a_later_info) {
    run(
        [&]() -> Task<> {
            co_await connect();
            co_await peer.send("INFO {\"max_payload\":10}\r\nPING\r\n");
            EXPECT_EQ(co_await next_line(), "PONG");
            EXPECT_EQ(nats->max_payload(), 10u);
            EXPECT_EQ(kind_thrown_by([&] { nats->publish("a", "12345678901"); }), errc::payload_too_large);
            nats->publish("a", "1234567890");
        },
        io);
}

TEST_F(NatsScripted, a_full_receiver_stops_the_reading_and_loses_nothing) {
    run(
        [&]() -> Task<> {
            co_await connect();
            const auto inbox = std::make_shared<Inbox>(2);
            auto subscription = co_await subscribe("a", inbox);
            std::string messages;
            for (int i = 0; i < 10; ++i)
                messages += "MSG a 2 1\r\n" + std::to_string(i) + "\r\n";
            co_await peer.send(messages + "PING\r\n");
            co_await inbox->holds(2);
            // Its PINGs are answered unseen, so that it does not take us for dead.
            clock->advance_to(clock->now() + 30s);
            EXPECT_EQ(co_await next_line(), "PONG");
            EXPECT_EQ(inbox->size(), 2u);
            inbox->make_room(5);
            co_await inbox->holds(5);
            inbox->make_room(100);
            co_await inbox->holds(10);
            EXPECT_EQ(inbox->texts(),
                      (std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}));
            EXPECT_EQ(co_await next_line(), "PONG");
            EXPECT_TRUE(nats->connected());
            EXPECT_EQ(nats->counters().received, 10u);
        },
        io);
}

TEST_F(NatsScripted, a_stalled_reading_goes_on_when_its_subscription_ends) {
    run(
        [&]() -> Task<> {
            co_await connect();
            const auto full = std::make_shared<Inbox>(0);
            const auto other = std::make_shared<Inbox>();
            auto subscription = co_await subscribe("a", full);
            const auto confirming = [&]() -> Task<> {
                co_await next_line();
                co_await peer.expect("PING");
                co_await peer.send("PONG\r\n");
            };
            auto confirmed = beside(confirming());
            const auto second = co_await nats->subscribe("b", other);
            EXPECT_FALSE(co_await confirmed.end());
            co_await peer.send("MSG a 2 1\r\nx\r\nMSG b 3 1\r\ny\r\n");
            co_await turn();
            EXPECT_EQ(other->size(), 0u);
            subscription.unsubscribe();
            co_await other->holds(1);
            co_await turn();
            EXPECT_EQ(nats->counters().received, 1u) << "what its receiver never took does not count";
            EXPECT_EQ(nats->counters().received_bytes, 1u);
        },
        io);
}

TEST_F(NatsScripted, close_does_not_wait_for_a_full_receiver) {
    run(
        [&]() -> Task<> {
            co_await connect();
            const auto full = std::make_shared<Inbox>(0);
            const auto subscription = co_await subscribe("a", full);
            co_await peer.send("MSG a 2 1\r\nx\r\n");
            co_await until([&] { return full->refusals() > 0; }, "the message");
            co_await nats->close();
            EXPECT_EQ(full->size(), 0u);
            full->make_room(10);
            co_await turn();
            EXPECT_EQ(full->size(), 0u);
        },
        io);
}

TEST_F(NatsScripted, the_handle_may_go_at_any_point_of_a_connection) {
    run(
        [&]() -> Task<> {
            for (int point = 0; point < 4; ++point) {
                auto connecting = beside(nats->connect(peer.url()));
                std::optional<Beside> asking;
                if (point > 0)
                    co_await peer.accept();
                if (point > 1)
                    co_await peer.shake_hands();
                if (point > 2) {
                    co_await until([&] { return nats->connected(); }, "the connection");
                    asking.emplace(beside(nats->request("a", "x", 1h)));
                    co_await turn();
                }
                nats.reset();
                const auto failure = co_await connecting.end();
                EXPECT_TRUE(!failure || failure->kind() == errc::closed) << failure->what();
                if (asking) {
                    const auto second = co_await asking->end();
                    EXPECT_TRUE(second && second->kind() == errc::closed);
                }
                if (point == 0)
                    co_await peer.accept();
                events.clear();
                replace(with_clock());
            }
        },
        io);
}

TEST_F(NatsScripted, the_event_loop_may_go_first) {
    for (int point = 0; point < 5; ++point) {
        Nats transport{NatsOptions{}};
        const auto inbox = std::make_shared<Inbox>(0);
        Subscription subscription;
        {
            boost::asio::io_context loop{1};
            ScriptedPeer other{loop.get_executor()};
            std::optional<Beside> connecting, asking;
            run(
                [&]() -> Task<> {
                    connecting.emplace(loop.get_executor(), transport.connect(other.url()));
                    if (point > 0)
                        co_await other.accept();
                    if (point > 1) {
                        co_await other.shake_hands();
                        co_await until([&] { return transport.connected(); }, "the connection");
                    }
                    if (point > 2) {
                        asking.emplace(loop.get_executor(), transport.request("a", "x", 1h));
                        co_await other.send("PONG\r\nPONG\r\n");
                        subscription = co_await transport.subscribe("a", inbox);
                        co_await other.send("MSG a 2 1\r\nx\r\n");
                        co_await until([&] { return inbox->refusals() > 0; }, "the stall");
                    }
                    if (point > 3) {
                        subscription.unsubscribe();
                        other.hang_up();
                        co_await until([&] { return !transport.connected(); },
                                       "the loss"); // and now it pauses
                    }
                },
                loop);
        }
        EXPECT_FALSE(transport.connected());
        EXPECT_EQ(kind_thrown_by([&] { transport.publish("a", "x"); }).has_value(), true);
        subscription.unsubscribe();
    }
}
