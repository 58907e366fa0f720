// SPDX-License-Identifier: MIT
#include <fluxmq/error.hpp>
#include <fluxmq/inproc.hpp>
#include <fluxmq/testing/virtual_loop.hpp>

#include "inbox.hpp"

#include <gtest/gtest.h>

namespace fluxctl {
namespace {

using namespace std::chrono_literals;
using fluxlib::Task;

class InboxTest : public ::testing::Test {
public: // for the coroutines of the tests
    void SetUp() override { loop.run(transport.connect()); }

    Task<std::optional<fluxmq::errc>> failure_of_request(std::string topic) {
        try {
            co_await transport.request(std::move(topic), "+ACK", 1s);
        } catch (const fluxmq::Error& error) {
            co_return error.kind();
        }
        co_return std::nullopt;
    }

    fluxmq::testing::VirtualLoop loop;
    fluxmq::InProc transport{
        std::make_shared<fluxmq::InProcBus>(fluxmq::InProcOptions{.clock = loop.clock()})};
};

TEST_F(InboxTest, an_acknowledgement_that_asks_for_an_answer_gets_an_empty_one_and_is_read_all_the_same) {
    loop.run([](fluxmq::Transport& peer) -> Task<> {
        Inbox inbox{peer};
        const auto reply = co_await inbox.reply_topic();
        const auto answer = co_await peer.request(reply, "-NAK", 1s); // nobody reads meanwhile
        EXPECT_EQ(answer.text(), "");
        const auto message = co_await inbox.next();
        EXPECT_EQ(message->text(), "-NAK");
        EXPECT_EQ(message->topic(), reply);
    }(transport));
}

TEST_F(InboxTest, what_others_ask_is_left_to_them) {
    loop.run([](InboxTest& test) -> Task<> {
        Inbox inbox{test.transport};
        const auto reply = co_await inbox.reply_topic();
        co_await inbox.listen("of.others");
        const auto spied = co_await test.failure_of_request("of.others");
        EXPECT_EQ(spied, fluxmq::errc::timeout);
        test.transport.publish(reply, "an answer", {}, "of.others");
        const auto heard = co_await inbox.next();
        EXPECT_EQ(heard->text(), "+ACK");
        const auto answer = co_await inbox.next();
        EXPECT_EQ(answer->text(), "an answer");
        test.transport.publish("of.others", "the end");
        const auto next = co_await inbox.next(); // and nothing was sent there before
        EXPECT_EQ(next->text(), "the end");
    }(*this));
}

} // namespace
} // namespace fluxctl
