// SPDX-License-Identifier: MIT
#include <fluxmq/testing/virtual_loop.hpp>
#include <fluxmq/wakeup.hpp>

#include "support.hpp"

#include <gmock/gmock.h>

namespace fluxmq::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

Task<> log_after(VirtualLoop& loop, std::vector<std::string>& log, Clock::duration pause, std::string name) {
    co_await loop.clock()->sleep_for(pause);
    log.push_back(name);
}

TEST(VirtualLoop, gives_the_result_of_the_task_or_throws_what_it_threw) {
    VirtualLoop loop;
    EXPECT_EQ(loop.run([]() -> Task<int> { co_return 7; }()), 7);
    EXPECT_EQ(*loop.run([]() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(8); }()), 8);
    EXPECT_THROW(loop.run([]() -> Task<> {
        throw std::out_of_range{"x"};
        co_return;
    }()),
                 std::out_of_range);
    EXPECT_EQ(loop.run([]() -> Task<int> { co_return 9; }()), 9); // and goes on
}

TEST(VirtualLoop, hours_pass_at_once_and_in_the_same_order_at_every_run) {
    std::vector<std::string> first;
    for (int round = 0; round < 3; ++round) {
        VirtualLoop loop;
        std::vector<std::string> log;
        loop.spawn(log_after(loop, log, 2h, "two"));
        loop.spawn(log_after(loop, log, 1h, "one"));
        loop.spawn(log_after(loop, log, 2h, "two again"));
        loop.run(log_after(loop, log, 3h, "three"));
        EXPECT_THAT(log, ElementsAre("one", "two", "two again", "three"));
    }
}

TEST(VirtualLoop, settle_lets_no_time_pass) {
    VirtualLoop loop;
    const auto start = loop.clock()->now();
    std::vector<std::string> log;
    loop.spawn(log_after(loop, log, 0s, "now"));
    loop.spawn(log_after(loop, log, 1ns, "later"));
    loop.settle();
    EXPECT_TRUE(log.empty()); // even a sleep of no time needs the clock to move
    loop.advance(0s);
    EXPECT_THAT(log, ElementsAre("now"));
    EXPECT_EQ(loop.clock()->now(), start);
}

TEST(VirtualLoop, advance_runs_what_becomes_due_on_the_way_each_at_its_time) {
    VirtualLoop loop;
    const auto start = loop.clock()->now();
    std::vector<Clock::duration> ticks;
    loop.spawn([](VirtualLoop& l, Clock::time_point from, std::vector<Clock::duration>& out) -> Task<> {
        for (int i = 0; i < 3; ++i) {
            co_await l.clock()->sleep_for(10ms);
            out.push_back(l.clock()->now() - from);
        }
    }(loop, start, ticks));
    loop.advance(25ms);
    EXPECT_THAT(ticks, ElementsAre(10ms, 20ms));
    EXPECT_EQ(loop.clock()->now(), start + 25ms);
    loop.advance(5ms);
    EXPECT_THAT(ticks, ElementsAre(10ms, 20ms, 30ms));
}

TEST(VirtualLoop, a_task_that_can_never_end_is_an_error) {
    VirtualLoop loop;
    Wakeup never;
    EXPECT_THROW(loop.run(never.wait()), std::logic_error);
}

TEST(VirtualLoop, what_a_spawned_task_throws_ends_the_next_run) {
    VirtualLoop loop;
    loop.spawn([]() -> Task<> {
        throw std::out_of_range{"x"};
        co_return;
    }());
    EXPECT_THROW(loop.settle(), std::out_of_range);
    EXPECT_NO_THROW(loop.settle());
}

TEST(VirtualLoop, a_task_that_run_gave_up_on_may_end_later) {
    VirtualLoop loop;
    Wakeup wakeup;
    bool ended = false;
    EXPECT_THROW(loop.run([](Wakeup& w, bool& out) -> Task<int> {
        co_await w.wait();
        out = true;
        co_return 1;
    }(wakeup, ended)),
                 std::logic_error);
    wakeup.notify();
    loop.settle();
    EXPECT_TRUE(ended);
}

TEST(VirtualLoop, a_sleeping_task_ends_with_it_even_when_the_task_keeps_its_clock) {
    const auto held = std::make_shared<int>(1);
    {
        VirtualLoop loop;
        loop.spawn([](std::shared_ptr<VirtualClock> clock, std::shared_ptr<int>) -> Task<> {
            for (;;)
                co_await clock->sleep_for(1s);
        }(loop.clock(), held));
        loop.advance(10s);
        EXPECT_EQ(held.use_count(), 2);
    }
    EXPECT_EQ(held.use_count(), 1);
}

} // namespace
} // namespace fluxmq::testing
