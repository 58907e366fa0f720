// SPDX-License-Identifier: MIT
// Requests: answers, no answers, and very many at once.
#include "cases.hpp"

namespace fluxmq::testing {

void link_request_cases() {}

namespace {

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

TEST_P(RequestConformance, a_request_gets_its_answer) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto name = topic();
        const auto subscription = co_await one.subscribe(name, std::make_shared<Echo>(one));
        const auto answer = co_await two.request(name, "question", 10s);
        EXPECT_EQ(answer.text(), "question");
        const auto own = co_await one.request(name, "to myself", 10s);
        EXPECT_EQ(own.text(), "to myself");
    });
}

TEST_P(RequestConformance, the_first_of_several_answers_is_the_answer) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto name = topic();
        const std::vector<std::string> several{"first", "second", "third"};
        const auto subscription = co_await one.subscribe(name, std::make_shared<Answers>(one, several));
        for (int i = 0; i < 10; ++i) {
            const auto answer = co_await two.request(name, "question", 10s);
            EXPECT_EQ(answer.text(), "first");
        }
    });
}

// All of them wait before the first is answered, and the last one is answered first.
TEST_P(RequestConformance, ten_thousand_requests_may_be_outstanding) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto count = scaled(10'000);
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await one.subscribe(name, inbox);
        std::size_t right = 0;
        const auto ask = [&](std::size_t i) -> Task<> {
            const auto question = std::to_string(i);
            const auto answer = co_await two.request(name, question, 50s);
            right += answer.text() == question;
        };
        const auto answer_all = [&]() -> Task<> {
            co_await inbox->holds(count);
            const auto messages = inbox->messages();
            for (auto message = messages.rbegin(); message != messages.rend(); ++message)
                one.respond(*message, message->payload());
        };
        Beside answering{co_await boost::asio::this_coro::executor, answer_all()};
        co_await at_once(count, ask);
        const auto failure = co_await answering.end();
        EXPECT_FALSE(failure);
        EXPECT_EQ(right, count);
    });
}

TEST_P(RequestConformance, answers_that_are_acknowledgements_are_passed_over) {
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

// As Go's framework does: an acknowledgement is a request, and its sender does nothing else until it is answered.
TEST_P(RequestConformance, an_acknowledgement_that_is_a_request_is_answered_with_an_empty_message) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await one.subscribe(name, inbox);
        Beside asking{co_await boost::asio::this_coro::executor, two.request(name, "question", 10s)};
        co_await inbox->holds(1);
        const std::string reply{inbox->last().reply()};
        const auto confirmed = std::make_shared<Inbox>();
        const auto confirmations = topic();
        const auto listening = co_await one.subscribe(confirmations, confirmed);
        one.publish(reply, "+ACK", {}, confirmations);
        co_await confirmed->holds(1);
        EXPECT_EQ(confirmed->last().text(), "");
        EXPECT_EQ(confirmed->last().status(), 0);
        EXPECT_EQ(confirmed->last().reply(), "");
        EXPECT_FALSE(asking.done());
        one.publish(reply, "real");
        const auto failure = co_await asking.end();
        EXPECT_FALSE(failure);
        one.publish(reply, "-NAK", {}, confirmations); // the request has ended
        co_await confirmed->holds(2);
        EXPECT_EQ(confirmed->last().text(), "");
    });
}

TEST_P(RequestConformance, an_acknowledgement_is_answered_when_its_request_has_timed_out_or_was_cancelled) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await transport.subscribe(name, inbox);
        const auto timeout = co_await failure_of(transport.request(name, "question", 20ms));
        EXPECT_TRUE(timeout && timeout->kind() == errc::timeout);
        co_await inbox->holds(1);
        const std::string timed_out{inbox->last().reply()};
        Beside asking{co_await boost::asio::this_coro::executor, transport.request(name, "question", 1h)};
        co_await inbox->holds(2);
        const std::string cancelled{inbox->last().reply()};
        asking.cancel();
        const auto failure = co_await asking.end();
        EXPECT_TRUE(failure && failure->kind() == errc::cancelled);
        // Requests on the very transport that answers them.
        const auto first = co_await transport.request(timed_out, "+ACK", 10s);
        EXPECT_EQ(first.text(), "");
        const auto second = co_await transport.request(cancelled, "-NAK", 10s);
        EXPECT_EQ(second.text(), "");
    });
}

TEST_P(RequestConformance, a_request_that_is_not_answered_times_out) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await transport.subscribe(name, inbox);
        const auto failure = co_await failure_of(transport.request(name, "question", 20ms));
        EXPECT_TRUE(failure && failure->kind() == errc::timeout);
        EXPECT_TRUE(failure && failure->topic() == name);
        EXPECT_TRUE(failure && failure->retryable());
        co_await inbox->holds(1);
        transport.respond(inbox->last(), "too late"); // nobody is hurt
        co_await transport.flush();
    });
}

TEST_P(RequestConformance, respond_needs_a_reply_topic) {
    with_transport([](Transport& transport) -> Task<> {
        EXPECT_EQ(kind_thrown_by([&] { transport.respond(Message{}, "x"); }), errc::no_reply_topic);
        co_return;
    });
}

TEST_P(HeaderRequestConformance, headers_go_with_a_request_and_come_back_with_its_answer) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto subscription = co_await transport.subscribe(name, std::make_shared<Echo>(transport));
        const Headers headers{{"Trace", "abc"}, {"trace", "another case"}};
        const auto answer = co_await transport.request(name, "x", 10s, headers);
        EXPECT_EQ(answer.headers(), headers);
    });
}

TEST_P(HeaderRequestConformance, an_answer_has_no_header_twice_and_none_that_is_about_the_request_alone) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await one.subscribe(name, inbox);
        const auto replies = std::make_shared<Inbox>();
        const auto reply = topic();
        const auto answers = co_await two.subscribe(reply, replies);
        const Headers asked{{"Nats-Msg-Id", "1"}, {"list", "a"},   {"nats-expected-stream", "S"},
                            {"kept", "k"},        {"list", "b"},   {"KV-Operation", "DEL"},
                            {"CE-ID", "2"},       {"kind", "old"}, {"_watermill_message_uuid", "3"},
                            {"kind", "older"},    {"list", "c, d"}};
        two.publish(name, "question", asked, reply);
        co_await inbox->holds(1);
        const auto question = inbox->last();
        EXPECT_EQ(question.headers(), asked); // publish() sends them as they are given
        one.respond(question, "plain");
        one.respond(question, "with some",
                    Headers{{"kind", "new"}, {"own", "1"}, {"kind", "newer"}, {"Nats-Msg-Id", "4"}});
        co_await replies->holds(2);
        const auto got = replies->messages();
        EXPECT_EQ(got[0].headers(), (Headers{{"list", "a, b, c, d"}, {"kept", "k"}, {"kind", "old, older"}}));
        EXPECT_EQ(got[1].headers(), (Headers{{"list", "a, b, c, d"},
                                             {"kept", "k"},
                                             {"kind", "new, newer"},
                                             {"own", "1"},
                                             {"Nats-Msg-Id", "4"}}));
        const Headers alone{{"ce-id", "2"}};
        two.publish(name, "question", alone, reply);
        co_await inbox->holds(2);
        one.respond(inbox->last(), "none");
        co_await replies->holds(3);
        EXPECT_TRUE(replies->last().headers().empty());
    });
}

TEST_P(RequestConformance, a_request_may_be_made_while_a_message_is_handled) {
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

TEST_P(RequestConformance, a_cancelled_request_leaves_nothing_behind) {
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

TEST_P(RequestConformance, close_fails_the_requests_that_wait) {
    run([&]() -> Task<> {
        const auto one = co_await connected();
        const auto two = co_await connected();
        const auto silent = topic();
        const auto nobody = co_await two->subscribe(silent, std::make_shared<Inbox>());
        Beside asking{co_await boost::asio::this_coro::executor, one->request(silent, "x", 1h)};
        co_await turn();
        co_await one->flush();
        co_await one->close();
        const auto failure = co_await asking.end();
        EXPECT_TRUE(failure && failure->kind() == errc::closed);
        co_await two->close();
    });
}

TEST_P(RequestConformance, the_handle_may_go_while_a_request_waits) {
    run([&]() -> Task<> {
        auto one = co_await connected();
        const auto two = co_await connected();
        const auto silent = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto nobody = co_await two->subscribe(silent, inbox);
        Beside asking{co_await boost::asio::this_coro::executor, one->request(silent, "x", 1h)};
        co_await inbox->holds(1);
        one.reset();
        const auto failure = co_await asking.end();
        EXPECT_TRUE(failure && failure->kind() == errc::closed);
        two->respond(inbox->last(), "nobody is there");
        co_await two->close();
    });
}

TEST_P(NoRespondersConformance, a_request_that_nobody_listens_to_is_its_own_error) {
    with_transport([](Transport& transport) -> Task<> {
        const auto name = topic();
        const auto failure = co_await failure_of(transport.request(name, "question", 10s));
        EXPECT_TRUE(failure && failure->kind() == errc::no_responders);
        EXPECT_TRUE(failure && failure->topic() == name);
        EXPECT_TRUE(failure && failure->retryable());
    });
}

TEST_P(NoRespondersConformance, nobody_listens_once_the_last_one_has_left) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto name = topic();
        auto subscription = co_await one.subscribe(name, std::make_shared<Echo>(one));
        const auto answer = co_await two.request(name, "question", 10s);
        EXPECT_EQ(answer.text(), "question");
        subscription.unsubscribe();
        co_await one.flush();
        const auto failure = co_await failure_of(two.request(name, "question", 10s));
        EXPECT_TRUE(failure && failure->kind() == errc::no_responders);
    });
}

TEST_P(NoRespondersConformance, a_message_with_a_reply_topic_that_nobody_listens_to_gives_a_status_message) {
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

} // namespace fluxmq::testing
