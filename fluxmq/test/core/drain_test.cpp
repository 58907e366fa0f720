// SPDX-License-Identifier: MIT
#include <fluxmq/inproc.hpp>
#include <fluxmq/mailbox.hpp>

#include "support.hpp"

#include <gmock/gmock.h>

namespace fluxmq {
namespace {

using namespace std::chrono_literals;
using test::Cancellable;
using test::kind_of;
using test::VirtualLoop;

class Drain : public ::testing::Test {
public:
    Drain() {
        InProcOptions options;
        options.clock = loop.clock();
        bus = std::make_shared<InProcBus>(options);
        transport = connect();
    }

    std::shared_ptr<InProc> connect() {
        auto made = std::make_shared<InProc>(bus);
        loop.run(made->connect());
        return made;
    }
    Subscription subscribe(const std::string& topic, MailboxLimits limits = {}) {
        return loop.run(transport->subscribe(topic, mailbox->add_inlet(limits)));
    }
    // A reader that takes `each` for a message, until its mailbox is closed.
    void read(Clock::duration each) {
        loop.spawn([](Drain& self, Clock::duration length) -> Task<> {
            const auto own = self.mailbox;
            while (co_await own->wait()) {
                while (const auto delivery = own->pop_message()) {
                    co_await self.loop.clock()->sleep_for(length);
                    self.texts.emplace_back(delivery->message.text());
                }
            }
        }(*this, each));
    }
    ~Drain() override {
        mailbox->close();
        loop.settle();
    }

    VirtualLoop loop;
    std::shared_ptr<InProcBus> bus;
    std::shared_ptr<InProc> transport;
    std::shared_ptr<Mailbox> mailbox = Mailbox::create();
    std::vector<std::string> texts;
};

TEST_F(Drain, of_a_subscription_waits_for_its_reader_and_takes_nothing_new) {
    auto subscription = subscribe("a");
    read(1s);
    for (int i = 0; i < 3; ++i)
        transport->publish("a", std::to_string(i));
    loop.settle();
    const auto before = loop.clock()->now();
    loop.spawn([](Drain& self) -> Task<> {
        co_await self.loop.clock()->sleep_for(500ms);
        self.transport->publish("a", "too late");
    }(*this));
    const auto report = loop.run(subscription.drain());
    EXPECT_TRUE(report.complete());
    EXPECT_THAT(texts, ::testing::ElementsAre("0", "1", "2"));
    EXPECT_EQ(loop.clock()->now() - before, 3s);
    EXPECT_FALSE(subscription.active());
}

TEST_F(Drain, keeps_its_deadline_and_says_what_was_left) {
    const auto inlet = mailbox->add_inlet({});
    auto subscription = loop.run(transport->subscribe("a", inlet));
    read(1s);
    for (int i = 0; i < 5; ++i)
        transport->publish("a", std::to_string(i));
    loop.settle();
    const auto before = loop.clock()->now();
    const auto report = loop.run(subscription.drain(2500ms));
    EXPECT_EQ(loop.clock()->now() - before, 2500ms);
    EXPECT_FALSE(report.complete());
    ASSERT_EQ(report.left.size(), 1u);
    EXPECT_EQ(report.left[0].topic, "a");
    EXPECT_EQ(report.left[0].messages, 3u) << "the one that is read at that moment is not finished";
    loop.advance(3s);
    EXPECT_EQ(texts.size(), 5u) << "its inlet still has them";
}

TEST_F(Drain, takes_in_what_waits_with_publishers) {
    auto subscription = subscribe("a", {.messages = 2, .overflow = Overflow::block});
    const auto publisher = connect();
    for (int i = 0; i < 20; ++i)
        publisher->publish("a", std::to_string(i));
    EXPECT_EQ(publisher->counters().pending, 18u);
    read(1ms);
    const auto report = loop.run(subscription.drain());
    EXPECT_TRUE(report.complete());
    EXPECT_EQ(texts.size(), 20u);
    EXPECT_EQ(publisher->counters().lost, 0u);
}

TEST_F(Drain, of_a_connection_ends_it_when_readers_have_finished_and_their_answers_are_out) {
    const auto other = connect();
    const auto answers = Mailbox::create();
    const auto listening = loop.run(other->subscribe("answers", answers->add_inlet({})));
    const auto subscription = subscribe("a");
    for (int i = 0; i < 4; ++i)
        other->publish("a", std::to_string(i));
    loop.spawn([](Drain& self) -> Task<> {
        const auto own = self.mailbox;
        while (co_await own->wait())
            while (const auto delivery = own->pop_message()) {
                co_await self.loop.clock()->sleep_for(1s);
                self.transport->publish("answers", delivery->message.payload());
            }
    }(*this));
    const auto report = loop.run(transport->drain());
    EXPECT_TRUE(report.complete());
    EXPECT_EQ(answers->counters().pending, 4u);
    EXPECT_FALSE(transport->connected());
    EXPECT_EQ(kind_of([&] { transport->publish("a", "x"); }), errc::closed);
}

TEST_F(Drain, of_a_connection_says_what_each_reader_left) {
    const auto first = subscribe("a");
    const auto second = subscribe("b.*");
    transport->publish("a", "x");
    transport->publish("b.c", "x");
    transport->publish("b.d", "x");
    const auto report = loop.run(transport->drain(1s));
    ASSERT_EQ(report.left.size(), 2u);
    EXPECT_EQ(report.left[0].topic, "a");
    EXPECT_EQ(report.left[0].messages, 1u);
    EXPECT_EQ(report.left[1].topic, "b.*");
    EXPECT_EQ(report.left[1].messages, 2u);
    EXPECT_FALSE(transport->connected());
}

TEST_F(Drain, of_a_connection_says_what_it_could_not_pass_on) {
    const auto other = connect();
    const auto full = Mailbox::create();
    const auto listening =
        loop.run(other->subscribe("a", full->add_inlet({.messages = 1, .overflow = Overflow::block})));
    for (int i = 0; i < 4; ++i)
        transport->publish("a", "x");
    const auto report = loop.run(transport->drain(1s));
    EXPECT_EQ(report.unsent, 3u);
    EXPECT_FALSE(report.complete());
}

TEST_F(Drain, refuses_new_subscriptions_meanwhile) {
    const auto subscription = subscribe("a");
    transport->publish("a", "x");
    std::optional<errc> refused;
    loop.spawn([](Drain& self, std::optional<errc>& kind) -> Task<> {
        co_await self.loop.clock()->sleep_for(1ms);
        try {
            const auto inlet = self.mailbox->add_inlet({});
            co_await self.transport->subscribe("b", inlet);
        } catch (const Error& error) {
            kind = error.kind();
        }
        while (self.mailbox->pop_message()) {
        }
    }(*this, refused));
    const auto drained = loop.run(transport->drain(1s));
    EXPECT_EQ(refused, errc::closed);
    EXPECT_TRUE(drained.complete());
}

TEST_F(Drain, that_is_cancelled_unsubscribes_at_once) {
    auto subscription = subscribe("a");
    transport->publish("a", "x");
    auto drain = [&subscription]() -> Task<> { co_await subscription.drain(); };
    Cancellable task{loop, drain()};
    loop.settle();
    task.cancel();
    loop.settle();
    EXPECT_EQ(task.failure(), errc::cancelled);
    transport->publish("a", "y");
    EXPECT_EQ(mailbox->counters().received, 1u);
}

TEST_F(Drain, that_is_cancelled_between_two_waits_says_so_in_our_words) {
    const auto first = subscribe("a");
    const auto second = subscribe("b");
    transport->publish("a", "x");
    transport->publish("b", "x");
    auto drain = [this]() -> Task<> { co_await transport->drain(); };
    Cancellable task{loop, drain()};
    loop.settle();
    mailbox->pop_message();
    mailbox->pop_message(); // the first reader has finished: the wait for it is over, but not resumed yet
    task.cancel();
    loop.settle();
    EXPECT_EQ(task.failure(), errc::cancelled);
    EXPECT_FALSE(transport->connected());
}

TEST_F(Drain, goes_with_its_event_loop) {
    auto gone = std::make_unique<VirtualLoop>();
    const auto other = std::make_shared<InProc>(bus);
    gone->run(other->connect());
    const auto inlet = mailbox->add_inlet({});
    const auto subscription = gone->run(other->subscribe("a", inlet));
    transport->publish("a", "x");
    auto drain = [](std::shared_ptr<InProc> drained) -> Task<> { co_await drained->drain(); };
    gone->spawn(drain(other));
    gone->settle();
    gone.reset(); // the sanitizer sees that nothing of it is left
    while (mailbox->pop_message()) {
    }
}

TEST_F(Drain, of_what_is_gone_already_is_complete) {
    Subscription none;
    EXPECT_TRUE(loop.run(none.drain()).complete());
    auto subscription = subscribe("a");
    loop.run(transport->close());
    EXPECT_TRUE(loop.run(subscription.drain()).complete());
}

} // namespace
} // namespace fluxmq
