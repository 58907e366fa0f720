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
        std::vector<std::exception_ptr> failures(loops);
        std::vector<std::shared_ptr<Inbox>> inboxes(loops);
        std::vector<std::jthread> threads;
        for (std::size_t t = 0; t < loops; ++t)
            threads.emplace_back([&, t] {
                const auto body = [&]() -> Task<> {
                    const auto name = base + std::to_string(t);
                    inboxes[t] = std::make_shared<Inbox>();
                    const auto subscription = co_await transport.subscribe(name, inboxes[t]);
                    for (std::size_t i = 0; i < count; ++i)
                        transport.publish(name, std::to_string(i));
                    co_await transport.flush();
                    co_await inboxes[t]->holds(count);
                };
                try {
                    run(body);
                } catch (...) {
                    failures[t] = std::current_exception();
                }
            });
        for (auto& thread : threads)
            thread.join();
        for (std::size_t t = 0; t < loops; ++t) {
            if (failures[t])
                std::rethrow_exception(failures[t]);
            EXPECT_EQ(inboxes[t]->size(), count);
        }
        co_return;
    });
}

} // namespace fluxmq::testing
