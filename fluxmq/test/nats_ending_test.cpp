// SPDX-License-Identifier: MIT
// Close, cancellation, and handles that go, at any point of a connection.
#include "nats_scripted.hpp"

using namespace fluxmq;
using namespace fluxmq::test;
using namespace std::chrono_literals;
using fluxmq::testing::ScriptedPeer;

TEST_F(NatsScripted, close_ends_whatever_waits) {
    run([&]() -> Task<> {
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
    });
}

TEST_F(NatsScripted, close_while_connecting_ends_the_attempt) {
    run([&]() -> Task<> {
        auto connecting = beside(nats->connect(peer.url()));
        co_await peer.accept();
        co_await nats->close();
        const auto failure = co_await connecting.end();
        EXPECT_TRUE(failure && failure->kind() == errc::closed);
    });
}

TEST_F(NatsScripted, close_while_reconnecting_ends_the_pause) {
    run([&]() -> Task<> {
        co_await connect();
        peer.hang_up();
        co_await until([&] { return saw("disconnected"); }, "the loss");
        nats->publish("a", "x");
        co_await nats->close();
        EXPECT_EQ(nats->counters().lost, 1u);
    });
}

TEST_F(NatsScripted, connect_may_be_cancelled_at_any_point) {
    run([&]() -> Task<> {
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
    });
}

TEST_F(NatsScripted, operations_may_be_cancelled_while_connected) {
    run([&]() -> Task<> {
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
    });
}

TEST_F(NatsScripted, operations_may_be_cancelled_while_reconnecting) {
    run([&]() -> Task<> {
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
    });
}

TEST_F(NatsScripted, close_may_be_cancelled_and_still_closes) {
    run([&]() -> Task<> {
        co_await connect();
        auto closing = beside(nats->close());
        co_await turn();
        closing.cancel();
        const auto failure = co_await closing.end();
        EXPECT_TRUE(failure && failure->kind() == errc::cancelled);
        co_await nats->close();
        EXPECT_FALSE(nats->connected());
    });
}

TEST_F(NatsScripted, close_does_not_wait_for_a_full_receiver) {
    run([&]() -> Task<> {
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
    });
}

TEST_F(NatsScripted, the_handle_may_go_at_any_point_of_a_connection) {
    run([&]() -> Task<> {
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
    });
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
            fluxmq::test::run(
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
