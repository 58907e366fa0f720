// SPDX-License-Identifier: MIT
// Every bad call gives the same error on every transport, and harms nothing else.
#include "cases.hpp"

namespace fluxmq::testing {

void link_error_cases() {}

namespace {

const std::vector<std::string> bad_topics{
    "",          ".",     "a.",  ".a",  "a..b", "a b", "a\tb",
    "a\r\nPING", "a\x7f", "a.*", "a.>", "*",    ">",   std::string("a\0b", 3)};
const std::vector<std::string> bad_patterns{"", "a.", "a..b", "a b", "a.>.b", "a\r\nPING"};

} // namespace

TEST_P(Conformance, refuses_invalid_topics_everywhere) {
    with_transport([this](Transport& transport) -> Task<> {
        const auto inbox = std::make_shared<Inbox>();
        for (const auto& bad : bad_topics) {
            EXPECT_EQ(kind_thrown_by([&] { transport.publish(bad, "x"); }), errc::invalid_topic) << bad;
            if (!bad.empty()) {
                EXPECT_EQ(kind_thrown_by([&] { transport.publish("fine", "x", {}, bad); }),
                          errc::invalid_topic)
                    << bad;
            }
            if (declares(Capability::requests)) {
                const auto failure = co_await failure_of(transport.request(bad, "x"));
                EXPECT_TRUE(failure && failure->kind() == errc::invalid_topic) << bad;
            }
        }
        for (const auto& bad : bad_patterns) {
            const auto failure = co_await failure_of(transport.subscribe(bad, inbox));
            EXPECT_TRUE(failure && failure->kind() == errc::invalid_topic) << bad;
            EXPECT_TRUE(failure && !failure->retryable()) << bad;
        }
        if (declares(Capability::queue_groups)) {
            const auto failure = co_await failure_of(transport.subscribe("a", inbox, {.queue = "two words"}));
            EXPECT_TRUE(failure && failure->kind() == errc::invalid_topic);
        }
        EXPECT_EQ(inbox.use_count(), 1);
        co_await transport.flush();
        EXPECT_TRUE(transport.connected());
    });
}

TEST_P(Conformance, does_nothing_before_connect_and_after_close) {
    run([&]() -> Task<> {
        const auto transport = world().make();
        const auto inbox = std::make_shared<Inbox>();
        const Message question{Bytes::copy("a"), {}, Bytes::copy("b")};
        const auto check = [&](errc expected) -> Task<> {
            EXPECT_FALSE(transport->connected());
            EXPECT_EQ(kind_thrown_by([&] { transport->publish("a", "x"); }), expected);
            EXPECT_EQ(kind_thrown_by([&] { transport->respond(question, "x"); }), expected);
            auto failure = co_await failure_of(transport->subscribe("a", inbox));
            EXPECT_TRUE(failure && failure->kind() == expected) << (failure ? failure->what() : "none");
            failure = co_await failure_of(transport->flush());
            EXPECT_TRUE(failure && failure->kind() == expected) << (failure ? failure->what() : "none");
            if (declares(Capability::requests)) {
                failure = co_await failure_of(transport->request("a", "x"));
                EXPECT_TRUE(failure && failure->kind() == expected) << (failure ? failure->what() : "none");
            }
        };
        co_await check(errc::not_connected);
        co_await transport->connect();
        co_await transport->connect();
        EXPECT_TRUE(transport->connected());
        co_await transport->close();
        co_await check(errc::closed);
        co_await transport->close();
        const auto failure = co_await failure_of(transport->connect());
        EXPECT_TRUE(failure && failure->kind() == errc::closed);
        EXPECT_EQ(transport->counters().published, 0u);
        EXPECT_EQ(inbox.use_count(), 1);
    });
}

// The nearest to Watermill's TestContinueAfterErrors: there the errors are a handler's.
TEST_P(Conformance, goes_on_after_many_refused_calls) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        constexpr std::size_t rounds = 100;
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await one.subscribe(name, inbox);
        const auto before = two.counters();
        std::vector<std::string> sent;
        for (std::size_t i = 0; i < rounds; ++i) {
            for (const auto& bad : bad_topics)
                EXPECT_EQ(kind_thrown_by([&] { two.publish(bad, "x"); }), errc::invalid_topic) << bad;
            const auto failure = co_await failure_of(one.subscribe("a..b", inbox));
            EXPECT_TRUE(failure && failure->kind() == errc::invalid_topic);
            sent.push_back(std::to_string(i));
            two.publish(name, sent.back());
        }
        co_await inbox->holds(rounds);
        EXPECT_EQ(inbox->texts(), sent);
        EXPECT_EQ(two.counters().published, before.published + rounds);
        EXPECT_EQ(two.counters().rejected, before.rejected + rounds * bad_topics.size());
    });
}

} // namespace fluxmq::testing
