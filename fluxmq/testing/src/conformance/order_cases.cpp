// SPDX-License-Identifier: MIT
// In which order messages arrive, and that any thread may send them.
#include "cases.hpp"

#include <map>
#include <thread>

namespace fluxmq::testing {

void link_order_cases() {}

TEST_P(Conformance, keeps_the_order_of_each_publisher_on_any_thread) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        constexpr std::size_t threads = 4;
        const auto count = scaled(5'000);
        const auto base = topic() + '.';
        const auto inbox = std::make_shared<Inbox>();
        std::vector<Subscription> subscriptions;
        for (std::size_t t = 0; t < threads; ++t)
            subscriptions.push_back(co_await one.subscribe(base + std::to_string(t), inbox));
        std::vector<std::jthread> publishers;
        for (std::size_t t = 0; t < threads; ++t)
            publishers.emplace_back([&, t] {
                const auto name = base + std::to_string(t);
                auto& transport = t % 2 ? one : two;
                const auto publisher = transport.publisher(name);
                for (std::size_t i = 0; i < count; ++i)
                    if (t < 2)
                        transport.publish(name, std::to_string(i));
                    else
                        publisher->publish(std::to_string(i));
            });
        for (auto& publisher : publishers)
            publisher.join();
        co_await inbox->holds(threads * count);
        std::map<std::string, int, std::less<>> next;
        int wrong = 0;
        for (const auto& message : inbox->messages())
            wrong += message.text() != std::to_string(next[std::string{message.topic()}]++);
        EXPECT_EQ(wrong, 0);
    });
}

// Watermill's TestPublishSubscribeInOrder.
TEST_P(Conformance, keeps_the_order_of_each_key_for_ten_subscribers) {
    run([&]() -> Task<> {
        constexpr std::size_t subscribers = 10;
        constexpr std::size_t keys = 16;
        constexpr std::size_t count = 1'000;
        const auto base = topic() + '.';
        const auto transports = co_await connected(subscribers);
        std::vector<std::shared_ptr<Inbox>> inboxes(subscribers);
        std::vector<Subscription> subscriptions(subscribers * keys);
        const auto subscribe = [&](std::size_t i) -> Task<> {
            inboxes[i] = std::make_shared<Inbox>();
            for (std::size_t key = 0; key < keys; ++key)
                subscriptions[i * keys + key] =
                    co_await transports[i]->subscribe(base + std::to_string(key), inboxes[i]);
        };
        co_await at_once(subscribers, subscribe);
        using ByKey = std::map<std::string, std::vector<std::string>>;
        ByKey sent;
        for (std::size_t i = 0; i < count; ++i) {
            const auto name = base + std::to_string(i % keys);
            sent[name].push_back(std::to_string(i));
            transports[0]->publish(name, sent[name].back());
        }
        for (const auto& inbox : inboxes) {
            co_await inbox->holds(count);
            ByKey received;
            for (const auto& message : inbox->messages())
                received[std::string{message.topic()}].emplace_back(message.text());
            EXPECT_EQ(received, sent);
        }
        for (const auto& transport : transports)
            co_await transport->close();
    });
}

TEST_P(ConnectionOrderConformance, keeps_the_order_of_a_connection_across_topics) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        constexpr std::size_t topics = 10;
        const auto count = scaled(2'000);
        const auto base = topic() + '.';
        const auto inbox = std::make_shared<Inbox>();
        std::vector<Subscription> subscriptions;
        for (std::size_t t = 0; t < topics; ++t)
            subscriptions.push_back(co_await one.subscribe(base + std::to_string(t), inbox));
        std::vector<std::string> sent;
        for (std::size_t i = 0; i < count; ++i) {
            sent.push_back(std::to_string(i));
            two.publish(base + std::to_string(i * 7 % topics), sent.back());
        }
        co_await inbox->holds(count);
        EXPECT_EQ(inbox->texts(), sent);
    });
}

TEST_P(AnyExecutorConformance, works_on_several_event_loops_at_once) {
    with_transport([&](Transport& transport) -> Task<> {
        constexpr std::size_t loops = 4;
        const auto count = scaled(1'000);
        const auto base = topic() + '.';
        std::vector<std::shared_ptr<Inbox>> inboxes(loops);
        const auto on_one = [&](std::size_t t) -> Task<> {
            const auto name = base + std::to_string(t);
            inboxes[t] = std::make_shared<Inbox>();
            const auto subscription = co_await transport.subscribe(name, inboxes[t]);
            for (std::size_t i = 0; i < count; ++i)
                transport.publish(name, std::to_string(i));
            co_await transport.flush();
            co_await inboxes[t]->holds(count);
        };
        const auto each = [&](std::size_t t) { return elsewhere([&on_one, t] { return on_one(t); }); };
        co_await at_once(loops, each);
        for (const auto& inbox : inboxes)
            EXPECT_EQ(inbox->size(), count);
    });
}

TEST_P(AnyExecutorConformance, subscribes_and_drains_on_another_event_loop_and_goes_on_there) {
    with_transport([&](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto there = [&]() -> Task<> {
            const auto thread = std::this_thread::get_id();
            auto subscription = co_await transport.subscribe(name, inbox);
            EXPECT_EQ(std::this_thread::get_id(), thread);
            transport.publish(name, "one");
            const auto report = co_await subscription.drain(10s);
            EXPECT_EQ(std::this_thread::get_id(), thread);
            EXPECT_TRUE(report.complete());
            transport.publish(name, "nobody hears it");
            co_await transport.flush();
            EXPECT_EQ(std::this_thread::get_id(), thread);
            const auto refused = co_await failure_of(transport.subscribe("no..topic", inbox));
            EXPECT_TRUE(refused && refused->kind() == errc::invalid_topic);
        };
        co_await elsewhere(there);
        const std::vector<std::string> expected{"one"};
        EXPECT_EQ(inbox->texts(), expected);
    });
}

TEST_P(AnyExecutorConformance, closes_on_another_event_loop) {
    with_transport([&](Transport& transport) -> Task<> {
        const auto there = [&]() -> Task<> {
            co_await transport.close();
            EXPECT_FALSE(transport.connected());
            const auto failure = co_await failure_of(transport.flush());
            EXPECT_TRUE(failure && failure->kind() == errc::closed);
        };
        co_await elsewhere(there);
        const auto failure = co_await failure_of(transport.connect());
        EXPECT_TRUE(failure && failure->kind() == errc::closed);
    });
}

TEST_P(AnyExecutorRequestConformance, requests_on_several_event_loops_get_their_own_answers) {
    with_two([&](Transport& one, Transport& two) -> Task<> {
        constexpr std::size_t loops = 3;
        const auto count = scaled(300);
        const auto name = topic();
        const auto subscription = co_await one.subscribe(name, std::make_shared<Echo>(one));
        const auto on_one = [&](std::size_t t) -> Task<> {
            for (std::size_t i = 0; i < count; ++i) {
                const auto question = std::to_string(t) + ' ' + std::to_string(i);
                const auto answer = co_await two.request(name, question, 10s);
                EXPECT_EQ(answer.text(), question);
            }
        };
        const auto each = [&](std::size_t t) { return elsewhere([&on_one, t] { return on_one(t); }); };
        co_await at_once(loops, each);
    });
}

TEST_P(AnyExecutorRequestConformance, operations_on_another_event_loop_can_be_cancelled) {
    with_transport([&](Transport& transport) -> Task<> {
        const auto count = scaled(200);
        const auto name = topic();
        const auto silent = co_await transport.subscribe(name, std::make_shared<Inbox>());
        const auto there = [&]() -> Task<> {
            const auto executor = co_await boost::asio::this_coro::executor;
            for (std::size_t i = 0; i < count; ++i) {
                Beside request{executor, transport.request(name, "?", 10s)};
                Beside flush{executor, transport.flush()};
                if (i % 2)
                    co_await turn();
                request.cancel();
                flush.cancel();
                const auto failure = co_await request.end();
                EXPECT_TRUE(failure && failure->kind() == errc::cancelled);
                const auto flushed = co_await flush.end(); // unless it was over before
                EXPECT_TRUE(!flushed || flushed->kind() == errc::cancelled);
            }
            co_await transport.flush();
        };
        co_await elsewhere(there);
    });
}

} // namespace fluxmq::testing
