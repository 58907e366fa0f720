// SPDX-License-Identifier: MIT
// Ends at which nothing is lost, and receivers that are too slow.
#include <fluxmq/mailbox.hpp>

#include "cases.hpp"

namespace fluxmq::testing {

void link_drain_cases() {}

namespace {

// Hands each message of `mailbox` to `use`, with everything else taking its turn before each, until that is closed.
Task<> read(std::shared_ptr<Mailbox> mailbox, std::function<void(const Message&)> use) {
    while (co_await mailbox->wait())
        while (const auto delivery = mailbox->pop_message()) {
            co_await turn();
            use(delivery->message);
        }
}

} // namespace

TEST_P(Conformance, a_drained_subscription_gets_all_that_was_on_the_way_and_nothing_after_it) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto name = topic();
        const auto mailbox = Mailbox::create();
        std::vector<std::string> texts;
        const auto keep = [&](const Message& message) { texts.emplace_back(message.text()); };
        Beside reading{co_await boost::asio::this_coro::executor, read(mailbox, keep)};
        auto subscription = co_await two.subscribe(name, mailbox->add_inlet({}));
        for (int i = 0; i < 1'000; ++i)
            one.publish(name, std::to_string(i));
        co_await one.flush();
        const auto report = co_await subscription.drain();
        EXPECT_TRUE(report.complete());
        EXPECT_EQ(texts.size(), 1'000u);
        EXPECT_FALSE(subscription.active());
        one.publish(name, "after");
        co_await one.flush();
        co_await two.flush();
        EXPECT_EQ(mailbox->counters().received, 1'000u);
        mailbox->close();
        EXPECT_FALSE(co_await reading.end());
    });
}

TEST_P(Conformance, a_drained_connection_sends_what_its_readers_publish_and_closes) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto name = topic();
        const auto answers = topic("answers");
        const auto inbox = std::make_shared<Inbox>();
        const auto listening = co_await one.subscribe(answers, inbox);
        const auto mailbox = Mailbox::create();
        const auto answer = [&](const Message& message) { two.publish(answers, message.payload()); };
        Beside reading{co_await boost::asio::this_coro::executor, read(mailbox, answer)};
        const auto subscription = co_await two.subscribe(name, mailbox->add_inlet({}));
        for (int i = 0; i < 1'000; ++i)
            one.publish(name, std::to_string(i));
        co_await one.flush();
        const auto report = co_await two.drain();
        EXPECT_TRUE(report.complete());
        EXPECT_FALSE(two.connected());
        EXPECT_EQ(kind_thrown_by([&] { two.publish(name, "x"); }), errc::closed);
        co_await one.flush();
        EXPECT_EQ(inbox->size(), 1'000u);
        mailbox->close();
        EXPECT_FALSE(co_await reading.end());
    });
}

TEST_P(Conformance, a_connection_that_is_drained_waits_for_the_drains_that_have_begun) {
    with_transport([](Transport& transport) -> Task<> {
        const auto executor = co_await boost::asio::this_coro::executor;
        const auto name = topic();
        const auto mailbox = Mailbox::create();
        auto subscription = co_await transport.subscribe(name, mailbox->add_inlet({}));
        for (int i = 0; i < 5; ++i)
            transport.publish(name, "x");
        co_await transport.flush();
        Beside first{executor, subscription.drain()};
        co_await turn();
        Beside second{executor, transport.drain()};
        Beside third{executor, transport.drain()};
        for (int i = 0; i < 20; ++i)
            co_await turn();
        EXPECT_FALSE(first.done() || second.done() || third.done());
        EXPECT_TRUE(transport.connected());
        while (mailbox->pop_message()) {
        }
        EXPECT_FALSE(co_await first.end());
        EXPECT_FALSE(co_await second.end());
        EXPECT_FALSE(co_await third.end());
        EXPECT_EQ(mailbox->counters().delivered, 5u);
    });
}

TEST_P(Conformance, a_drain_keeps_its_deadline_and_names_what_was_left) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto mailbox = Mailbox::create(); // which nobody reads
        const auto subscription = co_await transport.subscribe(name, mailbox->add_inlet({}));
        transport.publish(name, "1");
        transport.publish(name, "2");
        co_await transport.flush();
        const auto report = co_await transport.drain(20ms);
        EXPECT_FALSE(report.complete());
        EXPECT_EQ(report.left.size(), 1u);
        for (const auto& left : report.left) {
            EXPECT_EQ(left.topic, name);
            EXPECT_EQ(left.messages, 2u);
        }
        EXPECT_FALSE(transport.connected());
    });
}

TEST_P(Conformance, a_slow_receiver_is_told_by_events_whose_counts_add_up_and_delays_no_other) {
    run([this]() -> Task<> {
        const auto transport = world().make();
        std::uint64_t reported = 0;
        transport->on_event([&](const ConnectionEvent& event) { reported += event.dropped; });
        co_await transport->connect();
        const auto name = topic();
        const auto mailbox = Mailbox::create();
        const auto inlet = mailbox->add_inlet({.messages = 10, .overflow = Overflow::drop_newest});
        auto slow = co_await transport->subscribe(name, inlet);
        const auto inbox = std::make_shared<Inbox>();
        const auto quick = co_await transport->subscribe(name, inbox);
        for (int i = 0; i < 1'000; ++i)
            transport->publish(name, "x");
        co_await inbox->holds(1'000);
        co_await turn();
        EXPECT_GT(reported, 0u);
        slow.unsubscribe();
        co_await transport->close();
        EXPECT_EQ(reported, 990u);
        EXPECT_EQ(inlet->overflowed(), 990u);
    });
}

} // namespace fluxmq::testing
