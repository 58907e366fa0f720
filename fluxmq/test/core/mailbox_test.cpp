// SPDX-License-Identifier: MIT
#include <fluxmq/mailbox.hpp>

#include "support.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <cstring>
#include <random>
#include <thread>

namespace fluxmq {
namespace {

using test::balanced;
using test::Cancellable;
using test::drain;
using test::message;
using test::offer;
using test::VirtualLoop;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

MailboxLimits at_most(std::size_t messages, Overflow overflow) {
    return {.messages = messages, .overflow = overflow};
}

MailboxLimits at_most_bytes(std::size_t bytes, Overflow overflow) {
    return {.bytes = bytes, .overflow = overflow};
}

Message of_size(std::size_t size) { return message(std::string(size, 'x')); }

// --- idle ----------------------------------------------------------------------------------------------------

TEST(Mailbox, an_inlet_is_idle_when_its_reader_comes_back_whatever_waits_in_others) {
    VirtualLoop loop;
    const auto mailbox = Mailbox::create();
    const auto a = mailbox->add_inlet({});
    const auto b = mailbox->add_inlet({});
    int idle = 0;
    EXPECT_TRUE(offer(*a, "a") && offer(*b, "b"));
    a->when_idle([&] { ++idle; });
    EXPECT_TRUE(loop.run(mailbox->wait()));
    EXPECT_EQ(mailbox->pop_message()->message.text(), "a");
    EXPECT_EQ(a->pending(), 1u) << "the reader is at it";
    EXPECT_EQ(idle, 0);
    EXPECT_TRUE(loop.run(mailbox->wait()));
    EXPECT_EQ(idle, 1);
    EXPECT_EQ(a->pending(), 0u);
    EXPECT_EQ(b->pending(), 1u);
}

TEST(Mailbox, a_reader_that_waits_in_its_own_coroutine_looks_and_is_woken) {
    VirtualLoop loop;
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet({});
    EXPECT_EQ(mailbox->look(), Mailbox::Look::nothing);
    EXPECT_TRUE(offer(*inlet, "a"));
    loop.run(mailbox->woken());
    EXPECT_EQ(mailbox->look(), Mailbox::Look::something);
    mailbox->close();
    EXPECT_EQ(mailbox->look(), Mailbox::Look::something);
    EXPECT_THAT(drain(*mailbox), ElementsAre("a"));
    EXPECT_EQ(mailbox->look(), Mailbox::Look::closed);
}

TEST(Mailbox, inlets_come_and_go_in_any_order_and_stay_in_its_counters) {
    const auto mailbox = Mailbox::create();
    std::vector<std::shared_ptr<Inlet>> inlets;
    for (int i = 0; i < 4; ++i)
        EXPECT_TRUE(offer(*inlets.emplace_back(mailbox->add_inlet({})), "x"));
    for (const int gone : {1, 0, 3, 2}) {
        inlets[static_cast<std::size_t>(gone)].reset();
        EXPECT_EQ(mailbox->counters().received, 4u);
    }
    EXPECT_EQ(mailbox->counters().dropped.closed, 4u);
    EXPECT_EQ(mailbox->counters().pending, 0u);
}

TEST(Mailbox, who_waits_for_an_idle_inlet_is_told_at_once_or_when_what_waits_is_dropped) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet({});
    int idle = 0;
    const auto count = [&] { ++idle; };
    inlet->when_idle(count);
    EXPECT_EQ(idle, 1);
    EXPECT_TRUE(offer(*inlet, "x"));
    inlet->when_idle(count);
    EXPECT_EQ(idle, 1);
    inlet->set_gate(Inlet::Gate::closed);
    EXPECT_EQ(idle, 2);
    inlet->set_gate(Inlet::Gate::open);
    EXPECT_TRUE(offer(*inlet, "x"));
    inlet->when_idle(count);
    mailbox->discard();
    EXPECT_EQ(idle, 3);
}

// --- order ---------------------------------------------------------------------------------------------------

TEST(Mailbox, messages_leave_in_the_order_of_arrival_across_inlets) {
    const auto mailbox = Mailbox::create();
    const auto a = mailbox->add_inlet({});
    const auto b = mailbox->add_inlet({});
    EXPECT_TRUE(offer(*a, "a1") && offer(*b, "b1") && offer(*b, "b2") && offer(*a, "a2"));
    EXPECT_THAT(drain(*mailbox), ElementsAre("a1", "b1", "b2", "a2"));
    EXPECT_FALSE(mailbox->pop_message());
}

TEST(Mailbox, the_control_lane_goes_first) {
    const auto mailbox = Mailbox::create();
    const auto data = mailbox->add_inlet({});
    const auto control = mailbox->add_inlet({}, nullptr, Lane::control);
    EXPECT_TRUE(offer(*data, "d1") && offer(*control, "c1") && offer(*data, "d2") && offer(*control, "c2"));
    EXPECT_THAT(drain(*mailbox), ElementsAre("c1", "c2", "d1", "d2"));
}

TEST(Mailbox, posted_controls_are_popped_in_order_and_never_dropped) {
    VirtualLoop loop;
    const auto mailbox = Mailbox::create();
    std::vector<int> ran;
    for (const int i : {1, 2, 3})
        EXPECT_TRUE(mailbox->post([&ran, i]() -> Task<> {
            ran.push_back(i);
            co_return;
        }));
    while (const auto control = mailbox->pop_control())
        loop.run((*control)());
    EXPECT_THAT(ran, ElementsAre(1, 2, 3));
    EXPECT_FALSE(mailbox->pop_control());
}

TEST(Mailbox, a_delivery_names_the_inlet_by_its_user) {
    const auto mailbox = Mailbox::create();
    int mine = 0;
    const auto inlet = mailbox->add_inlet({}, &mine);
    EXPECT_EQ(inlet->user(), &mine);
    EXPECT_TRUE(offer(*inlet, "x"));
    EXPECT_EQ(mailbox->pop_message()->user, &mine);
}

TEST(Mailbox, a_delivered_message_is_the_one_that_was_offered) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet({});
    const auto sent = message("body", "a.b");
    EXPECT_TRUE(inlet->offer(Message{sent}));
    const auto delivery = mailbox->pop_message();
    EXPECT_EQ(delivery->message.topic(), "a.b");
    EXPECT_TRUE(delivery->message.payload().shares_storage_with(sent.payload()));
}

// --- overflow ------------------------------------------------------------------------------------------------

TEST(Mailbox, block_refuses_and_leaves_the_message_untouched) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet(at_most(2, Overflow::block));
    EXPECT_TRUE(offer(*inlet, "1") && offer(*inlet, "2"));
    auto third = message("3");
    EXPECT_FALSE(inlet->offer(std::move(third)));
    EXPECT_EQ(third.text(), "3"); // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(inlet->counters().received, 2u);
    EXPECT_THAT(drain(*mailbox), ElementsAre("1", "2"));
    EXPECT_TRUE(inlet->offer(std::move(third)));
}

TEST(Mailbox, block_resumes_the_publisher_once_when_half_of_it_is_free) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet(at_most(4, Overflow::block));
    for (const auto* text : {"1", "2", "3", "4"})
        EXPECT_TRUE(offer(*inlet, text));
    EXPECT_FALSE(offer(*inlet, "5"));
    int resumed = 0;
    inlet->when_ready([&] { ++resumed; });
    mailbox->pop_message();
    EXPECT_EQ(resumed, 0);
    mailbox->pop_message();
    EXPECT_EQ(resumed, 1);
    drain(*mailbox);
    EXPECT_EQ(resumed, 1);
}

TEST(Mailbox, when_ready_resumes_at_once_when_there_is_room) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet(at_most(1, Overflow::block));
    bool resumed = false;
    inlet->when_ready([&] { resumed = true; });
    EXPECT_TRUE(resumed);
}

TEST(Mailbox, block_with_room_for_one_resumes_when_it_is_empty) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet(at_most(1, Overflow::block));
    EXPECT_TRUE(offer(*inlet, "1"));
    bool resumed = false;
    inlet->when_ready([&] { resumed = true; });
    EXPECT_FALSE(resumed);
    mailbox->pop_message();
    EXPECT_TRUE(resumed);
}

TEST(Mailbox, a_publisher_refused_for_bytes_is_resumed_only_when_its_message_fits) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet(at_most_bytes(100, Overflow::block));
    EXPECT_TRUE(inlet->offer(of_size(40)) && inlet->offer(of_size(40)));
    EXPECT_FALSE(inlet->offer(of_size(80)));
    bool resumed = false;
    inlet->when_ready([&] { resumed = true; });
    EXPECT_FALSE(resumed); // two of many messages, but 80 of 100 bytes
    mailbox->pop_message();
    EXPECT_FALSE(resumed); // 40 bytes are half, but 80 more do not fit
    mailbox->pop_message();
    EXPECT_TRUE(resumed);
    EXPECT_TRUE(inlet->offer(of_size(80)));
}

TEST(Mailbox, drop_oldest_keeps_the_latest_and_counts) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet(at_most(2, Overflow::drop_oldest));
    const auto other = mailbox->add_inlet({});
    EXPECT_TRUE(offer(*inlet, "1") && offer(*other, "o") && offer(*inlet, "2") && offer(*inlet, "3"));
    EXPECT_EQ(inlet->counters().dropped.oldest, 1u);
    EXPECT_EQ(inlet->counters().received, 3u);
    EXPECT_THAT(drain(*mailbox), ElementsAre("o", "2", "3"));
}

TEST(Mailbox, drop_newest_keeps_the_earliest_and_counts) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet(at_most(2, Overflow::drop_newest));
    EXPECT_TRUE(offer(*inlet, "1") && offer(*inlet, "2") && offer(*inlet, "3"));
    EXPECT_EQ(inlet->counters().dropped.newest, 1u);
    EXPECT_THAT(drain(*mailbox), ElementsAre("1", "2"));
}

TEST(Mailbox, fail_drops_counts_and_tells_the_reader) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet(at_most(1, Overflow::fail));
    EXPECT_TRUE(offer(*inlet, "1") && offer(*inlet, "2") && offer(*inlet, "3"));
    EXPECT_EQ(inlet->counters().dropped.failed, 2u);
    EXPECT_EQ(inlet->take_failures(), 2u);
    EXPECT_EQ(inlet->take_failures(), 0u);
    EXPECT_EQ(inlet->counters().dropped.failed, 2u); // what was told still counts
    EXPECT_THAT(drain(*mailbox), ElementsAre("1"));
}

TEST(Mailbox, new_limits_apply_from_the_next_message_on) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet(at_most(3, Overflow::drop_newest));
    EXPECT_TRUE(offer(*inlet, "1") && offer(*inlet, "2") && offer(*inlet, "3"));
    inlet->set_limits(at_most(2, Overflow::drop_oldest));
    EXPECT_EQ(inlet->counters().pending, 3u);
    EXPECT_TRUE(offer(*inlet, "4"));
    EXPECT_THAT(drain(*mailbox), ElementsAre("3", "4"));
    EXPECT_EQ(inlet->counters().dropped.oldest, 2u);
}

TEST(Mailbox, one_full_inlet_does_not_narrow_another) {
    const auto mailbox = Mailbox::create();
    const auto full = mailbox->add_inlet(at_most(1, Overflow::block));
    const auto open = mailbox->add_inlet(at_most(1, Overflow::block));
    EXPECT_TRUE(offer(*full, "1"));
    EXPECT_FALSE(offer(*full, "2"));
    EXPECT_TRUE(offer(*open, "3"));
}

// --- bytes ---------------------------------------------------------------------------------------------------

TEST(Mailbox, bytes_are_limited_too) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet(at_most_bytes(100, Overflow::drop_newest));
    EXPECT_TRUE(inlet->offer(of_size(60)) && inlet->offer(of_size(40)) && inlet->offer(of_size(1)));
    EXPECT_EQ(inlet->counters().pending_bytes, 100u);
    EXPECT_EQ(inlet->counters().dropped.newest, 1u);
    mailbox->pop_message();
    EXPECT_EQ(inlet->counters().pending_bytes, 40u);
    drain(*mailbox);
    EXPECT_EQ(inlet->counters().pending_bytes, 0u);
}

TEST(Mailbox, drop_oldest_makes_as_much_room_as_the_message_needs) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet(at_most_bytes(100, Overflow::drop_oldest));
    EXPECT_TRUE(inlet->offer(of_size(30)) && inlet->offer(of_size(30)) && inlet->offer(of_size(30)));
    EXPECT_TRUE(inlet->offer(of_size(70)));
    EXPECT_EQ(inlet->counters().dropped.oldest, 2u);
    EXPECT_EQ(inlet->counters().pending, 2u);
    EXPECT_EQ(inlet->counters().pending_bytes, 100u);
}

TEST(Mailbox, a_message_larger_than_the_limit_is_taken_by_an_empty_inlet) {
    for (const auto overflow :
         {Overflow::block, Overflow::drop_oldest, Overflow::drop_newest, Overflow::fail}) {
        const auto mailbox = Mailbox::create();
        const auto inlet = mailbox->add_inlet(at_most_bytes(10, overflow));
        EXPECT_TRUE(inlet->offer(of_size(1000)));
        EXPECT_EQ(inlet->counters().pending, 1u);
        EXPECT_EQ(inlet->counters().dropped.total(), 0u);
    }
}

TEST(Mailbox, a_small_slice_is_charged_what_it_pins) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet({});
    const auto buffer = Bytes::copy(std::string(1000, 'x'));
    EXPECT_TRUE(inlet->offer(Message{Bytes::unowned("t"), buffer.slice(0, 1)}));
    EXPECT_EQ(inlet->counters().pending_bytes, 1000u);
}

TEST(Mailbox, slices_of_one_buffer_are_charged_once_until_the_last_of_them_leaves) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet({});
    const auto buffer = Bytes::copy(std::string(1000, 'x'));
    for (std::size_t i = 0; i < 3; ++i)
        EXPECT_TRUE(inlet->offer(Message{Bytes::unowned("t"), buffer.slice(i, 1)}));
    EXPECT_TRUE(inlet->offer(of_size(50)));
    EXPECT_EQ(inlet->counters().pending_bytes, 1050u);
    mailbox->pop_message();
    mailbox->pop_message();
    EXPECT_EQ(inlet->counters().pending_bytes, 1050u);
    mailbox->pop_message();
    EXPECT_EQ(inlet->counters().pending_bytes, 50u);
    mailbox->pop_message();
    EXPECT_EQ(inlet->counters().pending_bytes, 0u);
}

TEST(Mailbox, slices_of_one_buffer_fit_into_a_limit_that_the_buffer_fits) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet(at_most_bytes(1000, Overflow::drop_newest));
    const auto buffer = Bytes::copy(std::string(1000, 'x'));
    for (std::size_t i = 0; i < 100; ++i)
        EXPECT_TRUE(inlet->offer(Message{Bytes::unowned("t"), buffer.slice(i, 10)}));
    EXPECT_EQ(inlet->counters().pending, 100u);
    EXPECT_TRUE(inlet->offer(of_size(1)));
    EXPECT_EQ(inlet->counters().dropped.newest, 1u);
}

TEST(Mailbox, each_inlet_is_charged_for_a_buffer_of_its_own_slices) {
    const auto mailbox = Mailbox::create();
    const auto a = mailbox->add_inlet({});
    const auto b = mailbox->add_inlet({});
    const auto buffer = Bytes::copy(std::string(100, 'x'));
    EXPECT_TRUE(a->offer(Message{Bytes::unowned("t"), buffer.slice(0, 1)}));
    EXPECT_TRUE(b->offer(Message{Bytes::unowned("t"), buffer.slice(1, 1)}));
    EXPECT_EQ(mailbox->counters().pending_bytes, 200u);
}

// --- gates and close -----------------------------------------------------------------------------------------

TEST(Mailbox, a_gate_that_is_not_open_drops_what_arrives_and_says_why) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet({});
    inlet->set_gate(Inlet::Gate::not_started);
    EXPECT_TRUE(offer(*inlet, "1"));
    inlet->set_gate(Inlet::Gate::closed);
    EXPECT_TRUE(offer(*inlet, "2") && offer(*inlet, "3"));
    inlet->set_gate(Inlet::Gate::open);
    EXPECT_TRUE(offer(*inlet, "4"));
    EXPECT_EQ(inlet->counters().dropped.not_started, 1u);
    EXPECT_EQ(inlet->counters().dropped.closed, 2u);
    EXPECT_THAT(drain(*mailbox), ElementsAre("4"));
    EXPECT_TRUE(balanced(inlet->counters()));
}

TEST(Mailbox, shutting_a_gate_drops_what_waits_as_closed_and_lets_publishers_go_on) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet(at_most(2, Overflow::block));
    const auto other = mailbox->add_inlet({});
    EXPECT_TRUE(offer(*inlet, "1") && offer(*other, "o") && offer(*inlet, "2"));
    bool resumed = false;
    inlet->when_ready([&] { resumed = true; });
    inlet->set_gate(Inlet::Gate::not_started);
    EXPECT_TRUE(resumed);
    EXPECT_EQ(inlet->counters().dropped.closed, 2u);
    EXPECT_EQ(inlet->counters().pending_bytes, 0u);
    EXPECT_THAT(drain(*mailbox), ElementsAre("o"));
}

TEST(Mailbox, closed_it_takes_nothing_in_and_what_waits_can_be_popped) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet({});
    EXPECT_TRUE(offer(*inlet, "1"));
    EXPECT_TRUE(mailbox->post([]() -> Task<> { co_return; }));
    mailbox->close();
    mailbox->close();
    EXPECT_TRUE(offer(*inlet, "2"));
    EXPECT_FALSE(mailbox->post([]() -> Task<> { co_return; }));
    EXPECT_TRUE(mailbox->pop_control());
    EXPECT_THAT(drain(*mailbox), ElementsAre("1"));
    EXPECT_EQ(mailbox->counters().dropped.closed, 1u);
}

TEST(Mailbox, an_inlet_of_a_closed_mailbox_is_closed_whatever_its_gate_is_told) {
    const auto mailbox = Mailbox::create();
    const auto early = mailbox->add_inlet({});
    EXPECT_TRUE(offer(*early, "kept"));
    mailbox->close();
    const auto late = mailbox->add_inlet({});
    for (const auto& inlet : {early, late}) {
        inlet->set_gate(Inlet::Gate::open);
        EXPECT_TRUE(offer(*inlet, "x"));
        EXPECT_EQ(inlet->counters().dropped.closed, 1u);
    }
    EXPECT_THAT(drain(*mailbox), ElementsAre("kept"));
}

TEST(Mailbox, closing_lets_waiting_publishers_go_on) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet(at_most(1, Overflow::block));
    EXPECT_TRUE(offer(*inlet, "1"));
    bool resumed = false;
    inlet->when_ready([&] { resumed = true; });
    mailbox->close();
    EXPECT_TRUE(resumed);
    EXPECT_TRUE(offer(*inlet, "2"));
}

// --- wait ----------------------------------------------------------------------------------------------------

TEST(Mailbox, wait_ends_with_a_message_a_control_or_the_end) {
    VirtualLoop loop;
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet({});
    EXPECT_TRUE(offer(*inlet, "1"));
    EXPECT_TRUE(loop.run(mailbox->wait()));
    EXPECT_TRUE(loop.run(mailbox->wait())); // it is still there
    drain(*mailbox);
    EXPECT_TRUE(mailbox->post([]() -> Task<> { co_return; }));
    EXPECT_TRUE(loop.run(mailbox->wait()));
    mailbox->pop_control();
    EXPECT_TRUE(offer(*inlet, "2"));
    mailbox->close();
    EXPECT_TRUE(loop.run(mailbox->wait())); // closed, but something is left
    drain(*mailbox);
    EXPECT_FALSE(loop.run(mailbox->wait()));
}

TEST(Mailbox, each_way_in_wakes_a_waiting_reader) {
    VirtualLoop loop;
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet({});
    const std::function<void()> ways[] = {[&] { EXPECT_TRUE(offer(*inlet, "x")); },
                                          [&] { mailbox->post([]() -> Task<> { co_return; }); },
                                          [&] { mailbox->close(); }};
    for (const auto& way : ways) {
        std::optional<bool> more;
        loop.spawn(
            [](Mailbox& m, std::optional<bool>& out) -> Task<> { out = co_await m.wait(); }(*mailbox, more));
        loop.settle();
        EXPECT_EQ(more, std::nullopt);
        way();
        loop.settle();
        EXPECT_EQ(more, &way != &ways[2]);
        drain(*mailbox);
        mailbox->pop_control();
    }
}

TEST(Mailbox, a_cancelled_wait_loses_nothing) {
    VirtualLoop loop;
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet({});
    Cancellable wait{loop, [](Mailbox& m) -> Task<> { co_await m.wait(); }(*mailbox)};
    loop.settle();
    boost::asio::post(loop.context(), [&] {
        wait.cancel();
        EXPECT_TRUE(offer(*inlet, "1")); // while the cancellation is on its way
    });
    loop.settle();
    EXPECT_EQ(wait.failure(), errc::cancelled);
    EXPECT_TRUE(loop.run(mailbox->wait()));
    EXPECT_THAT(drain(*mailbox), ElementsAre("1"));
    EXPECT_THROW(loop.run(mailbox->wait()), std::logic_error); // waits again
}

TEST(Mailbox, discard_drops_messages_and_controls_that_wait) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet({});
    const auto held = std::make_shared<int>(1);
    EXPECT_TRUE(offer(*inlet, "1") && offer(*inlet, "2"));
    EXPECT_TRUE(mailbox->post([held]() -> Task<> { co_return; }));
    mailbox->discard();
    EXPECT_EQ(held.use_count(), 1);
    EXPECT_FALSE(mailbox->pop_control());
    EXPECT_FALSE(mailbox->pop_message());
    EXPECT_TRUE(offer(*inlet, "3"));
    EXPECT_EQ(mailbox->counters().dropped.closed, 3u);
    EXPECT_TRUE(balanced(mailbox->counters()));
}

// --- counters and lifetime -----------------------------------------------------------------------------------

TEST(Mailbox, an_inlet_destroyed_with_waiting_messages_drops_them_as_closed) {
    const auto mailbox = Mailbox::create();
    auto inlet = mailbox->add_inlet({});
    const auto other = mailbox->add_inlet({});
    const auto payload = Bytes::copy("held");
    EXPECT_TRUE(offer(*inlet, "1") && offer(*other, "o"));
    EXPECT_TRUE(inlet->offer(Message{Bytes::unowned("t"), payload}));
    inlet.reset();
    EXPECT_EQ(mailbox->counters().received, 3u);
    EXPECT_EQ(mailbox->counters().dropped.closed, 2u);
    EXPECT_THAT(drain(*mailbox), ElementsAre("o"));
    EXPECT_TRUE(balanced(mailbox->counters()));
}

TEST(Mailbox, an_inlet_keeps_its_mailbox_alive) {
    auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet({});
    const std::weak_ptr<Mailbox> weak = mailbox;
    mailbox.reset();
    EXPECT_FALSE(weak.expired());
    EXPECT_TRUE(offer(*inlet, "1"));
    EXPECT_EQ(inlet->counters().pending, 1u);
}

TEST(Mailbox, every_message_is_accounted_for_under_any_sequence) {
    std::mt19937 random{42};
    const auto mailbox = Mailbox::create();
    std::vector<std::shared_ptr<Inlet>> inlets;
    std::uint64_t taken = 0;
    std::uint64_t popped = 0;
    auto buffer = Bytes::copy(std::string(64, 'b'));
    for (int step = 0; step < 20'000; ++step) {
        const auto what = random() % 100;
        if (inlets.size() < 4 && what < 10) {
            const auto overflow = static_cast<Overflow>(random() % 4);
            inlets.push_back(mailbox->add_inlet(
                {.messages = 1 + random() % 8, .bytes = 20 + random() % 200, .overflow = overflow}, nullptr,
                random() % 3 ? Lane::data : Lane::control));
        }
        if (inlets.empty())
            continue;
        const auto at = random() % inlets.size();
        auto& inlet = *inlets[at];
        if (what < 60) {
            auto payload =
                random() % 2 ? buffer.slice(random() % 64, 8) : Bytes::copy(std::string(random() % 90, 'x'));
            taken += inlet.offer(Message{Bytes::unowned("t"), std::move(payload)});
        } else if (what < 90) {
            popped += mailbox->pop_message() != nullptr;
        } else if (what < 95) {
            inlet.set_gate(static_cast<Inlet::Gate>(random() % 3));
        } else if (what < 97) {
            inlet.set_limits({.messages = 1 + random() % 8, .overflow = static_cast<Overflow>(random() % 4)});
        } else if (what < 98) {
            inlets.erase(inlets.begin() + static_cast<std::ptrdiff_t>(at));
        } else {
            buffer = Bytes::copy(std::string(64, 'b'));
        }
        const auto counters = mailbox->counters();
        ASSERT_TRUE(balanced(counters)) << "step " << step;
        ASSERT_EQ(counters.received, taken);
        ASSERT_EQ(counters.delivered, popped);
    }
    while (mailbox->pop_message())
        ++popped;
    EXPECT_EQ(mailbox->counters().pending, 0u);
    EXPECT_EQ(mailbox->counters().pending_bytes, 0u);
    EXPECT_EQ(mailbox->counters().delivered, popped);
}

TEST(Mailbox, takes_messages_from_many_threads_in_the_order_of_each) {
    constexpr int producers = 4;
    constexpr int each = 2000;
    boost::asio::io_context context;
    const auto mailbox = Mailbox::create();
    std::vector<int> next(producers, 0);
    bool in_order = true;
    boost::asio::co_spawn(
        context,
        [](Mailbox& m, std::vector<int>& expected, bool& ordered) -> Task<> {
            while (co_await m.wait())
                while (const auto delivery = m.pop_message()) {
                    auto& mine = *static_cast<int*>(delivery->user);
                    ordered = ordered && delivery->message.text() == std::to_string(mine);
                    if (++mine == each &&
                        std::all_of(expected.begin(), expected.end(), [](int n) { return n == each; }))
                        m.close();
                }
        }(*mailbox, next, in_order),
        [](std::exception_ptr) {});
    std::vector<std::shared_ptr<Inlet>> inlets;
    for (auto& mine : next)
        inlets.push_back(mailbox->add_inlet(at_most(64, Overflow::block), &mine));
    std::vector<std::thread> threads;
    for (const auto& inlet : inlets)
        threads.emplace_back([&inlet] {
            for (int i = 0; i < each; ++i) {
                auto one = message(std::to_string(i));
                while (!inlet->offer(std::move(one))) {
                    const auto ready = std::make_shared<std::atomic<bool>>(false);
                    inlet->when_ready([ready] {
                        *ready = true;
                        ready->notify_one();
                    });
                    ready->wait(false);
                }
            }
        });
    context.run();
    for (auto& thread : threads)
        thread.join();
    EXPECT_TRUE(in_order);
    EXPECT_THAT(next, ::testing::Each(each));
    EXPECT_EQ(mailbox->counters().delivered, std::uint64_t{producers * each});
    EXPECT_TRUE(balanced(mailbox->counters()));
}

TEST(Mailbox, may_be_opened_shut_and_closed_while_other_threads_offer) {
    const auto mailbox = Mailbox::create();
    const auto inlet = mailbox->add_inlet(at_most(8, Overflow::drop_oldest));
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int p = 0; p < 2; ++p)
        threads.emplace_back([&] {
            while (!stop)
                EXPECT_TRUE(offer(*inlet, "x"));
        });
    for (int i = 0; i < 500; ++i) {
        inlet->set_gate(static_cast<Inlet::Gate>(i % 3));
        mailbox->pop_message();
        EXPECT_TRUE(balanced(mailbox->counters()));
        mailbox->add_inlet({});
    }
    mailbox->close();
    stop = true;
    for (auto& thread : threads)
        thread.join();
    drain(*mailbox);
    EXPECT_TRUE(balanced(mailbox->counters()));
    EXPECT_EQ(mailbox->counters().pending, 0u);
}

} // namespace
} // namespace fluxmq
