// SPDX-License-Identifier: MIT
// Much on one connection: what it costs in threads and memory. The table is printed; docs/reliability.md has it.
#include <fluxmq/mailbox.hpp>
#include <fluxmq/nats.hpp>
#include <fluxmq/testing/nats_server.hpp>

#include "nats_support.hpp"

#include <malloc.h>

#include <filesystem>
#include <iostream>

using namespace fluxmq;
using namespace fluxmq::test;
using namespace std::chrono_literals;
using fluxmq::testing::NatsServer;

namespace {

constexpr std::size_t count = 10'000;

std::size_t threads() {
    std::size_t all = 0;
    for ([[maybe_unused]] const auto& task : std::filesystem::directory_iterator{"/proc/self/task"})
        ++all;
    return all;
}

// What is allocated by this process; under a sanitizer, which allocates by itself, it stays at nothing.
std::size_t allocated() {
    const auto now = ::mallinfo2();
    return now.uordblks + now.hblkhd;
}

class Table {
public:
    Table() : before_{allocated()} {}
    // Since the last row, each.
    void row(const char* what) {
        const auto now = allocated();
        std::cout << "memory: " << what << ": " << (now - before_) / count << " bytes each\n";
        before_ = allocated();
    }

private:
    std::size_t before_;
};

} // namespace

TEST(NatsScale, ten_thousand_subscriptions_and_requests_on_one_connection_need_no_thread_of_their_own) {
    const NatsServer server{{.config = "max_control_line: 4096"}};
    const auto threads_before = threads();
    run([&]() -> Task<> {
        Nats nats;
        Nats other;
        co_await nats.connect(server.url());
        co_await other.connect(server.url());
        Table table;

        // With one mailbox for all, as the inputs of a node have it, each with limits of its own.
        const auto mailbox = Mailbox::create();
        std::vector<Subscription> subscriptions;
        subscriptions.reserve(count);
        std::vector<Beside> waiting;
        const auto executor = co_await boost::asio::this_coro::executor;
        auto subscribe = [&](std::string topic, std::shared_ptr<Receiver> receiver) -> Task<> {
            auto subscription = co_await nats.subscribe(std::move(topic), std::move(receiver));
            subscriptions.push_back(std::move(subscription));
        };
        for (std::size_t i = 0; i < count; ++i)
            waiting.emplace_back(executor, subscribe("topic." + std::to_string(i), mailbox->add_inlet({})));
        for (auto& one : waiting)
            EXPECT_FALSE(co_await one.end());
        waiting = {};
        table.row("a subscription with an inlet of its own");

        for (std::size_t i = 0; i < count; ++i)
            other.publish("topic." + std::to_string(i), "x");
        co_await other.flush();
        co_await until([&] { return mailbox->counters().pending == count; }, "a message for each");
        table.row("a message that waits for it");
        while (mailbox->pop_message()) {
        }

        // Each request waits for an answer of its own.
        const auto questions = std::make_shared<Inbox>();
        const auto answering = co_await other.subscribe("questions", questions);
        std::size_t right = 0;
        auto ask = [&](std::size_t number) -> Task<> {
            const auto text = std::to_string(number);
            const auto answer = co_await nats.request("questions", text, 60s);
            right += answer.text() == "answer to " + text ? 1 : 0;
        };
        for (std::size_t i = 0; i < count; ++i)
            waiting.emplace_back(executor, ask(i));
        co_await questions->holds(count);
        EXPECT_LE(threads() - threads_before, 3u);
        table.row("an outstanding request, with its coroutine and the question at the other side");
        for (const auto& question : questions->messages())
            other.respond(question, "answer to " + std::string{question.text()});
        for (auto& one : waiting)
            EXPECT_FALSE(co_await one.end());
        EXPECT_EQ(right, count);

        std::cout << "threads: " << threads() - threads_before << " of ours\n";
        co_await nats.close();
        co_await other.close();
    });
}
