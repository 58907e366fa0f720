// SPDX-License-Identifier: MIT
// Flow control and drain over a real server; what does not need one is in core/drain_test.cpp.
#include <fluxmq/mailbox.hpp>
#include <fluxmq/nats.hpp>
#include <fluxmq/testing/nats_server.hpp>

#include "nats_support.hpp"

using namespace fluxmq;
using namespace fluxmq::test;
using namespace std::chrono_literals;
using fluxmq::testing::NatsServer;

namespace {

// A reader that gives way to everything else behind each message, until its mailbox is closed.
Task<> read_slowly(std::shared_ptr<Mailbox> mailbox, std::vector<std::string>& texts) {
    while (co_await mailbox->wait())
        while (const auto delivery = mailbox->pop_message()) {
            co_await turn();
            texts.emplace_back(delivery->message.text());
        }
}

// Runs `body` with two connections to a server of its own, which are closed in the end.
void with_two(const std::function<Task<>(Nats&, Nats&)>& body) {
    const NatsServer server;
    run([&]() -> Task<> {
        Nats one;
        Nats two;
        co_await one.connect(server.url());
        co_await two.connect(server.url());
        co_await body(one, two);
        co_await one.close();
        co_await two.close();
    });
}

} // namespace

TEST(NatsDrain, of_a_subscription_delivers_all_that_the_server_has_sent) {
    with_two([](Nats& nats, Nats& other) -> Task<> {
        const auto mailbox = Mailbox::create();
        std::vector<std::string> texts;
        Beside reading{co_await boost::asio::this_coro::executor, read_slowly(mailbox, texts)};
        auto subscription = co_await nats.subscribe("a", mailbox->add_inlet({}));
        const auto sibling = std::make_shared<Inbox>();
        const auto stays = co_await nats.subscribe("a", sibling);
        for (int i = 0; i < 5000; ++i)
            other.publish("a", std::to_string(i));
        co_await other.flush(); // the server has them: what it sent us is on the way
        const auto report = co_await subscription.drain();
        EXPECT_TRUE(report.complete());
        EXPECT_EQ(texts.size(), 5000u);
        other.publish("a", "after");
        co_await sibling->holds(5001);
        EXPECT_EQ(mailbox->counters().received, 5000u);
        mailbox->close();
        co_await reading.end();
    });
}

TEST(NatsDrain, of_a_subscription_that_blocks_waits_for_what_stands_in_the_socket) {
    with_two([](Nats& nats, Nats& other) -> Task<> {
        const auto mailbox = Mailbox::create();
        const auto inlet = mailbox->add_inlet({.messages = 3, .overflow = Overflow::block});
        auto subscription = co_await nats.subscribe("a", inlet);
        for (int i = 0; i < 2000; ++i)
            other.publish("a", std::to_string(i));
        co_await other.flush();
        co_await until([&] { return inlet->pending() == 3; }, "a full mailbox");
        std::vector<std::string> texts;
        Beside reading{co_await boost::asio::this_coro::executor, read_slowly(mailbox, texts)};
        EXPECT_TRUE((co_await subscription.drain()).complete());
        EXPECT_EQ(texts.size(), 2000u);
        mailbox->close();
        co_await reading.end();
    });
}

TEST(NatsDrain, of_a_connection_lets_readers_finish_and_their_answers_out) {
    with_two([](Nats& nats, Nats& other) -> Task<> {
        const auto answers = std::make_shared<Inbox>();
        const auto listening = co_await other.subscribe("answers", answers);
        const auto mailbox = Mailbox::create();
        auto answer = [&]() -> Task<> {
            while (co_await mailbox->wait())
                while (const auto delivery = mailbox->pop_message()) {
                    co_await turn();
                    nats.publish("answers", delivery->message.payload());
                }
        };
        Beside reading{co_await boost::asio::this_coro::executor, answer()};
        const auto subscription = co_await nats.subscribe("a", mailbox->add_inlet({}));
        for (int i = 0; i < 1000; ++i)
            other.publish("a", std::to_string(i));
        co_await other.flush();
        const auto report = co_await nats.drain();
        EXPECT_TRUE(report.complete());
        EXPECT_FALSE(nats.connected());
        co_await other.flush();
        EXPECT_EQ(answers->size(), 1000u);
        mailbox->close();
        co_await reading.end();
        EXPECT_EQ((co_await failure_of(nats.subscribe("a", answers)))->kind(), errc::closed);
    });
}

TEST(NatsDrain, keeps_its_deadline_and_says_what_was_left) {
    const NatsServer server;
    run([&]() -> Task<> {
        Nats nats;
        co_await nats.connect(server.url());
        const auto mailbox = Mailbox::create(); // which nobody reads
        const auto one = co_await nats.subscribe("a", mailbox->add_inlet({}));
        const auto two = co_await nats.subscribe("b.>", mailbox->add_inlet({}));
        nats.publish("a", "x");
        nats.publish("b.c", "x");
        nats.publish("b.d", "x");
        co_await nats.flush();
        const auto report = co_await nats.drain(50ms);
        EXPECT_EQ(report.left.size(), 2u);
        EXPECT_EQ(report.left.at(0).topic, "a");
        EXPECT_EQ(report.left.at(0).messages, 1u);
        EXPECT_EQ(report.left.at(1).topic, "b.>");
        EXPECT_EQ(report.left.at(1).messages, 2u);
        EXPECT_FALSE(nats.connected());
    });
}

TEST(NatsDrain, without_a_server_says_what_was_not_sent) {
    NatsServer server;
    run([&]() -> Task<> {
        Nats nats;
        co_await nats.connect(server.url());
        server.kill9();
        co_await until([&] { return !nats.connected(); }, "the loss");
        nats.publish("a", "x");
        nats.publish("a", "y");
        const auto report = co_await nats.drain(50ms);
        EXPECT_EQ(report.unsent, 2u);
        EXPECT_FALSE(report.confirmed);
        EXPECT_FALSE(report.complete());
    });
}

TEST(NatsDrain, that_is_cancelled_ends_at_once) {
    const NatsServer server;
    run([&]() -> Task<> {
        Nats nats;
        co_await nats.connect(server.url());
        const auto mailbox = Mailbox::create();
        auto subscription = co_await nats.subscribe("a", mailbox->add_inlet({}));
        nats.publish("a", "x");
        co_await nats.flush();
        Beside one{co_await boost::asio::this_coro::executor, subscription.drain()};
        co_await turn();
        one.cancel();
        EXPECT_EQ((co_await one.end())->kind(), errc::cancelled);
        EXPECT_TRUE(nats.connected());
        Beside all{co_await boost::asio::this_coro::executor, nats.drain()};
        co_await turn();
        all.cancel();
        co_await all.end();
        EXPECT_FALSE(nats.connected());
    });
}

TEST(NatsFlow, a_slow_consumer_raises_events_whose_counts_add_up_and_delays_no_sibling) {
    const NatsServer server;
    run([&]() -> Task<> {
        Nats nats;
        std::uint64_t reported = 0;
        std::uint64_t total = 0;
        nats.on_event([&](const ConnectionEvent& event) {
            if (event.state != ConnectionState::slow_consumer)
                return;
            EXPECT_EQ(event.topic, "a.*");
            reported += event.dropped;
            total = event.dropped_total;
        });
        co_await nats.connect(server.url());
        const auto mailbox = Mailbox::create();
        const auto inlet = mailbox->add_inlet({.messages = 100, .overflow = Overflow::drop_newest});
        auto slow = co_await nats.subscribe("a.*", inlet);
        const auto sibling = std::make_shared<Inbox>();
        const auto quick = co_await nats.subscribe("a.b", sibling);
        for (int i = 0; i < 10'000; ++i)
            nats.publish("a.b", std::to_string(i));
        co_await nats.flush();
        EXPECT_EQ(sibling->size(), 10'000u);
        EXPECT_GT(reported, 0u);
        slow.unsubscribe();
        co_await turn();
        EXPECT_EQ(reported, 9'900u);
        EXPECT_EQ(total, 9'900u);
        EXPECT_EQ(inlet->counters().dropped.newest, 9'900u);
        co_await nats.close();
    });
}

TEST(NatsFlow, limits_in_bytes_hold_for_each_subscription) {
    const NatsServer server;
    run([&]() -> Task<> {
        Nats nats;
        co_await nats.connect(server.url());
        const auto mailbox = Mailbox::create();
        const auto inlet =
            mailbox->add_inlet({.bytes = std::size_t{1} << 20, .overflow = Overflow::drop_oldest});
        const auto subscription = co_await nats.subscribe("a", inlet);
        for (int i = 0; i < 100; ++i)
            nats.publish("a", std::string(100'000, 'x'));
        co_await nats.flush();
        const auto counters = inlet->counters();
        EXPECT_LE(counters.pending_bytes, std::size_t{1} << 20);
        EXPECT_EQ(counters.received, 100u);
        EXPECT_EQ(counters.dropped.oldest + counters.pending, 100u);
        EXPECT_GT(counters.dropped.oldest, 0u);
        co_await nats.close();
    });
}
