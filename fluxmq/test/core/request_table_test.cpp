// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <gmock/gmock.h>
#include <request_table.hpp>

#include <thread>

namespace fluxmq {
namespace {

using namespace std::chrono_literals;
using test::Cancellable;
using test::error_of;
using test::kind_of;
using test::message;
using test::VirtualLoop;
using ::testing::HasSubstr;

class RequestTableTest : public ::testing::Test {
protected:
    VirtualLoop loop;
    std::shared_ptr<RequestTable> table = std::make_shared<RequestTable>("_INBOX.1.", loop.clock());

    static Task<> ask(std::shared_ptr<RequestTable> table, std::string& reply, std::string& answer,
                      std::chrono::milliseconds timeout = 1s) {
        auto call = table->open();
        reply = call.reply_topic();
        answer = (co_await call.answer("the.topic", timeout)).text();
    }
};

TEST_F(RequestTableTest, one_inbox_covers_all_reply_topics) {
    const auto one = table->open();
    const auto two = table->open();
    EXPECT_EQ(table->inbox(), "_INBOX.1.*");
    EXPECT_EQ(one.reply_topic(), "_INBOX.1.1");
    EXPECT_EQ(two.reply_topic(), "_INBOX.1.2");
}

TEST_F(RequestTableTest, answers_find_their_requests_in_any_order) {
    std::string replies[2];
    std::string answers[2];
    loop.spawn(ask(table, replies[0], answers[0]));
    loop.spawn(ask(table, replies[1], answers[1]));
    loop.settle();
    EXPECT_FALSE(table->deliver(message("second", replies[1])));
    EXPECT_FALSE(table->deliver(message("first", replies[0])));
    loop.settle();
    EXPECT_EQ(answers[0], "first");
    EXPECT_EQ(answers[1], "second");
}

TEST_F(RequestTableTest, an_answer_may_come_before_it_is_awaited) {
    const auto answer = loop.run([](std::shared_ptr<RequestTable> t) -> Task<std::string> {
        auto call = t->open();
        EXPECT_FALSE(t->deliver(message("early", call.reply_topic())));
        co_return std::string{(co_await call.answer("the.topic", 1s)).text()};
    }(table));
    EXPECT_EQ(answer, "early");
}

TEST_F(RequestTableTest, acknowledgements_are_passed_over) {
    std::string reply;
    std::string answer;
    loop.spawn(ask(table, reply, answer));
    loop.settle();
    for (const auto* text : {"+ACK", "-NAK"})
        EXPECT_FALSE(table->deliver(message(text, reply)));
    loop.settle();
    EXPECT_EQ(answer, "");
    EXPECT_FALSE(table->deliver(message("+ACK, and more", reply)));
    loop.settle();
    EXPECT_EQ(answer, "+ACK, and more");
}

TEST_F(RequestTableTest,
       an_acknowledgement_that_asks_for_an_answer_is_given_back_also_when_its_request_has_ended) {
    const auto acknowledgement = [](const std::string& topic) {
        return Message{Bytes::copy(topic), Bytes::copy("+ACK"), Bytes::copy("back")};
    };
    std::string reply;
    std::string answer;
    loop.spawn(ask(table, reply, answer));
    loop.settle();
    const auto while_it_waits = table->deliver(acknowledgement(reply));
    ASSERT_TRUE(while_it_waits);
    EXPECT_EQ(while_it_waits->reply(), "back");
    EXPECT_FALSE(table->deliver(message("real", reply)));
    loop.settle();
    EXPECT_EQ(answer, "real");
    EXPECT_TRUE(table->deliver(acknowledgement(reply)));
    EXPECT_FALSE(table->deliver(acknowledgement("other.1")));
}

TEST_F(RequestTableTest, status_503_with_a_payload_is_an_answer) {
    std::string reply;
    std::string answer;
    loop.spawn(ask(table, reply, answer));
    loop.settle();
    auto busy = message("busy", reply);
    busy.set_status(503);
    EXPECT_FALSE(table->deliver(std::move(busy)));
    loop.settle();
    EXPECT_EQ(answer, "busy");
}

TEST_F(RequestTableTest, status_503_is_no_responders) {
    std::string reply;
    std::string answer;
    Cancellable asking{loop, ask(table, reply, answer)};
    loop.settle();
    auto nobody = message("", reply);
    nobody.set_status(503);
    EXPECT_FALSE(table->deliver(std::move(nobody)));
    loop.settle();
    EXPECT_EQ(asking.failure(), errc::no_responders);
}

TEST_F(RequestTableTest, no_answer_is_a_timeout_that_names_topic_and_time) {
    const auto start = loop.clock()->now();
    std::string reply;
    std::string answer;
    const auto error = error_of([&] { loop.run(ask(table, reply, answer, 250ms)); });
    EXPECT_EQ(error.kind(), errc::timeout);
    EXPECT_EQ(error.topic(), "the.topic");
    EXPECT_THAT(error.what(), HasSubstr("250 ms"));
    EXPECT_EQ(loop.clock()->now() - start, 250ms);
}

TEST_F(RequestTableTest, an_answer_ends_the_timeout) {
    std::string reply;
    std::string answer;
    loop.spawn(ask(table, reply, answer));
    loop.settle();
    EXPECT_FALSE(table->deliver(message("x", reply)));
    loop.settle();
    EXPECT_EQ(loop.clock()->next(), std::nullopt);
}

TEST_F(RequestTableTest, late_and_foreign_messages_are_passed_over) {
    std::string reply;
    std::string answer;
    EXPECT_EQ(kind_of([&] { loop.run(ask(table, reply, answer, 1ms)); }), errc::timeout);
    EXPECT_FALSE(table->deliver(message("late", reply)));
    std::string next;
    loop.spawn(ask(table, next, answer));
    loop.settle();
    EXPECT_NE(next, reply);
    for (const auto* topic : {"other.1", "_INBOX.1.", "_INBOX.1.x", "_INBOX.1.2x", "_INBOX.1.-2",
                              "_INBOX.1.2.3", "_INBOX.1.99999999999999999999999", "_INBOX.1.99", ""})
        EXPECT_FALSE(table->deliver(message("foreign", topic)));
    loop.settle();
    EXPECT_EQ(answer, "");
    EXPECT_FALSE(table->deliver(message("right", next)));
    EXPECT_FALSE(table->deliver(message("twice", next)));
    loop.settle();
    EXPECT_EQ(answer, "right");
}

TEST_F(RequestTableTest, fail_all_ends_every_request_with_the_error) {
    std::string replies[2];
    std::string answers[2];
    Cancellable one{loop, ask(table, replies[0], answers[0])};
    Cancellable two{loop, ask(table, replies[1], answers[1])};
    loop.settle();
    table->fail_all(Error{errc::disconnected, "the connection was lost", "", "server shutting down"});
    loop.settle();
    EXPECT_EQ(one.failure(), errc::disconnected);
    EXPECT_EQ(two.failure(), errc::disconnected);
    EXPECT_EQ(loop.clock()->next(), std::nullopt);
}

TEST_F(RequestTableTest, the_error_of_fail_all_keeps_its_words_and_gets_the_topic) {
    const auto error = error_of([&] {
        loop.run([](std::shared_ptr<RequestTable> t) -> Task<> {
            auto call = t->open();
            t->fail_all(Error{errc::disconnected, "lost", "", "server shutting down"});
            co_await call.answer("the.topic", 1s);
        }(table));
    });
    EXPECT_STREQ(error.what(),
                 "disconnected: lost (topic 'the.topic') (the broker says: server shutting down)");
}

TEST_F(RequestTableTest, a_cancelled_request_leaves_nothing) {
    std::string reply;
    std::string answer;
    Cancellable asking{loop, ask(table, reply, answer)};
    loop.settle();
    EXPECT_GT(table.use_count(), 1);
    asking.cancel();
    loop.settle();
    EXPECT_EQ(asking.failure(), errc::cancelled);
    EXPECT_EQ(table.use_count(), 1);
    EXPECT_EQ(loop.clock()->next(), std::nullopt);
    EXPECT_FALSE(table->deliver(message("late", reply)));
}

TEST_F(RequestTableTest, answers_come_from_any_thread) {
    boost::asio::io_context context;
    const auto real = std::make_shared<RequestTable>("_INBOX.2.", Clock::real());
    const auto replies = Mailbox::create();
    int answered = 0;
    constexpr int count = 500;
    boost::asio::co_spawn(
        context,
        [](std::shared_ptr<RequestTable> t, std::shared_ptr<Inlet> out, int& done) -> Task<> {
            for (; done < count; ++done) {
                auto call = t->open();
                EXPECT_TRUE(out->offer(message("", call.reply_topic())));
                co_await call.answer("t", 60s);
            }
        }(real, replies->add_inlet({}), answered),
        [&](std::exception_ptr) { replies->close(); });
    boost::asio::io_context mine; // outlives whoever wakes a coroutine on it
    std::thread responder{[&] {
        boost::asio::co_spawn(
            mine,
            [](Mailbox& in, RequestTable& t) -> Task<> {
                while (co_await in.wait())
                    if (const auto delivery = in.pop_message()) {
                        EXPECT_FALSE(t.deliver(message("answer", delivery->message.topic())));
                    }
            }(*replies, *real),
            [](std::exception_ptr) {});
        mine.run();
    }};
    context.run();
    responder.join();
    EXPECT_EQ(answered, count);
}

} // namespace
} // namespace fluxmq
