// SPDX-License-Identifier: MIT
// A connection at work: signs of life, faults, reconnects and back-pressure.
#include "nats_scripted.hpp"

using namespace fluxmq;
using namespace fluxmq::test;
using namespace std::chrono_literals;
using fluxmq::testing::ScriptedPeer;

TEST_F(NatsScripted, answers_pings) {
    run([&]() -> Task<> {
        co_await connect();
        co_await peer.send("PING\r\nPING\r\n");
        EXPECT_EQ(co_await next_line(), "PONG");
        EXPECT_EQ(co_await next_line(), "PONG");
    });
}

TEST_F(NatsScripted, takes_a_peer_that_answers_no_ping_for_dead) {
    run([&]() -> Task<> {
        co_await connect();
        co_await peer.expect("PING");
        clock->advance_to(clock->now() + 30s);
        co_await peer.expect("PING");
        EXPECT_TRUE(nats->connected());
        clock->advance_to(clock->now() + 30s);
        co_await until([&] { return saw("disconnected: the server did not answer 2 pings"); }, "the loss");
        EXPECT_FALSE(nats->connected());
        EXPECT_EQ(nats->server(), "");
        auto again = beside(welcome());
        co_await advance_until([&] { return saw("reconnected: "); });
        EXPECT_FALSE(co_await again.end());
        EXPECT_EQ(nats->counters().reconnects, 1u);
    });
}

TEST_F(NatsScripted, asks_for_no_sign_of_life_when_told_so) {
    replace(with_clock({.ping_interval = 0ms}));
    run([&]() -> Task<> {
        co_await connect();
        EXPECT_FALSE(clock->next());
        nats->publish("a", "x");
        EXPECT_EQ(co_await peer.read_line(), "PUB a 1");
    });
}

TEST_F(NatsScripted, takes_a_peer_that_answers_for_alive) {
    run([&]() -> Task<> {
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
    });
}

TEST_F(NatsScripted, subscribes_again_before_it_sends_what_was_published_meanwhile) {
    run([&]() -> Task<> {
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
    });
}

TEST_F(NatsScripted, tells_a_new_connection_how_many_messages_a_limited_subscription_still_wants) {
    run([&]() -> Task<> {
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
    });
}

TEST_F(NatsScripted, gives_up_after_the_allowed_rounds) {
    replace(with_clock({.max_reconnect_attempts = 3}));
    run([&]() -> Task<> {
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
    });
}

TEST_F(NatsScripted, gives_up_when_the_credentials_are_refused_twice) {
    run([&]() -> Task<> {
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
        co_await advance_until([&] { return saw("closed: given up, the credentials were refused twice"); });
        EXPECT_FALSE(co_await refusing.end());
    });
}

TEST_F(NatsScripted, a_hostile_or_broken_stream_ends_the_connection_only) {
    run([&]() -> Task<> {
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
    });
}

TEST_F(NatsScripted, a_refused_subscription_is_an_error_and_the_connection_goes_on) {
    run([&]() -> Task<> {
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
    });
}

TEST_F(NatsScripted, a_refused_request_fails_at_once_and_a_refused_publish_is_an_event) {
    run([&]() -> Task<> {
        co_await connect();
        auto asking = beside(nats->request("secret", "x", 10s));
        EXPECT_TRUE((co_await next_line()).starts_with("SUB _INBOX."));
        EXPECT_TRUE((co_await next_line()).starts_with("PUB secret _INBOX."));
        co_await peer.send("-ERR 'Permissions Violation for Publish to \"secret\"'\r\n");
        const auto failure = co_await asking.end();
        EXPECT_TRUE(failure && failure->kind() == errc::permission_denied);
        EXPECT_TRUE(saw("error: Permissions Violation for Publish to \"secret\""));
        EXPECT_TRUE(nats->connected());
    });
}

TEST_F(NatsScripted, what_waits_when_the_connection_is_lost_fails_or_goes_on_as_documented) {
    run([&]() -> Task<> {
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
    });
}

TEST_F(NatsScripted, a_request_times_out_by_the_clock) {
    run([&]() -> Task<> {
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
    });
}

TEST_F(NatsScripted,
       an_acknowledgement_that_is_a_request_is_answered_at_once_also_when_its_request_has_ended) {
    run([&]() -> Task<> {
        co_await connect();
        auto asking = beside(nats->request("go", "x", 10s));
        EXPECT_TRUE((co_await next_line()).starts_with("SUB _INBOX."));
        auto line = co_await next_line(); // PUB go _INBOX.<own>.<n> 1
        const std::string reply = line.substr(7, line.rfind(' ') - 7);
        EXPECT_EQ(co_await next_line(), "x");
        const auto acknowledge = "MSG " + reply + " 1 _INBOX.go.1 4\r\n+ACK\r\n";
        co_await peer.send(acknowledge);
        EXPECT_EQ(co_await next_line(), "PUB _INBOX.go.1 0");
        EXPECT_EQ(co_await next_line(), "");
        EXPECT_FALSE(asking.done());
        co_await peer.send("MSG " + reply + " 1 4\r\nreal\r\n");
        EXPECT_FALSE(co_await asking.end());
        co_await peer.send("MSG " + reply + " 1 4\r\n+ACK\r\n" + "MSG " + reply +
                           " 1 not..valid 4\r\n+ACK\r\n" + "MSG " + reply + " 1 _INBOX.go.2 4\r\n-NAK\r\n");
        EXPECT_EQ(co_await next_line(), "PUB _INBOX.go.2 0"); // the others get none
        EXPECT_EQ(co_await next_line(), "");
        EXPECT_TRUE(nats->connected());
    });
}

TEST_F(NatsScripted, status_503_is_no_responders_without_a_payload_only_and_a_status_keeps_its_text) {
    run([&]() -> Task<> {
        co_await connect();
        const auto reply_of = [](const std::string& line) { return line.substr(6, line.rfind(' ') - 6); };
        std::vector<Message> answers;
        const auto ask = [&]() -> Task<> {
            auto answer = co_await nats->request("a", "x", 10s);
            answers.push_back(std::move(answer));
        };
        auto unheard = beside(ask());
        EXPECT_TRUE((co_await next_line()).starts_with("SUB _INBOX."));
        auto line = co_await next_line();
        EXPECT_EQ(co_await next_line(), "x");
        co_await peer.send("HMSG " + reply_of(line) + " 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n");
        const auto failure = co_await unheard.end();
        EXPECT_TRUE(failure && failure->kind() == errc::no_responders);
        auto busy = beside(ask());
        line = co_await next_line();
        EXPECT_EQ(co_await next_line(), "x");
        co_await peer.send("HMSG " + reply_of(line) + " 1 21 25\r\nNATS/1.0 503 Busy\r\n\r\nwait\r\n");
        EXPECT_FALSE(co_await busy.end());
        auto deleted = beside(ask());
        line = co_await next_line();
        EXPECT_EQ(co_await next_line(), "x");
        co_await peer.send("HMSG " + reply_of(line) +
                           " 1 39 39\r\nNATS/1.0 409 Consumer Deleted\r\na: b\r\n\r\n\r\n");
        EXPECT_FALSE(co_await deleted.end());
        if (answers.size() != 2) {
            ADD_FAILURE() << answers.size() << " answers";
            co_return;
        }
        EXPECT_EQ(answers[0].status(), 503);
        EXPECT_EQ(answers[0].status_text(), "Busy");
        EXPECT_EQ(answers[0].text(), "wait");
        EXPECT_EQ(answers[1].status(), 409);
        EXPECT_EQ(answers[1].status_text(), "Consumer Deleted");
        EXPECT_EQ(answers[1].headers(), (Headers{{"a", "b"}}));
    });
}

TEST_F(NatsScripted, takes_a_new_limit_from_a_later_info) {
    run([&]() -> Task<> {
        co_await connect();
        co_await peer.send("INFO {\"max_payload\":10}\r\nPING\r\n");
        EXPECT_EQ(co_await next_line(), "PONG");
        EXPECT_EQ(nats->max_payload(), 10u);
        EXPECT_EQ(kind_thrown_by([&] { nats->publish("a", "12345678901"); }), errc::payload_too_large);
        nats->publish("a", "1234567890");
    });
}

TEST_F(NatsScripted, a_full_receiver_stops_the_reading_and_loses_nothing) {
    run([&]() -> Task<> {
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
    });
}

TEST_F(NatsScripted, a_stalled_reading_goes_on_when_its_subscription_ends) {
    run([&]() -> Task<> {
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
    });
}
