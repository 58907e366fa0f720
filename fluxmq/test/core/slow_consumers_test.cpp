// SPDX-License-Identifier: MIT
#include <fluxmq/inproc.hpp>
#include <fluxmq/mailbox.hpp>

#include "support.hpp"

#include <gmock/gmock.h>

namespace fluxmq {
namespace {

using namespace std::chrono_literals;
using test::VirtualLoop;
using ::testing::HasSubstr;

class SlowConsumer : public ::testing::Test {
protected:
    SlowConsumer() {
        InProcOptions options;
        options.clock = loop.clock();
        transport = std::make_unique<InProc>(std::make_shared<InProcBus>(options));
        transport->on_event([this](const ConnectionEvent& event) {
            if (event.state == ConnectionState::slow_consumer)
                events.push_back(event);
        });
        loop.run(transport->connect());
    }

    void publish(int count, const std::string& topic = "a") {
        for (int i = 0; i < count; ++i)
            transport->publish(topic, std::to_string(i));
        loop.settle();
    }
    std::uint64_t reported() const {
        std::uint64_t sum = 0;
        for (const auto& event : events)
            sum += event.dropped;
        return sum;
    }
    std::shared_ptr<Inlet> inlet(std::size_t messages, Overflow overflow = Overflow::drop_oldest) {
        return mailbox->add_inlet({.messages = messages, .overflow = overflow});
    }
    Subscription subscribe(std::shared_ptr<Inlet> to, const std::string& topic = "a") {
        return loop.run(transport->subscribe(topic, std::move(to)));
    }

    VirtualLoop loop;
    std::vector<ConnectionEvent> events;
    std::unique_ptr<InProc> transport;
    std::shared_ptr<Mailbox> mailbox = Mailbox::create();
};

TEST_F(SlowConsumer, is_told_with_the_topic_and_what_was_dropped_when_it_begins) {
    const auto subscription = subscribe(inlet(3));
    publish(3);
    EXPECT_TRUE(events.empty());
    publish(5);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].topic, "a");
    EXPECT_EQ(events[0].dropped, 5u);
    EXPECT_EQ(events[0].dropped_total, 5u);
    EXPECT_THAT(events[0].detail, HasSubstr("'a' is full: 5 messages dropped, 5 in all"));
}

TEST_F(SlowConsumer, is_told_each_second_while_it_goes_on) {
    const auto subscription = subscribe(inlet(1));
    publish(2);
    EXPECT_EQ(events.size(), 1u);
    loop.advance(500ms);
    publish(10);
    EXPECT_EQ(events.size(), 1u);
    loop.advance(500ms);
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[1].dropped, 10u);
    EXPECT_EQ(events[1].dropped_total, 11u);
    loop.advance(10s);
    EXPECT_EQ(events.size(), 2u) << "nothing new";
}

TEST_F(SlowConsumer, is_told_of_all_of_a_burst_within_a_second) {
    const auto subscription = subscribe(inlet(4));
    publish(5);
    publish(7);
    EXPECT_EQ(reported(), 1u);
    while (mailbox->pop_message()) {
    }
    publish(6); // and another one, before the first is told
    loop.advance(1s);
    EXPECT_EQ(events.size(), 2u);
    EXPECT_EQ(reported(), 10u);
}

TEST_F(SlowConsumer, that_is_full_for_a_moment_again_and_again_makes_one_event_a_second_at_most) {
    const auto subscription = subscribe(inlet(1));
    for (int i = 0; i < 100; ++i) {
        publish(2);
        mailbox->pop_message();
        loop.settle();
        loop.advance(50ms);
    }
    EXPECT_LE(events.size(), 6u);
    loop.advance(1s);
    EXPECT_EQ(reported(), 100u);
}

TEST_F(SlowConsumer, counts_add_up_when_its_subscription_ends) {
    auto one = inlet(1, Overflow::drop_newest);
    {
        const auto subscription = subscribe(one);
        publish(3);
        publish(4);
    }
    loop.settle();
    EXPECT_EQ(reported(), 6u);
    EXPECT_EQ(one->overflowed(), 6u);
    publish(3);
    EXPECT_EQ(reported(), 6u);
}

TEST_F(SlowConsumer, counts_add_up_when_the_connection_ends) {
    const auto subscription = subscribe(inlet(1, Overflow::fail));
    publish(3);
    publish(4);
    EXPECT_EQ(reported(), 2u);
    loop.run(transport->close());
    EXPECT_EQ(reported(), 6u);
}

TEST_F(SlowConsumer, of_several_subscriptions_is_told_once) {
    const auto shared = inlet(1);
    const auto first = subscribe(shared, "a");
    {
        const auto second = subscribe(shared, "b");
        publish(2, "b");
        ASSERT_EQ(events.size(), 1u);
        EXPECT_EQ(events[0].topic, "a");
    }
    loop.advance(1s);
    publish(1, "a");
    EXPECT_EQ(reported(), 2u);
}

TEST_F(SlowConsumer, that_blocks_or_is_not_started_drops_nothing_for_being_slow) {
    const auto blocking = inlet(1, Overflow::block);
    const auto closed = inlet(1);
    closed->set_gate(Inlet::Gate::not_started);
    const auto first = subscribe(blocking);
    const auto second = subscribe(closed);
    publish(5);
    EXPECT_TRUE(events.empty());
    EXPECT_EQ(closed->counters().dropped.not_started, 5u);
}

TEST_F(SlowConsumer, raises_no_event_when_the_transport_goes_unclosed) {
    const auto subscription = subscribe(inlet(1));
    publish(2);
    publish(2);
    const auto before = events.size();
    transport.reset();
    EXPECT_EQ(events.size(), before);
}

TEST_F(SlowConsumer, delays_no_sibling) {
    const auto slow = subscribe(inlet(1));
    const auto quick = Mailbox::create();
    const auto sibling = subscribe(quick->add_inlet({}));
    publish(100);
    EXPECT_EQ(quick->counters().pending, 100u);
    EXPECT_EQ(quick->counters().dropped.total(), 0u);
}

TEST(SlowConsumerThreads, counts_add_up_whoever_publishes) {
    VirtualLoop loop;
    InProcOptions options;
    options.clock = loop.clock();
    const auto bus = std::make_shared<InProcBus>(options);
    InProc receiving{bus};
    std::uint64_t reported = 0;
    receiving.on_event([&](const ConnectionEvent& event) { reported += event.dropped; });
    loop.run(receiving.connect());
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet({.messages = 10});
    auto subscription = loop.run(receiving.subscribe("a", inlet));
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&] {
            VirtualLoop own;
            InProc sending{bus};
            own.run(sending.connect());
            for (int i = 0; i < 1000; ++i)
                sending.publish("a", "x");
        });
    for (auto& thread : threads)
        thread.join();
    subscription.unsubscribe();
    loop.settle();
    EXPECT_EQ(reported, 2990u);
    EXPECT_EQ(inlet->overflowed(), 2990u);
}

} // namespace
} // namespace fluxmq
