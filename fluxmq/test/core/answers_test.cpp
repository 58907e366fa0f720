// SPDX-License-Identifier: MIT
#include <fluxmq/answers.hpp>

#include "support.hpp"

#include <gmock/gmock.h>

namespace fluxmq {
namespace {

using test::message;
using test::Sink;
using test::VirtualLoop;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Answers, acknowledgements_are_two_texts_and_no_others) {
    EXPECT_TRUE(is_acknowledgement(message("+ACK")));
    EXPECT_TRUE(is_acknowledgement(message("-NAK")));
    for (const char* text : {"", "ACK", "+ACK ", "-NAK {}", "-ACK", "+ack"})
        EXPECT_FALSE(is_acknowledgement(message(text))) << text;
}

TEST(Answers, no_responders_is_status_503_without_a_payload) {
    auto nobody = message("");
    EXPECT_FALSE(is_no_responders(nobody));
    nobody.set_status(503);
    EXPECT_TRUE(is_no_responders(nobody));
    nobody.set_status(503, "No Responders");
    EXPECT_TRUE(is_no_responders(nobody));
    nobody.set_status(404);
    EXPECT_FALSE(is_no_responders(nobody));
    auto answer = message("busy, try later");
    answer.set_status(503);
    EXPECT_FALSE(is_no_responders(answer));
}

TEST(Answers, an_acknowledgement_that_asks_for_an_answer_gets_an_empty_one) {
    VirtualLoop loop;
    InProc transport;
    loop.run(transport.connect());
    Sink sink;
    const auto subscription = loop.run(transport.subscribe("back", sink.inlet));
    const auto with_reply = [](std::string_view text, std::string_view reply) {
        return Message{Bytes::copy("t"), Bytes::copy(text), Bytes::copy(reply),
                       std::make_shared<const Headers>(Headers{{"a", "b"}})};
    };
    answer_acknowledgement(transport, with_reply("an answer", "back"));
    answer_acknowledgement(transport, with_reply("+ACK", ""));
    answer_acknowledgement(transport, with_reply("+ACK", "not a topic"));
    EXPECT_THAT(sink.texts(), IsEmpty());
    answer_acknowledgement(transport, with_reply("-NAK", "back"));
    answer_acknowledgement(transport, with_reply("+ACK", "back"));
    const auto first = sink.pop();
    EXPECT_EQ(first.text(), "");
    EXPECT_EQ(first.reply(), "");
    EXPECT_TRUE(first.headers().empty());
    EXPECT_THAT(sink.texts(), ElementsAre(""));
    loop.run(transport.close());
    answer_acknowledgement(transport, with_reply("+ACK", "back")); // nobody is hurt
}

} // namespace
} // namespace fluxmq
