// SPDX-License-Identifier: MIT
// The end of a connection: what close() still sends, and that nobody is called afterwards.
#include "cases.hpp"

#include <atomic>
#include <map>
#include <thread>

namespace fluxmq::testing {

void link_close_cases() {}

TEST_P(Conformance, tells_of_its_connection) {
    run([&]() -> Task<> {
        const auto transport = world().make();
        std::vector<ConnectionState> states;
        transport->on_event([&](const ConnectionEvent& event) { states.push_back(event.state); });
        co_await transport->connect();
        EXPECT_EQ(states, std::vector{ConnectionState::connected});
        co_await transport->close();
        EXPECT_EQ(states, (std::vector{ConnectionState::connected, ConnectionState::closed}));
    });
}

TEST_P(Conformance, a_cancelled_connect_may_be_repeated) {
    run([&]() -> Task<> {
        const auto executor = co_await boost::asio::this_coro::executor;
        for (int turns = 0; turns < 20; ++turns) {
            const auto transport = world().make();
            Beside connecting{executor, transport->connect()};
            for (int i = 0; i < turns; ++i)
                co_await turn();
            connecting.cancel();
            const auto failure = co_await connecting.end(); // or it had completed
            EXPECT_TRUE(!failure || failure->kind() == errc::cancelled) << failure->what();
            co_await transport->connect();
            co_await transport->flush();
            co_await transport->close();
        }
    });
}

TEST_P(Conformance, close_calls_nobody_afterwards_and_lets_go_of_the_receivers) {
    run([&]() -> Task<> {
        const auto one = co_await connected();
        const auto two = co_await connected();
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        int events = 0;
        one->on_event([&](const ConnectionEvent&) { ++events; });
        const auto subscription = co_await one->subscribe(name, inbox);
        co_await one->close();
        const auto received = inbox->size();
        const auto told = events;
        EXPECT_EQ(inbox.use_count(), 1);
        for (int i = 0; i < 100; ++i)
            two->publish(name, "x");
        co_await two->flush();
        EXPECT_EQ(inbox->size(), received);
        EXPECT_EQ(events, told);
        co_await two->close();
    });
}

TEST_P(Conformance, close_calls_nobody_afterwards_while_messages_pour_in) {
    run([&]() -> Task<> {
        const auto sending = co_await connected();
        const auto name = topic();
        auto publisher = flood(*sending, name);
        for (int round = 0; round < 20; ++round) {
            std::atomic<bool> closed{false};
            std::atomic<int> late{0};
            const auto inbox = std::make_shared<Inbox>();
            inbox->on_message([&](const Message&) { late += closed; });
            const auto receiving = co_await connected();
            receiving->on_event([&](const ConnectionEvent&) { late += closed; });
            const auto subscription = co_await receiving->subscribe(name, inbox);
            co_await inbox->holds(20);
            co_await receiving->close();
            closed = true;
            co_await sending->flush();
            EXPECT_EQ(late, 0);
            // The publisher's thread may be about to see that it was too late.
            co_await until([&] { return inbox.use_count() == 1; }, "the transport to let go of a receiver");
        }
        publisher.request_stop();
        publisher.join();
        co_await sending->close();
    });
}

// Watermill's TestPublisherClose.
TEST_P(Conformance, close_sends_what_twenty_threads_have_published) {
    with_transport([this](Transport& receiving) -> Task<> {
        constexpr std::size_t threads = 20;
        const auto count = scaled(10'000) / threads;
        const auto base = topic() + '.';
        const auto inbox = std::make_shared<Inbox>();
        std::vector<Subscription> subscriptions;
        for (std::size_t t = 0; t < threads; ++t)
            subscriptions.push_back(co_await receiving.subscribe(base + std::to_string(t), inbox));
        const auto sending = co_await connected();
        std::vector<std::jthread> publishers;
        for (std::size_t t = 0; t < threads; ++t)
            publishers.emplace_back([&, t] {
                for (std::size_t i = 0; i < count; ++i)
                    sending->publish(base + std::to_string(t), std::to_string(i));
            });
        for (auto& publisher : publishers)
            publisher.join();
        co_await sending->close();
        EXPECT_EQ(sending->counters().lost, 0u);
        EXPECT_EQ(sending->counters().pending, 0u);
        co_await inbox->holds(threads * count);
        std::map<std::string, std::size_t, std::less<>> next;
        for (const auto& message : inbox->messages())
            EXPECT_EQ(message.text(), std::to_string(next[std::string{message.topic()}]++));
    });
}

TEST_P(Conformance, may_be_closed_while_others_publish) {
    run([&]() -> Task<> {
        const auto transport = co_await connected();
        const auto name = topic();
        const auto subscription = co_await transport->subscribe(name, std::make_shared<Inbox>());
        std::atomic<int> refused{0};
        std::atomic<int> accepted{0};
        std::vector<std::jthread> publishers;
        for (int t = 0; t < 2; ++t)
            publishers.emplace_back([&](const std::stop_token& stop) {
                while (refused < 10 && !stop.stop_requested()) {
                    try {
                        transport->publish(name, "x");
                        ++accepted;
                    } catch (const Error& error) {
                        if (error.kind() == errc::closed)
                            ++refused;
                    }
                    if (accepted % 64 == 0)
                        std::this_thread::yield();
                }
            });
        co_await until([&] { return accepted > 1'000; }, "publishers");
        co_await transport->close();
        for (auto& publisher : publishers)
            publisher.join();
        EXPECT_EQ(transport->counters().pending, 0u);
        EXPECT_EQ(transport->counters().published, static_cast<std::uint64_t>(accepted));
    });
}

// Watermill's TestConcurrentClose. Each connection has a thread and an event loop of its own.
TEST_P(Conformance, ten_connections_may_subscribe_and_close_at_once) {
    run([&]() -> Task<> {
        constexpr std::size_t count = 10;
        constexpr std::size_t messages = 50;
        const auto name = topic();
        std::vector<std::shared_ptr<Transport>> transports;
        for (std::size_t i = 0; i < count; ++i)
            transports.push_back(world().make());
        std::vector<std::exception_ptr> failures(count);
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < count; ++i)
            threads.emplace_back([&, i] {
                const auto body = [&]() -> Task<> {
                    co_await transports[i]->connect();
                    const auto subscription =
                        co_await transports[i]->subscribe(name, std::make_shared<Inbox>());
                    co_await transports[i]->close();
                };
                try {
                    run(body);
                } catch (...) {
                    failures[i] = std::current_exception();
                }
            });
        for (auto& thread : threads)
            thread.join();
        for (const auto& failure : failures)
            if (failure)
                std::rethrow_exception(failure);
        // The others are unharmed.
        const auto transport = co_await connected();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await transport->subscribe(name, inbox);
        for (std::size_t i = 0; i < messages; ++i)
            transport->publish(name, std::to_string(i));
        co_await transport->flush();
        EXPECT_EQ(inbox->size(), messages);
        co_await transport->close();
    });
}

TEST_P(Conformance, the_handle_may_go_while_messages_wait_and_arrive) {
    run([&]() -> Task<> {
        const auto name = topic();
        const auto receiving = co_await connected();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await receiving->subscribe(name, inbox);
        for (int round = 0; round < 20; ++round) {
            auto transport = co_await connected();
            const auto own = std::make_shared<Inbox>();
            const auto second = co_await transport->subscribe(name, own);
            for (int i = 0; i < 100; ++i)
                transport->publish(name, "x");
            transport.reset();
            const auto received = own->size();
            EXPECT_EQ(own.use_count(), 1);
            co_await receiving->flush();
            EXPECT_EQ(own->size(), received);
        }
        co_await receiving->close();
    });
}

} // namespace fluxmq::testing
