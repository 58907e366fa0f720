// SPDX-License-Identifier: MIT
#include <fluxmq/inproc.hpp>

#include "support.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

namespace fluxmq {
namespace {

using namespace std::chrono_literals;
using test::balanced;
using test::blocking;
using test::Sink;
using test::VirtualLoop;
using ::testing::Each;

// Calls with real threads: these tests run the coroutines, none of which waits, on a loop of each thread.
template <class T>
T run_here(Task<T> task) {
    VirtualLoop loop;
    return loop.run(std::move(task));
}

// Counts what it is offered, and whether that was allowed.
class Probe final : public Receiver {
public:
    bool offer(Message&&) noexcept override {
        ++offers;
        if (ended)
            ++offers_after_end;
        return true;
    }
    void when_ready(std::function<void()> resume) override { resume(); }

    std::atomic<int> offers{0};
    std::atomic<int> offers_after_end{0};
    std::atomic<bool> ended{false};
};

TEST(InProcThreads, many_threads_publish_on_one_transport_and_each_keeps_its_order) {
    const auto transport = std::make_shared<InProc>();
    run_here(transport->connect());
    constexpr int publishers = 4;
    constexpr int each = 2000;
    std::vector<int> next(publishers, 0);
    std::vector<Subscription> subscriptions;
    const auto mailbox = Mailbox::create();
    for (int p = 0; p < publishers; ++p)
        subscriptions.push_back(run_here(transport->subscribe(
            "p." + std::to_string(p), mailbox->add_inlet(blocking(16), &next[static_cast<std::size_t>(p)]))));
    std::vector<std::thread> threads;
    for (int p = 0; p < publishers; ++p)
        threads.emplace_back([&, topic = "p." + std::to_string(p)] {
            for (int i = 0; i < each; ++i)
                transport->publish(topic, std::to_string(i));
        });
    boost::asio::io_context context;
    bool in_order = true;
    boost::asio::co_spawn(
        context,
        [](Mailbox& m, bool& ordered) -> Task<> {
            for (int left = publishers * each; left > 0;) {
                co_await m.wait();
                for (; const auto delivery = m.pop_message(); --left)
                    ordered = ordered && delivery->message.text() ==
                                             std::to_string((*static_cast<int*>(delivery->user))++);
            }
        }(*mailbox, in_order),
        boost::asio::detached);
    context.run();
    for (auto& thread : threads)
        thread.join();
    EXPECT_TRUE(in_order);
    EXPECT_THAT(next, Each(each));
    EXPECT_EQ(transport->counters().published, std::uint64_t{publishers * each});
    EXPECT_EQ(transport->counters().received, std::uint64_t{publishers * each});
    EXPECT_EQ(transport->counters().pending, 0u);
    EXPECT_TRUE(balanced(mailbox->counters()));
}

TEST(InProcThreads, nothing_is_offered_after_unsubscribe_returned) {
    const auto transport = std::make_shared<InProc>();
    run_here(transport->connect());
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int p = 0; p < 2; ++p)
        threads.emplace_back([&] {
            while (!stop)
                transport->publish("a", "x");
        });
    for (int i = 0; i < 300; ++i) {
        const auto probe = std::make_shared<Probe>();
        auto subscription = run_here(transport->subscribe(i % 2 ? "a" : "*", probe));
        while (i % 3 == 0 && probe->offers == 0)
            std::this_thread::yield();
        subscription.unsubscribe();
        probe->ended = true;
        std::this_thread::yield();
        EXPECT_EQ(probe->offers_after_end, 0);
    }
    stop = true;
    for (auto& thread : threads)
        thread.join();
}

TEST(InProcThreads, nothing_is_offered_after_close_returned) {
    const auto publisher = std::make_shared<InProc>();
    run_here(publisher->connect());
    std::atomic<bool> stop{false};
    std::thread thread{[&] {
        while (!stop)
            publisher->publish("a", "x");
    }};
    for (int i = 0; i < 200; ++i) {
        const auto probe = std::make_shared<Probe>();
        InProc transport{publisher->bus()};
        run_here(transport.connect());
        const auto subscription = run_here(transport.subscribe("a", probe));
        run_here(transport.close());
        probe->ended = true;
        std::this_thread::yield();
        EXPECT_EQ(probe->offers_after_end, 0);
    }
    stop = true;
    thread.join();
}

TEST(InProcThreads, max_messages_holds_against_many_publishers) {
    const auto transport = std::make_shared<InProc>();
    run_here(transport->connect());
    for (int round = 0; round < 50; ++round) {
        const auto probe = std::make_shared<Probe>();
        const auto subscription = run_here(transport->subscribe("a", probe, {.max_messages = 7}));
        std::vector<std::thread> threads;
        for (int p = 0; p < 3; ++p)
            threads.emplace_back([&] {
                for (int i = 0; i < 10; ++i)
                    transport->publish("a", "x");
            });
        for (auto& thread : threads)
            thread.join();
        EXPECT_EQ(probe->offers, 7);
    }
}

TEST(InProcThreads, max_messages_is_used_up_also_when_publishers_had_to_wait) {
    const auto transport = std::make_shared<InProc>();
    run_here(transport->connect());
    for (int round = 0; round < 50; ++round) {
        Sink sink{blocking(1)};
        const auto subscription = run_here(transport->subscribe("a", sink.inlet, {.max_messages = 7}));
        std::vector<std::thread> threads;
        for (int p = 0; p < 3; ++p)
            threads.emplace_back([&] {
                for (int i = 0; i < 10; ++i)
                    transport->publish("a", "x");
            });
        int got = 0;
        while (got < 7)
            got += sink.mailbox->pop_message() != nullptr;
        for (auto& thread : threads)
            thread.join();
        while (sink.mailbox->pop_message())
            ++got;
        EXPECT_EQ(got, 7);
    }
}

TEST(InProcThreads, requests_are_answered_across_threads) {
    const auto server = std::make_shared<InProc>();
    run_here(server->connect());
    const auto mailbox = Mailbox::create();
    const auto subscription = run_here(server->subscribe("echo", mailbox->add_inlet({})));
    boost::asio::io_context serving;
    boost::asio::co_spawn(
        serving,
        [](InProc& t, Mailbox& m) -> Task<> {
            while (co_await m.wait())
                while (const auto delivery = m.pop_message())
                    t.respond(delivery->message, delivery->message.payload());
        }(*server, *mailbox),
        boost::asio::detached);
    std::thread serving_thread{[&] { serving.run(); }};
    std::atomic<int> right{0};
    std::vector<std::thread> clients;
    for (int c = 0; c < 3; ++c)
        clients.emplace_back([&, name = std::to_string(c)] {
            boost::asio::io_context context; // outlives the client, which waits for answers on their way
            InProc client{server->bus()};
            boost::asio::co_spawn(
                context,
                [](InProc& t, std::string who, std::atomic<int>& out) -> Task<> {
                    co_await t.connect();
                    for (int i = 0; i < 200; ++i) {
                        const auto text = who + "." + std::to_string(i);
                        out += (co_await t.request("echo", text, 60s)).text() == text;
                    }
                }(client, name, right),
                boost::asio::detached);
            context.run();
        });
    for (auto& client : clients)
        client.join();
    mailbox->close();
    serving_thread.join();
    EXPECT_EQ(right, 600);
}

} // namespace
} // namespace fluxmq
