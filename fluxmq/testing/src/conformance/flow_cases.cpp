// SPDX-License-Identifier: MIT
// Flush and the counters: what has been passed on, and the account of it.
#include "cases.hpp"

#include <thread>

namespace fluxmq::testing {

void link_flow_cases() {}

TEST_P(Conformance, flush_completes_when_what_was_published_has_been_passed_on) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await two.subscribe(name, inbox);
        for (int i = 0; i < 1'000; ++i)
            one.publish(name, "x");
        co_await one.flush();
        EXPECT_EQ(one.counters().pending, 0u);
        co_await two.flush(); // and what the broker had for it before is here
        EXPECT_EQ(inbox->size(), 1'000u);
    });
}

TEST_P(Conformance, many_flushes_may_wait_at_once) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await transport.subscribe(name, inbox);
        const auto publish_and_flush = [&](std::size_t i) -> Task<> {
            transport.publish(name, std::to_string(i));
            co_await transport.flush();
            EXPECT_GT(inbox->size(), i);
        };
        co_await at_once(100, publish_and_flush);
        EXPECT_EQ(inbox->size(), 100u);
    });
}

// Whether a flush waits for receivers is the transport's own affair; that it ends is not.
TEST_P(Conformance, flush_ends_at_its_deadline_or_when_cancelled_while_a_receiver_is_full) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>(1);
        const auto subscription = co_await transport.subscribe(name, inbox);
        for (int i = 0; i < 10; ++i)
            transport.publish(name, std::to_string(i));
        co_await inbox->holds(1);
        auto failure = co_await failure_of(transport.flush(20ms));
        EXPECT_TRUE(!failure || failure->kind() == errc::timeout) << failure->what();
        Beside flushing{co_await boost::asio::this_coro::executor, transport.flush(1h)};
        co_await turn();
        flushing.cancel();
        failure = co_await flushing.end();
        EXPECT_TRUE(!failure || failure->kind() == errc::cancelled) << failure->what();
        inbox->make_room(10);
        co_await inbox->holds(10);
        co_await transport.flush();
        EXPECT_EQ(inbox->size(), 10u);
    });
}

TEST_P(Conformance, counts_what_goes_through) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await transport.subscribe(name, inbox);
        transport.publish(name, "12345");
        transport.publish(name, "123");
        transport.publish(topic(), "nobody");
        co_await inbox->holds(2);
        co_await transport.flush();
        const auto counters = transport.counters();
        EXPECT_EQ(counters.published, 3u);
        EXPECT_EQ(counters.published_bytes, 14u);
        EXPECT_EQ(counters.received, 2u);
        EXPECT_EQ(counters.received_bytes, 8u);
        EXPECT_EQ(counters.lost, 0u);
        EXPECT_EQ(counters.pending, 0u);
        EXPECT_EQ(counters.reconnects, 0u);
    });
}

TEST_P(Conformance, counters_add_up_over_threads_and_connections) {
    run([&]() -> Task<> {
        constexpr std::size_t senders = 4;
        constexpr std::size_t receivers = 3;
        const auto count = scaled(1'000);
        const auto name = topic();
        const auto transports = co_await connected(senders + receivers);
        const auto inbox = std::make_shared<Inbox>();
        std::vector<Subscription> subscriptions;
        for (std::size_t r = 0; r < receivers; ++r)
            subscriptions.push_back(co_await transports[senders + r]->subscribe(name, inbox));
        std::vector<std::jthread> threads;
        for (std::size_t s = 0; s < senders; ++s)
            threads.emplace_back([&, s] {
                for (std::size_t i = 0; i < count; ++i)
                    transports[s]->publish(name, std::string(s + 1, 'x'));
            });
        for (auto& thread : threads)
            thread.join();
        for (const auto& transport : transports)
            co_await transport->flush();
        EXPECT_EQ(inbox->size(), senders * receivers * count);
        for (std::size_t s = 0; s < senders; ++s) {
            const auto counters = transports[s]->counters();
            EXPECT_EQ(counters.published, count);
            EXPECT_EQ(counters.published_bytes, count * (s + 1));
            EXPECT_EQ(counters.received, 0u);
            EXPECT_EQ(counters.lost + counters.pending + counters.rejected, 0u);
        }
        for (std::size_t r = 0; r < receivers; ++r) {
            const auto counters = transports[senders + r]->counters();
            EXPECT_EQ(counters.published, 0u);
            EXPECT_EQ(counters.received, senders * count);
            EXPECT_EQ(counters.received_bytes, count * (1 + 2 + 3 + 4));
        }
        for (const auto& transport : transports)
            co_await transport->close();
    });
}

} // namespace fluxmq::testing
