// SPDX-License-Identifier: MIT
// What is published arrives, once, at everyone who subscribed before.
#include "cases.hpp"

namespace fluxmq::testing {

void link_delivery_cases() {}

TEST_P(Conformance, delivers_what_is_published_after_subscribe_has_completed) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await one.subscribe(name, inbox);
        EXPECT_TRUE(subscription.active());
        two.publish(name, "from two");
        co_await two.flush();
        co_await inbox->holds(1);
        one.publish(name, "from one");
        co_await inbox->holds(2);
        const auto messages = inbox->messages();
        EXPECT_EQ(messages[0].topic(), name);
        EXPECT_EQ(messages[0].text(), "from two");
        EXPECT_EQ(messages[0].reply(), "");
        EXPECT_EQ(messages[0].status(), 0);
        EXPECT_TRUE(messages[0].headers().empty());
        EXPECT_EQ(messages[1].text(), "from one");
    });
}

// Watermill's TestPublishSubscribe.
TEST_P(Conformance, a_hundred_messages_arrive_as_they_were_sent) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await one.subscribe(name, inbox);
        std::vector<std::string> sent;
        for (int i = 0; i < 100; ++i) {
            sent.push_back(std::to_string(i));
            two.publish(name, sent.back(), {}, "answer.here");
        }
        co_await inbox->holds(sent.size());
        EXPECT_EQ(inbox->texts(), sent);
        EXPECT_EQ(inbox->last().reply(), "answer.here");
    });
}

TEST_P(Conformance, a_publisher_reaches_whoever_subscribes_at_the_time) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto name = topic();
        const auto publisher = two.publisher(name);
        publisher->publish("nobody listens yet");
        co_await two.flush();
        const auto inbox = std::make_shared<Inbox>();
        auto subscription = co_await one.subscribe(name, inbox);
        publisher->publish("to one");
        co_await two.flush();
        const auto late = std::make_shared<Inbox>();
        const auto another = co_await one.subscribe(name, late);
        publisher->publish("to both", {}, "answer.here");
        two.publish(name, "in order");
        publisher->publish(Bytes::copy("shared"));
        co_await inbox->holds(4);
        co_await late->holds(3);
        EXPECT_EQ(inbox->texts(), (std::vector<std::string>{"to one", "to both", "in order", "shared"}));
        EXPECT_EQ(late->texts(), (std::vector<std::string>{"to both", "in order", "shared"}));
        EXPECT_EQ(inbox->messages()[1].reply(), "answer.here");
        EXPECT_EQ(inbox->last().topic(), name);

        subscription.unsubscribe();
        publisher->publish("to the other one");
        co_await late->holds(4);
        EXPECT_EQ(inbox->texts().size(), 4u);
        EXPECT_EQ(two.counters().published, 6u);
        EXPECT_EQ(two.counters().published_bytes, 61u);
    });
}

TEST_P(Conformance, a_publisher_has_the_errors_of_publish) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        EXPECT_EQ(kind_thrown_by([&] { one.publisher("no.wildcard.*"); }), errc::invalid_topic);
        EXPECT_EQ(kind_thrown_by([&] { one.publisher(""); }), errc::invalid_topic);
        const auto publisher = two.publisher(topic());
        EXPECT_EQ(kind_thrown_by([&] { publisher->publish("x", {}, "bad reply"); }), errc::invalid_topic);
        EXPECT_EQ(two.counters().rejected, 1u);
        co_await two.close();
        EXPECT_EQ(kind_thrown_by([&] { publisher->publish("late"); }), errc::closed);
    });
}

TEST_P(Conformance, subscribe_completes_when_others_messages_are_routed) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        for (int round = 0; round < 100; ++round) {
            const auto name = topic();
            const auto inbox = std::make_shared<Inbox>();
            const auto subscription = co_await one.subscribe(name, inbox);
            two.publish(name, "at once");
            co_await inbox->holds(1);
        }
    });
}

// Watermill's TestConcurrentSubscribe.
TEST_P(Conformance, fifty_subscribers_each_get_all_of_five_thousand_messages) {
    run([&]() -> Task<> {
        constexpr std::size_t subscribers = 50;
        const auto count = scaled(5'000);
        const auto name = topic();
        const auto transports = co_await connected(subscribers);
        std::vector<std::shared_ptr<Inbox>> inboxes(subscribers);
        std::vector<Subscription> subscriptions(subscribers);
        const auto subscribe = [&](std::size_t i) -> Task<> {
            inboxes[i] = std::make_shared<Inbox>();
            subscriptions[i] = co_await transports[i]->subscribe(name, inboxes[i]);
        };
        co_await at_once(subscribers, subscribe);
        std::vector<std::string> sent;
        for (std::size_t i = 0; i < count; ++i) {
            sent.push_back(std::to_string(i));
            transports[0]->publish(name, sent.back());
        }
        for (std::size_t i = 0; i < subscribers; ++i) {
            co_await inboxes[i]->holds(count);
            EXPECT_TRUE(inboxes[i]->texts() == sent) << "subscriber " << i;
        }
        for (const auto& transport : transports)
            co_await transport->close();
    });
}

// Watermill's TestConcurrentSubscribeMultipleTopics.
TEST_P(Conformance, subscribers_of_fifty_topics_get_those_of_their_own) {
    run([&]() -> Task<> {
        constexpr std::size_t topics = 50;
        constexpr std::size_t count = 100;
        const auto base = topic() + '.';
        const auto transports = co_await connected(topics);
        std::vector<std::shared_ptr<Inbox>> inboxes(topics);
        std::vector<Subscription> subscriptions(topics);
        // Each publishes to the next one's topic as soon as it has subscribed itself, and the first goes last.
        const auto subscribe = [&](std::size_t i) -> Task<> {
            inboxes[i] = std::make_shared<Inbox>();
            subscriptions[i] = co_await transports[i]->subscribe(base + std::to_string(i), inboxes[i]);
            for (std::size_t n = 0; n < count; ++n)
                transports[i]->publish(base + std::to_string(i), std::to_string(n));
        };
        co_await at_once(topics, subscribe);
        for (std::size_t i = 0; i < topics; ++i) {
            co_await inboxes[i]->holds(count);
            co_await transports[i]->flush();
            EXPECT_EQ(inboxes[i]->size(), count);
            for (const auto& message : inboxes[i]->messages())
                EXPECT_EQ(message.topic(), base + std::to_string(i));
        }
        for (const auto& transport : transports)
            co_await transport->close();
    });
}

// Watermill's TestTopic.
TEST_P(Conformance, a_thousand_topics_on_one_connection_keep_their_messages_apart) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        constexpr std::size_t topics = 1'000;
        const auto base = topic() + '.';
        std::vector<std::shared_ptr<Inbox>> inboxes(topics);
        std::vector<Subscription> subscriptions(topics);
        const auto subscribe = [&](std::size_t i) -> Task<> {
            inboxes[i] = std::make_shared<Inbox>();
            subscriptions[i] = co_await one.subscribe(base + std::to_string(i), inboxes[i]);
        };
        co_await at_once(topics, subscribe);
        for (std::size_t i = 0; i < topics; ++i)
            two.publish(base + std::to_string(i), std::to_string(i));
        co_await two.flush();
        co_await one.flush();
        for (std::size_t i = 0; i < topics; ++i)
            EXPECT_EQ(inboxes[i]->texts(), std::vector{std::to_string(i)});
    });
}

// Watermill's TestNewSubscriberReceivesOldMessages, which here none does.
TEST_P(Conformance, a_new_subscriber_gets_no_old_messages) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto name = topic();
        const auto first = std::make_shared<Inbox>();
        const auto second = std::make_shared<Inbox>();
        two.publish(name, "nobody hears");
        co_await two.flush();
        const auto early = co_await one.subscribe(name, first);
        two.publish(name, "one hears");
        co_await two.flush();
        const auto late = co_await one.subscribe(name, second);
        two.publish(name, "both hear");
        co_await second->holds(1);
        co_await first->holds(2);
        EXPECT_EQ(first->texts(), (std::vector<std::string>{"one hears", "both hear"}));
        EXPECT_EQ(second->texts(), std::vector<std::string>{"both hear"});
    });
}

// The nearest to Watermill's TestContinueAfterSubscribeClose without persistence.
TEST_P(Conformance, a_subscriber_that_comes_back_gets_what_is_published_from_then_on) {
    run([&]() -> Task<> {
        constexpr int batches = 5;
        const auto size = scaled(1'000);
        const auto name = topic();
        const auto sending = co_await connected();
        for (int batch = 0; batch < batches; ++batch) {
            const auto receiving = co_await connected();
            const auto inbox = std::make_shared<Inbox>();
            const auto subscription = co_await receiving->subscribe(name, inbox);
            for (std::size_t i = 0; i < size; ++i)
                sending->publish(name, std::to_string(batch));
            co_await inbox->holds(size);
            co_await receiving->close();
            sending->publish(name, "missed");
            co_await sending->flush();
            EXPECT_EQ(inbox->texts(), std::vector<std::string>(size, std::to_string(batch)));
        }
        co_await sending->close();
    });
}

// The nearest to Watermill's TestMessageCtx: what a receiver was given is its own.
TEST_P(Conformance, a_message_outlives_its_connection) {
    run([&]() -> Task<> {
        constexpr std::size_t count = 500;
        const auto name = topic();
        std::vector<Message> kept;
        {
            const auto transport = co_await connected();
            const auto inbox = std::make_shared<Inbox>();
            const auto subscription = co_await transport->subscribe(name, inbox);
            for (std::size_t i = 0; i < count; ++i)
                transport->publish(name, std::string(i, static_cast<char>('a' + i % 26)), {}, "re.ply");
            co_await inbox->holds(count);
            kept = inbox->messages();
            co_await transport->close();
        }
        for (std::size_t i = 0; i < count; ++i) {
            EXPECT_EQ(kept[i].text(), std::string(i, static_cast<char>('a' + i % 26)));
            EXPECT_EQ(kept[i].topic(), name);
            EXPECT_EQ(kept[i].reply(), "re.ply");
        }
    });
}

// The nearest to Watermill's TestNoAck: what a receiver has no room for waits.
TEST_P(Conformance, a_full_receiver_gets_everything_in_order_once_it_has_room) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        constexpr std::size_t count = 100;
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>(10);
        const auto subscription = co_await one.subscribe(name, inbox);
        std::vector<std::string> sent;
        for (std::size_t i = 0; i < count; ++i) {
            sent.push_back(std::to_string(i));
            two.publish(name, sent.back());
        }
        for (std::size_t room = 10; room <= count; room += 30) {
            co_await inbox->holds(room);
            EXPECT_EQ(inbox->size(), room);
            inbox->make_room(room + 30);
        }
        co_await two.flush();
        co_await one.flush();
        EXPECT_EQ(inbox->texts(), sent);
    });
}

} // namespace fluxmq::testing
