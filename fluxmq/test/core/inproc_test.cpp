// SPDX-License-Identifier: MIT
#include <fluxmq/inproc.hpp>

#include "support.hpp"

#include <gmock/gmock.h>

namespace fluxmq {
namespace {

using namespace std::chrono_literals;
using test::balanced;
using test::blocking;
using test::Cancellable;
using test::drain;
using test::error_of;
using test::kind_of;
using test::Sink;
using test::VirtualLoop;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class InProcTest : public ::testing::Test {
protected:
    VirtualLoop loop;
    std::shared_ptr<InProcBus> bus = make_bus({});

    std::shared_ptr<InProcBus> make_bus(InProcOptions options) {
        options.clock = loop.clock();
        return std::make_shared<InProcBus>(std::move(options));
    }

    std::shared_ptr<InProc> connected() {
        auto transport = std::make_shared<InProc>(bus);
        loop.run(transport->connect());
        return transport;
    }

    Subscription subscribe(InProc& transport, std::string topic, const Sink& sink,
                           SubscribeOptions options = {}) {
        return loop.run(transport.subscribe(std::move(topic), sink.inlet, options));
    }

    // Answers every message of `topic` with what it holds, and " back", until the test ends.
    void serve_echo(std::shared_ptr<InProc> transport, std::string topic) {
        servers_.push_back(Mailbox::create());
        loop.spawn(echo(std::move(transport), std::move(topic), servers_.back()));
        loop.settle();
    }

    void TearDown() override {
        for (const auto& mailbox : servers_)
            mailbox->close();
        loop.settle();
    }

private:
    static Task<> echo(std::shared_ptr<InProc> transport, std::string topic,
                       std::shared_ptr<Mailbox> mailbox) {
        const auto subscription = co_await transport->subscribe(topic, mailbox->add_inlet({}));
        while (co_await mailbox->wait())
            while (const auto delivery = mailbox->pop_message())
                transport->respond(delivery->message, std::string{delivery->message.text()} + " back");
    }

    std::vector<std::shared_ptr<Mailbox>> servers_;
};

// --- publish and subscribe -----------------------------------------------------------------------------------

TEST_F(InProcTest, a_message_reaches_every_subscriber_whose_pattern_covers_its_topic) {
    const auto sender = connected();
    const auto receiver = connected();
    const std::pair<const char*, bool> patterns[] = {{"a.b.c", true}, {"a.*.c", true}, {"*.*.*", true},
                                                     {"a.>", true},   {">", true},     {"a.b", false},
                                                     {"a.*", false},  {"b.>", false}};
    std::vector<Sink> sinks(std::size(patterns));
    std::vector<Subscription> subscriptions;
    for (std::size_t i = 0; i < sinks.size(); ++i)
        subscriptions.push_back(subscribe(*receiver, patterns[i].first, sinks[i]));
    sender->publish("a.b.c", "x");
    for (std::size_t i = 0; i < sinks.size(); ++i)
        EXPECT_EQ(sinks[i].pending(), patterns[i].second ? 1u : 0u) << patterns[i].first;
}

TEST_F(InProcTest, a_publisher_hears_itself_and_once_for_each_subscription) {
    const auto transport = connected();
    Sink sink;
    const auto one = subscribe(*transport, "a", sink);
    const auto two = subscribe(*transport, "*", sink);
    transport->publish("a", "x");
    EXPECT_THAT(sink.texts(), ElementsAre("x", "x"));
}

TEST_F(InProcTest, a_message_arrives_with_topic_payload_reply_and_headers) {
    const auto transport = connected();
    Sink sink;
    const auto subscription = subscribe(*transport, "a.*", sink);
    transport->publish("a.b", {{"k", 1}}, {{"h", "1"}, {"h", "2"}}, "back.here");
    const auto got = sink.pop();
    EXPECT_EQ(got.topic(), "a.b");
    EXPECT_EQ(got.json().at("k"), 1);
    EXPECT_EQ(got.reply(), "back.here");
    EXPECT_THAT(got.headers().all("h"), ElementsAre("1", "2"));
    EXPECT_EQ(got.status(), 0);
}

TEST_F(InProcTest, fan_out_shares_one_payload_which_is_not_copied) {
    const auto transport = connected();
    Sink one;
    Sink two;
    const auto first = subscribe(*transport, "a", one);
    const auto second = subscribe(*transport, "a", two);
    const auto payload = Bytes::copy("shared");
    transport->publish("a", payload, {{"h", "v"}});
    const auto got_one = one.pop();
    const auto got_two = two.pop();
    EXPECT_TRUE(got_one.payload().shares_storage_with(payload));
    EXPECT_TRUE(got_two.payload().shares_storage_with(payload));
    EXPECT_EQ(got_one.shared_headers(), got_two.shared_headers());
    transport->publish("a", "text of the caller");
    EXPECT_TRUE(one.pop().payload().shares_storage_with(two.pop().payload()));
}

TEST_F(InProcTest, a_subscription_ends_with_its_handle) {
    const auto transport = connected();
    Sink sink;
    {
        const auto subscription = subscribe(*transport, "a", sink);
        EXPECT_TRUE(subscription.active());
        transport->publish("a", "1");
    }
    transport->publish("a", "2");
    auto moved = subscribe(*transport, "a", sink);
    const auto kept = std::move(moved);
    EXPECT_FALSE(moved.active()); // NOLINT(bugprone-use-after-move)
    transport->publish("a", "3");
    EXPECT_THAT(sink.texts(), ElementsAre("1", "3"));
}

TEST_F(InProcTest, max_messages_ends_a_subscription_by_itself) {
    const auto transport = connected();
    Sink sink;
    const auto subscription = subscribe(*transport, "a", sink, {.max_messages = 2});
    for (const auto* text : {"1", "2", "3"})
        transport->publish("a", text);
    EXPECT_THAT(sink.texts(), ElementsAre("1", "2"));
    EXPECT_EQ(kind_of([&] { loop.run(transport->request("a", "")); }), errc::no_responders); // nobody is left
}

TEST_F(InProcTest, max_messages_counts_what_was_taken_and_not_what_had_to_wait) {
    const auto transport = connected();
    Sink sink{blocking(1)};
    const auto subscription = subscribe(*transport, "a", sink, {.max_messages = 3});
    for (const auto* text : {"1", "2", "3", "4"})
        transport->publish("a", text);
    std::vector<std::string> got;
    while (sink.pending())
        got.emplace_back(sink.pop().text());
    EXPECT_THAT(got, ElementsAre("1", "2", "3"));
    EXPECT_EQ(transport->counters().pending, 0u);
    EXPECT_EQ(kind_of([&] { loop.run(transport->request("a", "")); }), errc::no_responders);
}

// --- queue groups --------------------------------------------------------------------------------------------

TEST_F(InProcTest, members_of_a_queue_group_take_turns) {
    const auto transport = connected();
    std::vector<Sink> members(3);
    std::vector<Subscription> subscriptions;
    for (const auto& member : members)
        subscriptions.push_back(subscribe(*transport, "jobs", member, {.queue = "workers"}));
    for (int i = 0; i < 9; ++i)
        transport->publish("jobs", std::to_string(i));
    EXPECT_THAT(members[0].texts(), ElementsAre("0", "3", "6"));
    EXPECT_THAT(members[1].texts(), ElementsAre("1", "4", "7"));
    EXPECT_THAT(members[2].texts(), ElementsAre("2", "5", "8"));
}

TEST_F(InProcTest, members_take_turns_while_other_subscriptions_come_and_go) {
    const auto transport = connected();
    std::vector<Sink> members(2);
    const auto one = subscribe(*transport, "jobs", members[0], {.queue = "workers"});
    const auto two = subscribe(*transport, "jobs", members[1], {.queue = "workers"});
    Sink other;
    for (int i = 0; i < 10; ++i) {
        const auto passing = subscribe(*transport, "elsewhere.*", other);
        transport->publish("jobs", "x");
    }
    EXPECT_EQ(members[0].pending(), 5u);
    EXPECT_EQ(members[1].pending(), 5u);
}

TEST_F(InProcTest, each_queue_group_and_each_single_subscriber_gets_its_copy) {
    const auto transport = connected();
    Sink alone;
    Sink a1;
    Sink a2;
    Sink b;
    const auto s1 = subscribe(*transport, "jobs", alone);
    const auto s2 = subscribe(*transport, "jobs", a1, {.queue = "a"});
    const auto s3 =
        subscribe(*transport, "*", a2, {.queue = "a"}); // a group by its name, whatever the pattern
    const auto s4 = subscribe(*transport, "jobs", b, {.queue = "b"});
    transport->publish("jobs", "1");
    transport->publish("jobs", "2");
    EXPECT_EQ(alone.pending(), 2u);
    EXPECT_EQ(a1.pending(), 1u);
    EXPECT_EQ(a2.pending(), 1u);
    EXPECT_EQ(b.pending(), 2u);
}

TEST_F(InProcTest, a_full_member_is_passed_over_while_another_has_room) {
    const auto transport = connected();
    Sink full{blocking(1)};
    Sink roomy;
    const auto one = subscribe(*transport, "jobs", full, {.queue = "q"});
    const auto two = subscribe(*transport, "jobs", roomy, {.queue = "q"});
    for (int i = 0; i < 10; ++i)
        transport->publish("jobs", std::to_string(i));
    EXPECT_EQ(full.pending(), 1u);
    EXPECT_EQ(roomy.pending(), 9u);
    EXPECT_EQ(transport->counters().pending, 0u);
}

TEST_F(InProcTest, a_full_member_is_passed_over_also_while_messages_wait_elsewhere) {
    const auto transport = connected();
    Sink stuck{blocking(1)};
    const auto elsewhere = subscribe(*transport, "stuck", stuck);
    transport->publish("stuck", "1");
    transport->publish("stuck", "2");
    EXPECT_EQ(transport->counters().pending, 1u);
    Sink full{blocking(1)};
    Sink roomy;
    const auto one = subscribe(*transport, "jobs", full, {.queue = "q"});
    const auto two = subscribe(*transport, "jobs", roomy, {.queue = "q"});
    for (int i = 0; i < 10; ++i)
        transport->publish("jobs", std::to_string(i));
    EXPECT_EQ(full.pending(), 1u);
    EXPECT_EQ(roomy.pending(), 9u);
    EXPECT_EQ(transport->counters().pending, 1u);
}

TEST_F(InProcTest, one_of_several_subscriptions_of_a_topic_ends_and_the_others_stay) {
    const auto transport = connected();
    Sink a;
    Sink b;
    Sink c;
    auto one = subscribe(*transport, "t.x", a);
    auto two = subscribe(*transport, "t.*", b);
    auto three = subscribe(*transport, "t.x", c);
    transport->publish("t.x", "1");
    one.unsubscribe();
    transport->publish("t.x", "2");
    two.unsubscribe();
    transport->publish("t.x", "3");
    EXPECT_THAT(a.texts(), ElementsAre("1"));
    EXPECT_THAT(b.texts(), ElementsAre("1", "2"));
    EXPECT_THAT(c.texts(), ElementsAre("1", "2", "3"));
}

TEST_F(InProcTest, an_unsubscribed_member_is_no_longer_served) {
    const auto transport = connected();
    Sink leaving;
    Sink staying;
    auto one = subscribe(*transport, "jobs", leaving, {.queue = "q"});
    const auto two = subscribe(*transport, "jobs", staying, {.queue = "q"});
    one.unsubscribe();
    for (int i = 0; i < 4; ++i)
        transport->publish("jobs", "x");
    EXPECT_EQ(leaving.pending(), 0u);
    EXPECT_EQ(staying.pending(), 4u);
}

// --- request and respond -------------------------------------------------------------------------------------

TEST_F(InProcTest, a_request_gets_its_answer) {
    const auto server = connected();
    const auto client = connected();
    serve_echo(server, "echo");
    const auto answer = loop.run(client->request("echo", "hello", 1s, {{"trace", "7"}}));
    EXPECT_EQ(answer.text(), "hello back");
    EXPECT_EQ(answer.headers().get("trace"), "7"); // respond() carries them back
    EXPECT_EQ(loop.run(client->request("echo", "again")).text(), "again back");
}

TEST_F(InProcTest, a_request_may_be_awaited_after_its_payload_is_gone) {
    const auto transport = connected();
    serve_echo(transport, "echo");
    auto request = [&] {
        const std::string payload = "a text too long for the place inside a string";
        return transport->request("echo", payload);
    }();
    EXPECT_EQ(loop.run(std::move(request)).text(), "a text too long for the place inside a string back");
}

TEST_F(InProcTest, a_request_that_nobody_listens_to_has_no_responders) {
    const auto transport = connected();
    const auto start = loop.clock()->now();
    const auto error = error_of([&] { loop.run(transport->request("nobody.here", "x")); });
    EXPECT_EQ(error.kind(), errc::no_responders);
    EXPECT_EQ(error.topic(), "nobody.here");
    EXPECT_EQ(loop.clock()->now(), start);
}

TEST_F(InProcTest, a_publish_with_a_reply_that_nobody_listens_to_is_answered_with_503) {
    const auto transport = connected();
    Sink sink;
    const auto subscription = subscribe(*transport, "my.reply", sink);
    transport->publish("nobody.here", "x", {}, "my.reply");
    const auto answer = sink.pop();
    EXPECT_EQ(answer.status(), 503);
    EXPECT_EQ(answer.topic(), "my.reply");
    EXPECT_TRUE(answer.text().empty());
}

TEST_F(InProcTest, a_request_without_an_answer_times_out) {
    const auto transport = connected();
    Sink deaf;
    const auto subscription = subscribe(*transport, "deaf", deaf);
    const auto start = loop.clock()->now();
    const auto error = error_of([&] { loop.run(transport->request("deaf", "x", 300ms)); });
    EXPECT_EQ(error.kind(), errc::timeout);
    EXPECT_EQ(error.topic(), "deaf");
    EXPECT_EQ(loop.clock()->now() - start, 300ms);
    EXPECT_NO_THROW(transport->respond(deaf.pop(), "late"));
}

TEST_F(InProcTest, acknowledgements_are_no_answers) {
    const auto transport = connected();
    Sink sink;
    const auto subscription = subscribe(*transport, "go", sink);
    std::string answer;
    loop.spawn([](InProc& t, std::string& out) -> Task<> {
        out = (co_await t.request("go", "x")).text();
    }(*transport, answer));
    loop.settle();
    const auto request = sink.pop();
    transport->respond(request, "+ACK");
    transport->respond(request, "-NAK");
    loop.settle();
    EXPECT_EQ(answer, "");
    transport->respond(request, "real");
    loop.settle();
    EXPECT_EQ(answer, "real");
}

TEST_F(InProcTest, a_cancelled_request_throws_cancelled_and_the_next_one_works) {
    const auto transport = connected();
    Sink deaf;
    const auto subscription = subscribe(*transport, "deaf", deaf);
    Cancellable request{loop, [](InProc& t) -> Task<> { co_await t.request("deaf", "x"); }(*transport)};
    loop.settle();
    request.cancel();
    loop.settle();
    EXPECT_EQ(request.failure(), errc::cancelled);
    EXPECT_EQ(loop.clock()->next(), std::nullopt);
    serve_echo(transport, "echo");
    EXPECT_EQ(loop.run(transport->request("echo", "y")).text(), "y back");
}

TEST_F(InProcTest, a_thousand_requests_may_be_open_at_once) {
    const auto transport = connected();
    Sink sink;
    const auto subscription = subscribe(*transport, "many", sink);
    int right = 0;
    for (int i = 0; i < 1000; ++i)
        loop.spawn([](InProc& t, std::string text, int& out) -> Task<> {
            const auto answer = co_await t.request("many", text);
            out += answer.text() == text;
        }(*transport, std::to_string(i), right));
    loop.settle();
    std::vector<Message> requests;
    while (sink.pending())
        requests.push_back(sink.pop());
    for (auto at = requests.rbegin(); at != requests.rend(); ++at)
        transport->respond(*at, at->payload());
    loop.settle();
    EXPECT_EQ(right, 1000);
}

TEST_F(InProcTest, respond_needs_a_reply_topic_and_explicit_headers_win) {
    const auto transport = connected();
    Sink sink;
    const auto subscription = subscribe(*transport, "back", sink);
    const Message request{Bytes::unowned("t"),
                          {},
                          Bytes::unowned("back"),
                          std::make_shared<const Headers>(Headers{{"a", "1"}, {"b", "1"}})};
    transport->respond(request, "x", {{"b", "2"}});
    const auto got = sink.pop();
    EXPECT_EQ(got.headers(), (Headers{{"a", "1"}, {"b", "2"}}));
    const auto error = error_of([&] { transport->respond(test::message("", "the.topic"), "x"); });
    EXPECT_EQ(error.kind(), errc::no_reply_topic);
    EXPECT_EQ(error.topic(), "the.topic");
}

// --- back-pressure -------------------------------------------------------------------------------------------

TEST_F(InProcTest, messages_wait_in_order_for_a_full_blocking_receiver) {
    const auto transport = connected();
    Sink sink{blocking(2)};
    const auto subscription = subscribe(*transport, "a", sink);
    std::vector<std::string> sent;
    std::vector<std::string> got;
    for (int i = 0; i < 20; ++i) {
        sent.push_back(std::to_string(i));
        transport->publish("a", sent.back());
        if (i % 4 == 3)
            got.emplace_back(sink.pop().text());
    }
    EXPECT_EQ(transport->counters().pending, 20 - got.size() - sink.pending());
    while (sink.pending())
        got.emplace_back(sink.pop().text());
    EXPECT_EQ(got, sent);
    EXPECT_EQ(transport->counters().pending, 0u);
}

TEST_F(InProcTest, messages_wait_for_room_in_bytes_too) {
    const auto transport = connected();
    Sink sink{{.bytes = 100, .overflow = Overflow::block}};
    const auto subscription = subscribe(*transport, "a", sink);
    for (const std::size_t size : {60u, 30u, 80u, 20u, 500u, 1u})
        transport->publish("a", std::string(size, 'x'));
    EXPECT_EQ(sink.pending(), 2u);
    EXPECT_EQ(transport->counters().pending, 4u);
    std::vector<std::size_t> sizes;
    while (sink.pending())
        sizes.push_back(sink.pop().text().size());
    EXPECT_THAT(sizes, ElementsAre(60, 30, 80, 20, 500, 1));
}

TEST_F(InProcTest, one_full_receiver_does_not_hold_up_the_others) {
    const auto transport = connected();
    Sink full{blocking(1)};
    Sink open;
    const auto one = subscribe(*transport, "a", full);
    const auto two = subscribe(*transport, "a", open);
    for (const auto* text : {"1", "2", "3"})
        transport->publish("a", text);
    EXPECT_THAT(open.texts(), ElementsAre("1", "2", "3"));
}

TEST_F(InProcTest, flush_waits_until_there_was_room_for_everything_before_it) {
    const auto transport = connected();
    Sink sink{blocking(1)};
    const auto subscription = subscribe(*transport, "a", sink);
    loop.run(transport->flush()); // nothing waits
    for (const auto* text : {"1", "2", "3"})
        transport->publish("a", text);
    Cancellable flush{loop, transport->flush()};
    loop.settle();
    transport->publish("a", "4"); // after it
    sink.pop();
    loop.settle();
    EXPECT_FALSE(flush.done);
    sink.pop();
    loop.settle();
    EXPECT_TRUE(flush.done);
    EXPECT_EQ(flush.failure(), std::nullopt);
    EXPECT_EQ(transport->counters().pending, 1u);
    EXPECT_EQ(loop.clock()->next(), std::nullopt);
}

TEST_F(InProcTest, flush_times_out_when_there_is_no_room_in_time) {
    const auto transport = connected();
    Sink sink{blocking(1)};
    const auto subscription = subscribe(*transport, "a", sink);
    transport->publish("a", "1");
    transport->publish("a", "2");
    const auto error = error_of([&] { loop.run(transport->flush(50ms)); });
    EXPECT_EQ(error.kind(), errc::timeout);
    EXPECT_THAT(error.what(), HasSubstr("1 messages still wait"));
    sink.pop();
    EXPECT_NO_THROW(loop.run(transport->flush(50ms)));
}

TEST_F(InProcTest, a_cancelled_flush_throws_cancelled) {
    const auto transport = connected();
    Sink sink{blocking(1)};
    const auto subscription = subscribe(*transport, "a", sink);
    transport->publish("a", "1");
    transport->publish("a", "2");
    Cancellable flush{loop, transport->flush()};
    loop.settle();
    flush.cancel();
    loop.settle();
    EXPECT_EQ(flush.failure(), errc::cancelled);
    EXPECT_EQ(loop.clock()->next(), std::nullopt);
    EXPECT_THAT(sink.texts(), ElementsAre("1", "2"));
}

TEST_F(InProcTest, too_many_waiting_messages_are_buffer_full) {
    bus = make_bus({.max_waiting = 2});
    const auto transport = connected();
    Sink sink{blocking(1)};
    const auto subscription = subscribe(*transport, "a", sink);
    for (const auto* text : {"1", "2", "3"})
        transport->publish("a", text);
    const auto error = error_of([&] { transport->publish("a", "4"); });
    EXPECT_EQ(error.kind(), errc::buffer_full);
    EXPECT_TRUE(error.retryable());
    EXPECT_EQ(transport->counters().rejected, 1u);
    sink.pop();
    transport->publish("a", "5");
    std::vector<std::string> got;
    while (sink.pending())
        got.emplace_back(sink.pop().text());
    EXPECT_THAT(got, ElementsAre("2", "3", "5"));
}

TEST_F(InProcTest, what_waits_for_a_subscriber_that_leaves_is_given_up) {
    const auto publisher = connected();
    const auto subscriber = connected();
    auto sink = std::make_unique<Sink>(blocking(1));
    auto subscription = subscribe(*subscriber, "a", *sink);
    for (const auto* text : {"1", "2", "3"})
        publisher->publish("a", text);
    Cancellable flush{loop, publisher->flush()};
    loop.settle();
    EXPECT_FALSE(flush.done);
    subscription.unsubscribe(); // with a full mailbox that nobody reads any more
    sink.reset();
    loop.settle();
    EXPECT_TRUE(flush.done);
    EXPECT_EQ(flush.failure(), std::nullopt);
    EXPECT_EQ(publisher->counters().pending, 0u);
    EXPECT_EQ(publisher->counters().lost, 2u);
}

// --- bad calls -----------------------------------------------------------------------------------------------

TEST_F(InProcTest, invalid_topics_are_refused_by_every_call) {
    const auto transport = connected();
    Sink sink;
    for (const char* topic : {"", "a b", "a..b", ".a", "a.", "a\r\nPUB b"}) {
        EXPECT_EQ(kind_of([&] { transport->publish(topic, "x"); }), errc::invalid_topic) << topic;
        EXPECT_EQ(kind_of([&] { loop.run(transport->request(topic, "x")); }), errc::invalid_topic) << topic;
        EXPECT_EQ(kind_of([&] { subscribe(*transport, topic, sink); }), errc::invalid_topic) << topic;
    }
    for (const char* topic : {"a.*", ">"})
        EXPECT_EQ(kind_of([&] { transport->publish(topic, "x"); }), errc::invalid_topic) << topic;
    EXPECT_EQ(kind_of([&] { transport->publish("a", "x", {}, "bad reply"); }), errc::invalid_topic);
    EXPECT_EQ(kind_of([&] { subscribe(*transport, "a.>.b", sink); }), errc::invalid_topic);
    EXPECT_EQ(kind_of([&] { subscribe(*transport, "a", sink, {.queue = "a b"}); }), errc::invalid_topic);
}

TEST_F(InProcTest, a_payload_over_the_limit_is_refused) {
    bus = make_bus({.max_payload = 10});
    const auto transport = connected();
    EXPECT_EQ(transport->max_payload(), 10u);
    EXPECT_NO_THROW(transport->publish("a", std::string(10, 'x')));
    const auto error = error_of([&] { transport->publish("a", std::string(11, 'x')); });
    EXPECT_EQ(error.kind(), errc::payload_too_large);
    EXPECT_EQ(error.topic(), "a");
    EXPECT_THAT(error.what(), HasSubstr("11 bytes, the bus takes 10"));
}

TEST_F(InProcTest, nothing_works_before_connect) {
    InProc transport{bus};
    Sink sink;
    EXPECT_FALSE(transport.connected());
    EXPECT_EQ(kind_of([&] { transport.publish("a", "x"); }), errc::not_connected);
    EXPECT_EQ(kind_of([&] { subscribe(transport, "a", sink); }), errc::not_connected);
    EXPECT_EQ(kind_of([&] { loop.run(transport.request("a", "x")); }), errc::not_connected);
    EXPECT_EQ(kind_of([&] { loop.run(transport.flush()); }), errc::not_connected);
    loop.run(transport.connect());
    EXPECT_NO_THROW(transport.publish("a", "x"));
}

TEST_F(InProcTest, nothing_works_after_close) {
    const auto transport = connected();
    Sink sink;
    loop.run(transport->close());
    loop.run(transport->close());
    EXPECT_FALSE(transport->connected());
    EXPECT_EQ(kind_of([&] { transport->publish("a", "x"); }), errc::closed);
    EXPECT_EQ(kind_of([&] { subscribe(*transport, "a", sink); }), errc::closed);
    EXPECT_EQ(kind_of([&] { loop.run(transport->request("a", "x")); }), errc::closed);
    EXPECT_EQ(kind_of([&] { loop.run(transport->flush()); }), errc::closed);
    EXPECT_EQ(kind_of([&] { loop.run(transport->connect()); }), errc::closed);
}

// --- close and lifetime --------------------------------------------------------------------------------------

TEST_F(InProcTest, close_fails_what_is_pending_and_ends_all_offers) {
    const auto transport = connected();
    const auto other = connected();
    Sink sink{blocking(1)};
    const auto subscription = subscribe(*transport, "a", sink);
    const auto ask = [](InProc& t) -> Task<> { co_await t.request("a", "1"); };
    Cancellable request{loop, ask(*transport)};
    loop.settle();
    transport->publish("a", "2"); // waits
    Cancellable flush{loop, transport->flush()};
    loop.settle();
    loop.run(transport->close());
    loop.settle();
    EXPECT_EQ(request.failure(), errc::closed);
    EXPECT_EQ(flush.failure(), errc::closed);
    EXPECT_EQ(transport->counters().lost, 1u);
    EXPECT_EQ(transport->counters().pending, 0u);
    other->publish("a", "3");
    EXPECT_THAT(sink.texts(), ElementsAre("1"));
    EXPECT_EQ(loop.clock()->next(), std::nullopt);
}

TEST_F(InProcTest, events_tell_of_connect_and_close_and_nothing_after) {
    std::vector<std::string> events;
    auto transport = std::make_shared<InProc>(bus);
    transport->on_event([&](const ConnectionEvent& event) { events.emplace_back(to_string(event.state)); });
    loop.run(transport->connect());
    loop.run(transport->connect());
    loop.run(transport->close());
    loop.run(transport->close());
    transport.reset();
    EXPECT_THAT(events, ElementsAre("connected", "closed"));
}

TEST_F(InProcTest, a_default_made_transport_has_a_bus_that_others_can_join) {
    InProc one;
    InProc two{one.bus()};
    loop.run(one.connect());
    loop.run(two.connect());
    Sink sink;
    const auto subscription = subscribe(two, "a", sink);
    one.publish("a", "x");
    EXPECT_THAT(sink.texts(), ElementsAre("x"));
}

TEST_F(InProcTest, transport_bus_subscription_and_receiver_may_go_in_any_order) {
    std::vector<int> order{0, 1, 2, 3};
    do {
        bus = make_bus({});
        auto transport = connected();
        std::optional<Sink> sink{std::in_place, blocking(1)};
        std::optional<Subscription> subscription{subscribe(*transport, "a", *sink)};
        transport->publish("a", "1");
        transport->publish("a", "2"); // waits
        for (const int what : order) {
            if (what == 0)
                transport.reset();
            else if (what == 1)
                bus.reset();
            else if (what == 2)
                subscription.reset();
            else
                sink.reset();
        }
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(InProcTest, a_transport_may_go_while_a_request_waits) {
    auto transport = connected();
    Sink deaf;
    const auto subscription = subscribe(*connected(), "unused", deaf);
    const auto other = connected();
    const auto listening = subscribe(*other, "deaf", deaf);
    Cancellable request{loop, [](InProc& t) -> Task<> { co_await t.request("deaf", "x"); }(*transport)};
    loop.settle();
    transport.reset();
    loop.settle();
    EXPECT_EQ(request.failure(), errc::closed);
}

// --- counters ------------------------------------------------------------------------------------------------

TEST_F(InProcTest, counters_count_on_each_side_what_went_through_it) {
    const auto sender = connected();
    const auto receiver = connected();
    Sink one;
    Sink two;
    const auto first = subscribe(*receiver, "a", one);
    const auto second = subscribe(*receiver, "a", two);
    sender->publish("a", "1234");
    sender->publish("nobody", "12");
    EXPECT_EQ(kind_of([&] { sender->publish("a b", "x"); }), errc::invalid_topic);
    const auto sent = sender->counters();
    EXPECT_EQ(sent.published, 2u);
    EXPECT_EQ(sent.published_bytes, 6u);
    EXPECT_EQ(sent.rejected, 1u);
    EXPECT_EQ(sent.received, 0u);
    EXPECT_EQ(sent.lost, 0u);
    EXPECT_EQ(sent.pending, 0u);
    const auto got = receiver->counters();
    EXPECT_EQ(got.published, 0u);
    EXPECT_EQ(got.received, 2u);
    EXPECT_EQ(got.received_bytes, 8u);
}

} // namespace
} // namespace fluxmq
