// SPDX-License-Identifier: MIT
// How subscriptions match, count and end.
#include <fluxmq/subject.hpp>

#include "cases.hpp"

#include <atomic>
#include <set>
#include <thread>

namespace fluxmq::testing {

void link_subscription_cases() {}

TEST_P(WildcardConformance, wildcards_match_as_their_grammar_says) {
    with_transport([](Transport& transport) -> Task<> {
        const auto base = topic();
        const auto star = std::make_shared<Inbox>();
        const auto rest = std::make_shared<Inbox>();
        const auto exact = std::make_shared<Inbox>();
        const auto middle = std::make_shared<Inbox>();
        const auto s1 = co_await transport.subscribe(base + ".*", star);
        const auto s2 = co_await transport.subscribe(base + ".>", rest);
        const auto s3 = co_await transport.subscribe(base + ".a", exact);
        const auto s4 = co_await transport.subscribe(base + ".*.c", middle);
        for (const auto* end : {".a", ".b", ".a.b", ".a.c", ""})
            transport.publish(base + end, end);
        co_await transport.flush();
        EXPECT_EQ(star->texts(), (std::vector<std::string>{".a", ".b"}));
        EXPECT_EQ(rest->texts(), (std::vector<std::string>{".a", ".b", ".a.b", ".a.c"}));
        EXPECT_EQ(exact->texts(), (std::vector<std::string>{".a"}));
        EXPECT_EQ(middle->texts(), (std::vector<std::string>{".a.c"}));
        EXPECT_EQ(middle->last().topic(), base + ".a.c");
    });
}

// matches() is the grammar; every pattern here is tried with every topic.
TEST_P(WildcardConformance, every_pattern_gets_exactly_what_it_matches) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto base = topic();
        const std::vector<std::string> patterns{".a",   ".*",   ".>",     ".a.*",   ".*.a",   ".*.*",
                                                ".a.>", ".*.>", ".a.*.c", ".*.b.*", ".*.*.*", ".*.*.>",
                                                ".a*",  ".*a",  ".>a.b",  ".a.b.c", ".A"};
        const std::vector<std::string> topics{"",     ".a",     ".b",       ".A",     ".a.a", ".a.b",
                                              ".b.a", ".a.b.c", ".a.b.c.d", ".c.b.a", ".aa",  ".x.y.z.w"};
        std::vector<std::shared_ptr<Inbox>> inboxes;
        std::vector<Subscription> subscriptions;
        for (const auto& pattern : patterns) {
            inboxes.push_back(std::make_shared<Inbox>());
            subscriptions.push_back(co_await one.subscribe(base + pattern, inboxes.back()));
        }
        for (const auto& end : topics)
            two.publish(base + end, end);
        co_await two.flush();
        co_await one.flush();
        for (std::size_t i = 0; i < patterns.size(); ++i) {
            std::vector<std::string> expected;
            for (const auto& end : topics)
                if (matches(base + patterns[i], base + end))
                    expected.push_back(end);
            EXPECT_EQ(inboxes[i]->texts(), expected) << patterns[i];
        }
    });
}

TEST_P(Conformance, every_subscription_gets_each_message_once) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto first = co_await transport.subscribe(name, inbox);
        const auto second = co_await transport.subscribe(name, inbox);
        transport.publish(name, "x");
        co_await transport.flush();
        EXPECT_EQ(inbox->size(), 2u);
    });
}

TEST_P(Conformance, a_limited_subscription_ends_by_itself) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        auto subscription = co_await transport.subscribe(name, inbox, {.max_messages = 3});
        for (int i = 0; i < 10; ++i)
            transport.publish(name, std::to_string(i));
        co_await transport.flush();
        EXPECT_EQ(inbox->texts(), (std::vector<std::string>{"0", "1", "2"}));
        subscription.unsubscribe();
        EXPECT_FALSE(subscription.active());
    });
}

TEST_P(Conformance, unsubscribing_ends_delivery_at_once_and_lets_go_of_the_receiver) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        auto subscription = co_await transport.subscribe(name, inbox);
        transport.publish(name, "before");
        co_await inbox->holds(1);
        subscription.unsubscribe();
        subscription.unsubscribe();
        transport.publish(name, "after");
        co_await transport.flush();
        EXPECT_EQ(inbox->size(), 1u);
        EXPECT_EQ(inbox.use_count(), 1);
        {
            const auto scoped = co_await transport.subscribe(name, inbox);
        }
        transport.publish(name, "after");
        co_await transport.flush();
        EXPECT_EQ(inbox->size(), 1u);
    });
}

TEST_P(Conformance, unsubscribing_on_another_thread_races_delivery_without_a_late_offer) {
    run([&]() -> Task<> {
        const auto receiving = co_await connected();
        const auto sending = co_await connected();
        const auto name = topic();
        auto publisher = flood(*sending, name);
        for (int round = 0; round < 50; ++round) {
            std::atomic<bool> gone{false};
            std::atomic<int> late{0};
            const auto inbox = std::make_shared<Inbox>();
            auto subscription = co_await receiving->subscribe(name, inbox);
            co_await inbox->holds(20);
            inbox->on_message([&](const Message&) { late += gone; });
            std::jthread other{[&] {
                subscription.unsubscribe();
                gone = true;
            }};
            co_await until([&] { return gone.load(); }, "unsubscribe");
            other.join();
            co_await receiving->flush();
            EXPECT_EQ(late, 0);
            inbox->on_message(nullptr);
        }
        publisher.request_stop();
        publisher.join();
        co_await receiving->close();
        co_await sending->close();
    });
}

// Watermill's TestSubscribeCtx: cancelled at each of its turns, and then done again.
TEST_P(Conformance, a_cancelled_subscribe_leaves_nothing_and_may_be_repeated) {
    with_transport([](Transport& transport) -> Task<> {
        const auto executor = co_await boost::asio::this_coro::executor;
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        for (int turns = 0; turns < 20; ++turns) {
            Beside subscribing{executor, transport.subscribe(name, inbox)};
            for (int i = 0; i < turns; ++i)
                co_await turn();
            subscribing.cancel();
            const auto failure = co_await subscribing.end(); // or it had completed
            EXPECT_TRUE(!failure || failure->kind() == errc::cancelled) << failure->what();
        }
        co_await transport.flush();
        EXPECT_EQ(inbox.use_count(), 1);
        const auto subscription = co_await transport.subscribe(name, inbox);
        transport.publish(name, "x");
        co_await transport.flush();
        EXPECT_EQ(inbox->size(), 1u);
    });
}

TEST_P(RedirectConformance, a_redirected_subscription_loses_and_doubles_nothing) {
    with_two([](Transport& receiving, Transport& sending) -> Task<> {
        const auto count = scaled(20'000);
        const auto name = topic();
        const auto one = std::make_shared<Inbox>();
        const auto other = std::make_shared<Inbox>();
        auto subscription = co_await receiving.subscribe(name, one);
        std::atomic<bool> sent{false};
        std::jthread publisher{[&] {
            for (std::size_t i = 0; i < count; ++i)
                sending.publish(name, std::to_string(i));
            sent = true;
        }};
        for (bool back = false; !sent; back = !back) {
            EXPECT_TRUE(subscription.redirect(back ? one : other));
            co_await turn();
        }
        co_await sending.flush();
        co_await until([&] { return one->size() + other->size() >= count; }, "all messages");
        co_await receiving.flush();
        EXPECT_EQ(one->size() + other->size(), count);
        std::set<int> seen;
        for (const auto& inbox : {one, other}) {
            int last = -1;
            for (const auto& text : inbox->texts()) {
                const int number = std::stoi(text);
                EXPECT_LT(last, number);
                last = number;
                seen.insert(number);
            }
        }
        EXPECT_EQ(seen.size(), count);
        EXPECT_EQ(receiving.counters().received, count);
    });
}

TEST_P(RedirectConformance, only_a_live_subscription_without_a_limit_can_be_redirected) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto one = std::make_shared<Inbox>();
        const auto other = std::make_shared<Inbox>();
        auto limited = co_await transport.subscribe(name, one, {.max_messages = 2});
        EXPECT_FALSE(limited.redirect(other));
        auto subscription = co_await transport.subscribe(name, one);
        auto moved = std::move(subscription);
        EXPECT_FALSE(subscription.redirect(other)); // NOLINT(bugprone-use-after-move): it is empty
        EXPECT_TRUE(moved.redirect(other));
        transport.publish(name, "x");
        co_await other->holds(1);
        co_await one->holds(1); // by the limited one
        moved.unsubscribe();
        EXPECT_FALSE(moved.redirect(one));
        transport.publish(name, "y");
        co_await one->holds(2);
        co_await transport.flush();
        EXPECT_EQ(one->texts(), (std::vector<std::string>{"x", "y"}));
        EXPECT_EQ(other->texts(), (std::vector<std::string>{"x"}));
        EXPECT_EQ(other.use_count(), 1);
    });
}

} // namespace fluxmq::testing
