// SPDX-License-Identifier: MIT
#include <fluxmq/clock.hpp>
#include <fluxmq/testing/virtual_clock.hpp>

#include "support.hpp"

#include <gmock/gmock.h>

namespace fluxmq {
namespace {

using namespace std::chrono_literals;
using boost::asio::io_context;
using test::Cancellable;
using test::VirtualClock;
using test::VirtualLoop;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// --- the real clock ------------------------------------------------------------------------------------------

TEST(RealClock, is_one_and_never_goes_back) {
    const auto clock = Clock::real();
    EXPECT_EQ(clock, Clock::real());
    const auto before = clock->now();
    EXPECT_GE(clock->now(), before);
}

TEST(RealClock, calls_in_the_order_of_times) {
    io_context context;
    const auto clock = Clock::real();
    const auto start = clock->now();
    std::vector<int> calls;
    const auto later = clock->call_at(start + 2ms, context.get_executor(), [&] { calls.push_back(2); });
    const auto past = clock->call_at(start - 1h, context.get_executor(), [&] { calls.push_back(1); });
    EXPECT_THAT(calls, IsEmpty()); // never inside call_at
    context.run();
    EXPECT_THAT(calls, ElementsAre(1, 2));
    EXPECT_GE(clock->now(), start + 2ms);
}

TEST(RealClock, a_cancelled_or_destroyed_timer_does_not_call) {
    io_context context;
    const auto clock = Clock::real();
    bool called = false;
    auto cancelled = clock->call_at(clock->now(), context.get_executor(), [&] { called = true; });
    cancelled.cancel();
    cancelled.cancel();
    {
        const auto gone = clock->call_at(clock->now(), context.get_executor(), [&] { called = true; });
    }
    context.run();
    EXPECT_FALSE(called);
}

TEST(RealClock, a_timer_cancelled_when_its_call_is_queued_already_does_not_call) {
    io_context context;
    const auto clock = Clock::real();
    std::vector<int> calls;
    Timer second;
    const auto first = clock->call_at(clock->now() - 2h, context.get_executor(), [&] {
        calls.push_back(1);
        second.cancel();
    });
    second = clock->call_at(clock->now() - 1h, context.get_executor(), [&] { calls.push_back(2); });
    context.run();
    EXPECT_THAT(calls, ElementsAre(1));
}

TEST(RealClock, a_sleep_that_is_left_with_its_loop_leaves_nothing_behind) {
    const auto held = std::make_shared<int>(1);
    {
        io_context context;
        boost::asio::co_spawn(
            context, [](std::shared_ptr<int>) -> Task<> { co_await Clock::real()->sleep_for(1h); }(held),
            [](std::exception_ptr) {});
        context.poll();
        EXPECT_EQ(held.use_count(), 2);
    }
    EXPECT_EQ(held.use_count(), 1);
}

// --- what holds for every clock ------------------------------------------------------------------------------

// A call may move its own timer to the next time, and still use what it holds.
void expect_calls_may_arm_their_own_timer_again(const std::shared_ptr<Clock>& clock, io_context& context,
                                                const std::function<void()>& run) {
    std::vector<std::string> calls;
    Timer timer;
    std::function<void(std::string)> arm = [&](std::string name) {
        timer = clock->call_at(clock->now(), context.get_executor(), [&, name] {
            if (calls.size() < 2)
                arm(name + "'");
            calls.push_back(name);
        });
    };
    arm("a name too long for the place inside a string");
    run();
    ASSERT_EQ(calls.size(), 3u);
    EXPECT_EQ(calls.back(), "a name too long for the place inside a string''");
}

TEST(RealClock, a_call_may_arm_its_own_timer_again) {
    io_context context;
    expect_calls_may_arm_their_own_timer_again(Clock::real(), context, [&] { context.run(); });
}

TEST(VirtualClock, a_call_may_arm_its_own_timer_again) {
    VirtualLoop loop;
    expect_calls_may_arm_their_own_timer_again(loop.clock(), loop.context(), [&] { loop.advance(1ms); });
}

// --- sleeping ------------------------------------------------------------------------------------------------

TEST(Sleep, ends_at_its_time_and_not_before) {
    VirtualLoop loop;
    const auto start = loop.clock()->now();
    loop.run(loop.clock()->sleep_for(3h));
    EXPECT_EQ(loop.clock()->now(), start + 3h);
    loop.run(loop.clock()->sleep_until(start)); // long past
    EXPECT_EQ(loop.clock()->now(), start + 3h);
}

TEST(Sleep, cancelled_throws_cancelled_and_leaves_no_call) {
    VirtualLoop loop;
    Cancellable sleep{loop, loop.clock()->sleep_for(1h)};
    loop.settle();
    EXPECT_FALSE(sleep.done);
    sleep.cancel();
    loop.settle();
    EXPECT_TRUE(sleep.done);
    EXPECT_EQ(sleep.failure(), errc::cancelled);
    EXPECT_EQ(loop.clock()->next(), std::nullopt);
}

TEST(Sleep, may_be_cancelled_at_the_very_moment_it_ends) {
    VirtualLoop loop;
    Cancellable sleep{loop, loop.clock()->sleep_for(1h)};
    loop.settle();
    loop.clock()->advance_to(loop.clock()->now() + 1h);         // queues the end of the sleep
    boost::asio::post(loop.context(), [&] { sleep.cancel(); }); // runs when it has ended and not gone on
    loop.settle();
    EXPECT_TRUE(sleep.done);
    EXPECT_EQ(sleep.failure(), std::nullopt);
}

// --- the virtual clock ---------------------------------------------------------------------------------------

TEST(VirtualClock, stands_still_until_it_is_moved_and_never_goes_back) {
    VirtualClock clock;
    const auto start = clock.now();
    EXPECT_EQ(clock.now(), start);
    clock.advance_to(start + 5s);
    EXPECT_EQ(clock.now(), start + 5s);
    clock.advance_to(start);
    EXPECT_EQ(clock.now(), start + 5s);
}

TEST(VirtualClock, calls_run_in_the_order_of_times_and_of_asking) {
    VirtualLoop loop;
    const auto clock = loop.clock();
    const auto start = clock->now();
    std::vector<std::string> calls;
    std::vector<Timer> timers;
    for (const auto& [name, at] : {std::pair{"3a", 3s}, {"1a", 1s}, {"3b", 3s}, {"2", 2s}, {"1b", 1s}})
        timers.push_back(
            clock->call_at(start + at, loop.executor(), [&calls, name] { calls.push_back(name); }));
    EXPECT_EQ(clock->next(), start + 1s);
    clock->advance_to(start + 3s);
    EXPECT_THAT(calls, IsEmpty()); // handed to the loop, which has not run
    loop.settle();
    EXPECT_THAT(calls, ElementsAre("1a", "1b", "2", "3a", "3b"));
    EXPECT_EQ(clock->next(), std::nullopt);
}

TEST(VirtualClock, a_call_for_the_past_is_due_now) {
    VirtualLoop loop;
    const auto now = loop.clock()->now();
    const auto timer = loop.clock()->call_at(now - 1h, loop.executor(), [] {});
    EXPECT_EQ(loop.clock()->next(), now);
}

TEST(VirtualClock, a_cancelled_call_is_not_pending_and_does_not_run) {
    VirtualLoop loop;
    bool called = false;
    auto pending = loop.clock()->call_at(loop.clock()->now() + 1s, loop.executor(), [&] { called = true; });
    auto queued = loop.clock()->call_at(loop.clock()->now(), loop.executor(), [&] { called = true; });
    pending.cancel();
    loop.clock()->advance_to(loop.clock()->now());
    queued.cancel(); // its call is handed to the loop already
    EXPECT_EQ(loop.clock()->next(), std::nullopt);
    loop.advance(1h);
    EXPECT_FALSE(called);
}

TEST(VirtualClock, a_timer_may_outlive_its_clock) {
    Timer timer;
    {
        VirtualLoop loop;
        timer = loop.clock()->call_at(loop.clock()->now() + 1s, loop.executor(), [] {});
    }
    timer.cancel();
}

} // namespace
} // namespace fluxmq
