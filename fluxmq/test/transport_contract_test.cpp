// SPDX-License-Identifier: MIT
// What transport.hpp promises, on every transport.
#include <fluxmq/inproc.hpp>
#include <fluxmq/nats.hpp>
#include <fluxmq/subject.hpp>
#include <fluxmq/testing/nats_server.hpp>

#include "nats_support.hpp"

#include <boost/asio/executor_work_guard.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <thread>

using namespace fluxmq;
using namespace fluxmq::test;
using namespace std::chrono_literals;

namespace {

// Makes transports that meet each other.
class World {
public:
    virtual ~World() = default;
    virtual std::shared_ptr<Transport> make() = 0;
};

class InProcWorld final : public World {
public:
    std::shared_ptr<Transport> make() override { return std::make_shared<InProc>(bus_); }

private:
    std::shared_ptr<InProcBus> bus_ = std::make_shared<InProcBus>();
};

// A Nats that knows its server.
class NatsWorld final : public World {
public:
    std::shared_ptr<Transport> make() override {
        static fluxmq::testing::NatsServer server;
        ::setenv("NATS_URL", server.url().c_str(), 1);
        return std::make_shared<Nats>();
    }
};

struct Kind {
    const char* name;
    std::unique_ptr<World> (*make)();
};

struct TransportContract : ::testing::TestWithParam<Kind> {
    // Runs `body(transport)` with a connected transport, and closes it.
    template <class Body>
    void with_transport(Body body) {
        run([&]() -> Task<> {
            const auto transport = world->make();
            co_await transport->connect();
            co_await body(*transport);
            co_await transport->close();
        });
    }
    template <class Body>
    void with_two(Body body) {
        run([&]() -> Task<> {
            const auto one = world->make();
            const auto two = world->make();
            co_await one->connect();
            co_await two->connect();
            co_await body(*one, *two);
            co_await one->close();
            co_await two->close();
        });
    }

    // A topic that no other test of this process uses.
    static std::string topic(const std::string& suffix = "") {
        static std::atomic<int> count{0};
        return "contract." + std::to_string(++count) + (suffix.empty() ? "" : "." + suffix);
    }

    std::unique_ptr<World> world = GetParam().make();
};

// A receiver that answers with a fixed list of payloads, in order.
class Answers final : public Receiver {
public:
    Answers(Transport& transport, std::vector<std::string> answers)
        : transport_{transport}, answers_{std::move(answers)} {}
    bool offer(Message&& message) noexcept override {
        for (const auto& answer : answers_)
            transport_.respond(message, answer);
        return true;
    }
    void when_ready(std::function<void()> resume) override { resume(); }

private:
    Transport& transport_;
    std::vector<std::string> answers_;
};

} // namespace

TEST_P(TransportContract, delivers_what_is_published_after_subscribe_has_completed) {
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

TEST_P(TransportContract, wildcards_match_as_their_grammar_says) {
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

TEST_P(TransportContract, every_subscription_gets_each_message_once) {
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

TEST_P(TransportContract, a_queue_group_shares_fairly) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto name = topic();
        const auto all = std::make_shared<Inbox>();
        std::vector<std::shared_ptr<Inbox>> members;
        std::vector<Subscription> subscriptions;
        for (int i = 0; i < 4; ++i) {
            members.push_back(std::make_shared<Inbox>());
            Transport& owner = i % 2 ? one : two;
            subscriptions.push_back(co_await owner.subscribe(name, members.back(), {.queue = "workers"}));
        }
        subscriptions.push_back(co_await one.subscribe(name, all));
        const auto other = std::make_shared<Inbox>();
        subscriptions.push_back(co_await one.subscribe(name, other, {.queue = "others"}));
        constexpr std::size_t count = 4'000;
        for (std::size_t i = 0; i < count; ++i)
            two.publish(name, std::to_string(i));
        co_await two.flush();
        co_await one.flush();
        co_await all->holds(count);
        co_await other->holds(count);
        std::set<std::string> seen;
        std::size_t total = 0;
        for (const auto& member : members) {
            EXPECT_GT(member->size(), count / 8) << "of " << count << " for 4 members";
            total += member->size();
            for (const auto& text : member->texts())
                seen.insert(text);
        }
        EXPECT_EQ(total, count);
        EXPECT_EQ(seen.size(), count);
        // A member that leaves leaves its share to the others.
        subscriptions[0].unsubscribe();
        co_await two.flush();
        for (const auto& member : members)
            member->clear();
        for (std::size_t i = 0; i < 100; ++i)
            two.publish(name, "x");
        co_await two.flush();
        co_await one.flush();
        EXPECT_EQ(members[0]->size(), 0u);
        EXPECT_EQ(members[1]->size() + members[2]->size() + members[3]->size(), 100u);
    });
}

TEST_P(TransportContract, a_limited_subscription_ends_by_itself) {
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

TEST_P(TransportContract, unsubscribing_ends_delivery_at_once_and_lets_go_of_the_receiver) {
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

TEST_P(TransportContract, a_request_gets_its_answer) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto name = topic();
        const auto subscription = co_await one.subscribe(name, std::make_shared<Echo>(one));
        const auto answer = co_await two.request(name, "question", 10s);
        EXPECT_EQ(answer.text(), "question");
        const auto own = co_await one.request(name, "to myself", 10s);
        EXPECT_EQ(own.text(), "to myself");
    });
}

TEST_P(TransportContract, thousands_of_requests_may_be_outstanding) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto name = topic();
        const auto subscription = co_await one.subscribe(name, std::make_shared<Echo>(one));
        const auto executor = co_await boost::asio::this_coro::executor;
        constexpr int count = 2'000;
        int right = 0;
        const auto ask = [&](int i) -> Task<> {
            const auto question = std::to_string(i);
            const auto answer = co_await two.request(name, question, 30s);
            right += answer.text() == question;
        };
        std::vector<Beside> requests;
        for (int i = 0; i < count; ++i)
            requests.emplace_back(executor, ask(i));
        for (auto& request : requests)
            EXPECT_FALSE(co_await request.end());
        EXPECT_EQ(right, count);
    });
}

TEST_P(TransportContract, answers_that_are_acknowledgements_are_passed_over) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto answers =
            std::make_shared<Answers>(transport, std::vector<std::string>{"+ACK", "-NAK", "real"});
        const auto subscription = co_await transport.subscribe(name, answers);
        const auto answer = co_await transport.request(name, "question", 10s);
        EXPECT_EQ(answer.text(), "real");
        const auto silent = topic();
        const auto acks = std::make_shared<Answers>(transport, std::vector<std::string>{"+ACK"});
        const auto second = co_await transport.subscribe(silent, acks);
        const auto failure = co_await failure_of(transport.request(silent, "question", 50ms));
        EXPECT_TRUE(failure && failure->kind() == errc::timeout);
    });
}

TEST_P(TransportContract, a_request_that_nobody_listens_to_is_its_own_error) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto failure = co_await failure_of(transport.request(name, "question", 10s));
        EXPECT_TRUE(failure && failure->kind() == errc::no_responders);
        EXPECT_TRUE(failure && failure->topic() == name);
        EXPECT_TRUE(failure && failure->retryable());
    });
}

TEST_P(TransportContract, a_request_that_is_not_answered_times_out) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await transport.subscribe(name, inbox);
        const auto failure = co_await failure_of(transport.request(name, "question", 20ms));
        EXPECT_TRUE(failure && failure->kind() == errc::timeout);
        EXPECT_TRUE(failure && failure->topic() == name);
        co_await inbox->holds(1);
        transport.respond(inbox->last(), "too late"); // nobody is hurt
        co_await transport.flush();
    });
}

TEST_P(TransportContract, a_message_with_a_reply_topic_that_nobody_listens_to_gives_a_status_message) {
    with_transport([](Transport& transport) -> Task<> {
        const auto replies = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await transport.subscribe(replies, inbox);
        transport.publish(topic(), "question", {}, replies);
        co_await inbox->holds(1);
        EXPECT_EQ(inbox->last().status(), 503);
        EXPECT_EQ(inbox->last().topic(), replies);
        EXPECT_EQ(inbox->last().text(), "");
    });
}

TEST_P(TransportContract, respond_needs_a_reply_topic_and_carries_the_headers_back) {
    with_transport([](Transport& transport) -> Task<> {
        EXPECT_EQ(kind_thrown_by([&] { transport.respond(Message{}, "x"); }), errc::no_reply_topic);
        const auto name = topic();
        const auto subscription = co_await transport.subscribe(name, std::make_shared<Echo>(transport));
        const Headers headers{{"Trace", "abc"}, {"Trace", "def"}};
        const auto answer = co_await transport.request(name, "x", 10s, headers);
        EXPECT_EQ(answer.headers(), headers);
    });
}

TEST_P(TransportContract, headers_arrive_as_they_were_sent) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await transport.subscribe(name, inbox);
        const Headers headers{{"Plain", "value"},
                              {"plain", "another case"},
                              {"Plain", "again"},
                              {"Empty", ""},
                              {"Colons", "a:b:c: d"},
                              {"Spaces", "a  b"},
                              {"Utf8", "\xc3\xbc\xe2\x82\xac"},
                              {"!#$%&'*+-.^_`|~", "odd name"},
                              {"Tab", "a\tb"},
                              {"Long", std::string(5'000, 'x')}};
        transport.publish(name, "body", headers);
        transport.publish(name, "", Headers{{"Only", "headers"}});
        co_await inbox->holds(2);
        const auto messages = inbox->messages();
        EXPECT_EQ(messages[0].headers(), headers);
        EXPECT_EQ(messages[0].text(), "body");
        EXPECT_EQ(messages[0].status(), 0);
        EXPECT_EQ(messages[1].headers().get("Only"), "headers");
        EXPECT_EQ(messages[1].text(), "");
        EXPECT_EQ(kind_thrown_by([] { Headers{{"a b", "x"}}; }), errc::invalid_header);
    });
}

TEST_P(TransportContract, payloads_arrive_byte_for_byte) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await transport.subscribe(name, inbox);
        std::string every;
        for (int i = 0; i < 256; ++i)
            every += static_cast<char>(i);
        const std::vector<std::string> payloads{"",
                                                "\r\n",
                                                every,
                                                "PING\r\nMSG a 1 1\r\n",
                                                std::string(70'000, '\0'),
                                                std::string(65'536, 'x'),
                                                std::string(300'000, '\n')};
        for (const auto& payload : payloads)
            transport.publish(name, payload);
        co_await inbox->holds(payloads.size());
        EXPECT_EQ(inbox->texts(), payloads);
    });
}

TEST_P(TransportContract, takes_payloads_up_to_its_limit_and_names_one_beyond) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await transport.subscribe(name, inbox);
        const std::string largest(transport.max_payload(), 'x');
        transport.publish(name, largest);
        co_await inbox->holds(1);
        EXPECT_EQ(inbox->last().payload().size(), largest.size());
        EXPECT_TRUE(inbox->last().text() == largest);
        const auto before = transport.counters();
        try {
            transport.publish(name, largest + "x");
            ADD_FAILURE() << "accepted";
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), errc::payload_too_large);
            EXPECT_EQ(error.topic(), name);
            EXPECT_NE(error.detail().find(std::to_string(largest.size())), std::string::npos) << error.what();
            EXPECT_NE(error.detail().find(std::to_string(largest.size() + 1)), std::string::npos)
                << error.what();
            EXPECT_FALSE(error.retryable());
        }
        EXPECT_EQ(kind_thrown_by([&] { transport.publish(name, largest, Headers{{"a", "b"}}); }),
                  errc::payload_too_large);
        const auto failure = co_await failure_of(transport.request(name, largest + "x"));
        EXPECT_TRUE(failure && failure->kind() == errc::payload_too_large);
        EXPECT_EQ(transport.counters().published, before.published);
        EXPECT_EQ(transport.counters().rejected, before.rejected + 3);
        co_await transport.flush();
        EXPECT_EQ(inbox->size(), 1u);
    });
}

TEST_P(TransportContract, refuses_invalid_topics_everywhere) {
    with_transport([](Transport& transport) -> Task<> {
        const auto inbox = std::make_shared<Inbox>();
        for (const std::string bad :
             {"", ".", "a.", ".a", "a..b", "a b", "a\tb", "a\r\nPING", "a.*", "a.>", "*", ">"}) {
            EXPECT_EQ(kind_thrown_by([&] { transport.publish(bad, "x"); }), errc::invalid_topic) << bad;
            if (!bad.empty()) {
                EXPECT_EQ(kind_thrown_by([&] { transport.publish("fine", "x", {}, bad); }),
                          errc::invalid_topic)
                    << bad;
            }
            const auto failure = co_await failure_of(transport.request(bad, "x"));
            EXPECT_TRUE(failure && failure->kind() == errc::invalid_topic) << bad;
        }
        for (const std::string bad : {"", "a.", "a..b", "a b", "a.>.b"}) {
            const auto failure = co_await failure_of(transport.subscribe(bad, inbox));
            EXPECT_TRUE(failure && failure->kind() == errc::invalid_topic) << bad;
        }
        const auto failure = co_await failure_of(transport.subscribe("a", inbox, {.queue = "two words"}));
        EXPECT_TRUE(failure && failure->kind() == errc::invalid_topic);
        EXPECT_EQ(inbox.use_count(), 1);
        co_await transport.flush();
        EXPECT_TRUE(transport.connected());
    });
}

TEST_P(TransportContract, takes_the_longest_topics) {
    with_transport([](Transport& transport) -> Task<> {
        const std::string name = topic(std::string(max_subject_size - 40, 'x'));
        const std::string reply = topic(std::string(max_subject_size - 40, 'y'));
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await transport.subscribe(name, inbox);
        transport.publish(name, "x", Headers{{"a", "b"}}, reply);
        co_await inbox->holds(1);
        EXPECT_EQ(inbox->last().topic(), name);
        EXPECT_EQ(inbox->last().reply(), reply);
    });
}

TEST_P(TransportContract, keeps_the_order_of_each_publisher_on_any_thread) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto base = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await one.subscribe(base + ".*", inbox);
        constexpr int threads = 4;
        constexpr int count = 5'000;
        std::vector<std::thread> publishers;
        for (int t = 0; t < threads; ++t)
            publishers.emplace_back([&, t] {
                const auto name = base + "." + std::to_string(t);
                for (int i = 0; i < count; ++i)
                    (t % 2 ? one : two).publish(name, std::to_string(i));
            });
        co_await inbox->holds(threads * count);
        for (auto& publisher : publishers)
            publisher.join();
        std::map<std::string, int, std::less<>> next;
        int wrong = 0;
        for (const auto& message : inbox->messages())
            wrong += message.text() != std::to_string(next[std::string{message.topic()}]++);
        EXPECT_EQ(wrong, 0);
    });
}

TEST_P(TransportContract, flush_completes_when_what_was_published_has_been_passed_on) {
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

TEST_P(TransportContract, counts_what_goes_through) {
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

TEST_P(TransportContract, does_nothing_before_connect_and_after_close) {
    run([&]() -> Task<> {
        const auto transport = world->make();
        const auto inbox = std::make_shared<Inbox>();
        const auto check = [&](errc expected) -> Task<> {
            EXPECT_FALSE(transport->connected());
            EXPECT_EQ(kind_thrown_by([&] { transport->publish("a", "x"); }), expected);
            auto failure = co_await failure_of(transport->request("a", "x"));
            EXPECT_TRUE(failure && failure->kind() == expected) << (failure ? failure->what() : "none");
            failure = co_await failure_of(transport->subscribe("a", inbox));
            EXPECT_TRUE(failure && failure->kind() == expected) << (failure ? failure->what() : "none");
            failure = co_await failure_of(transport->flush());
            EXPECT_TRUE(failure && failure->kind() == expected) << (failure ? failure->what() : "none");
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
    });
}

TEST_P(TransportContract, tells_of_its_connection) {
    run([&]() -> Task<> {
        const auto transport = world->make();
        std::vector<ConnectionState> states;
        transport->on_event([&](const ConnectionEvent& event) { states.push_back(event.state); });
        co_await transport->connect();
        EXPECT_EQ(states, std::vector{ConnectionState::connected});
        co_await transport->close();
        EXPECT_EQ(states, (std::vector{ConnectionState::connected, ConnectionState::closed}));
    });
}

TEST_P(TransportContract, close_fails_what_waits_and_calls_nobody_afterwards) {
    run([&]() -> Task<> {
        const auto one = world->make();
        const auto two = world->make();
        co_await one->connect();
        co_await two->connect();
        const auto name = topic();
        const auto silent = topic();
        const auto inbox = std::make_shared<Inbox>();
        int events = 0;
        one->on_event([&](const ConnectionEvent&) { ++events; });
        const auto subscription = co_await one->subscribe(name, inbox);
        const auto nobody = co_await two->subscribe(silent, std::make_shared<Inbox>());
        Beside asking{co_await boost::asio::this_coro::executor, one->request(silent, "x", 1h)};
        co_await turn();
        co_await one->flush();
        co_await one->close();
        const auto received = inbox->size();
        const auto told = events;
        EXPECT_EQ(inbox.use_count(), 1);
        const auto failure = co_await asking.end();
        EXPECT_TRUE(failure && failure->kind() == errc::closed);
        for (int i = 0; i < 100; ++i)
            two->publish(name, "x");
        co_await two->flush();
        EXPECT_EQ(inbox->size(), received);
        EXPECT_EQ(events, told);
        co_await two->close();
    });
}

TEST_P(TransportContract, close_sends_what_was_published_before) {
    with_transport([this](Transport& receiving) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await receiving.subscribe(name, inbox);
        const auto sending = world->make();
        co_await sending->connect();
        for (int i = 0; i < 1'000; ++i)
            sending->publish(name, std::to_string(i));
        co_await sending->close();
        EXPECT_EQ(sending->counters().lost, 0u);
        co_await inbox->holds(1'000);
    });
}

TEST_P(TransportContract, may_be_closed_while_others_publish) {
    run([&]() -> Task<> {
        const auto transport = world->make();
        co_await transport->connect();
        const auto name = topic();
        const auto subscription = co_await transport->subscribe(name, std::make_shared<Inbox>());
        std::atomic<int> refused{0};
        std::atomic<int> accepted{0};
        std::vector<std::thread> publishers;
        for (int t = 0; t < 2; ++t)
            publishers.emplace_back([&] {
                while (refused < 10) {
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

TEST_P(TransportContract, unsubscribing_on_another_thread_races_delivery_without_a_late_offer) {
    run([&]() -> Task<> {
        const auto receiving = world->make();
        const auto sending = world->make();
        co_await receiving->connect();
        co_await sending->connect();
        const auto name = topic();
        std::atomic<bool> stop{false};
        std::thread publisher{[&] {
            while (!stop) {
                try {
                    for (int i = 0; i < 50; ++i)
                        sending->publish(name, "x");
                } catch (const Error&) {
                }
                std::this_thread::yield();
            }
        }};
        for (int round = 0; round < 50; ++round) {
            const auto inbox = std::make_shared<Inbox>();
            auto subscription = co_await receiving->subscribe(name, inbox);
            co_await inbox->holds(20);
            std::atomic<bool> gone{false};
            std::atomic<int> late{0};
            inbox->on_message([&](const Message&) { late += gone; });
            std::thread other{[&] {
                subscription.unsubscribe();
                gone = true;
            }};
            co_await until([&] { return gone.load(); }, "unsubscribe");
            other.join();
            co_await receiving->flush();
            EXPECT_EQ(late, 0);
            inbox->on_message(nullptr);
        }
        stop = true;
        publisher.join();
        co_await receiving->close();
        co_await sending->close();
    });
}

TEST_P(TransportContract, a_request_may_be_made_while_a_message_is_handled) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto outer = topic();
        const auto inner = topic();
        const auto executor = co_await boost::asio::this_coro::executor;
        const auto echo = co_await one.subscribe(inner, std::make_shared<Echo>(one));
        const auto inbox = std::make_shared<Inbox>();
        const auto handler = [&](Message message) -> Task<> {
            const auto answer = co_await one.request(inner, message.payload(), 10s);
            one.respond(message, answer.payload());
        };
        std::vector<Beside> handling;
        handling.reserve(1);
        inbox->on_message([&](const Message& message) { handling.emplace_back(executor, handler(message)); });
        const auto subscription = co_await one.subscribe(outer, inbox);
        const auto answer = co_await two.request(outer, "through", 10s);
        EXPECT_EQ(answer.text(), "through");
        EXPECT_FALSE(co_await handling.front().end());
    });
}

TEST_P(TransportContract, a_cancelled_request_leaves_nothing_behind) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await transport.subscribe(name, inbox);
        Beside asking{co_await boost::asio::this_coro::executor, transport.request(name, "x", 1h)};
        co_await inbox->holds(1);
        asking.cancel();
        const auto failure = co_await asking.end();
        EXPECT_TRUE(failure && failure->kind() == errc::cancelled);
        transport.respond(inbox->last(), "late");
        co_await transport.flush();
    });
}

INSTANTIATE_TEST_SUITE_P(
    Each, TransportContract,
    ::testing::Values(Kind{"InProc",
                           []() -> std::unique_ptr<World> { return std::make_unique<InProcWorld>(); }},
                      Kind{"Nats", []() -> std::unique_ptr<World> { return std::make_unique<NatsWorld>(); }}),
    [](const auto& info) { return std::string{info.param.name}; });
