// SPDX-License-Identifier: MIT
// The judge of the fault runs finds what it is there for.
#include "../chaos/account.hpp"
#include "../chaos/schedule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

using namespace fluxmq;
using namespace fluxmq::chaos;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

Trace trace_of(const std::vector<Number>& numbers) {
    Trace trace;
    for (const auto number : numbers)
        trace.arrived(number, 0);
    return trace;
}

} // namespace

TEST(ChaosAccount, a_trace_knows_what_is_missing_and_in_how_many_runs) {
    const auto trace = trace_of({2, 3, 6, 7, 9});
    EXPECT_EQ(trace.count(), 5u);
    EXPECT_EQ(trace.missing(0, 12), 7u);
    EXPECT_EQ(trace.missing_runs(0, 12), 4u);
    EXPECT_EQ(trace.missing_runs(2, 10), 2u);
    EXPECT_EQ(trace.first_from(0), 2u);
    EXPECT_EQ(trace.first_from(4), 6u);
    EXPECT_EQ(trace.first_from(9), 9u);
    EXPECT_EQ(trace.first_from(10), trace.end());
    EXPECT_TRUE(trace.has(6));
    EXPECT_FALSE(trace.has(5));
}

TEST(ChaosAccount, strands_are_the_fewest_increasing_sequences) {
    EXPECT_EQ(trace_of({0, 1, 2}).strands(), 1u);
    EXPECT_EQ(trace_of({0, 3, 1, 4, 2, 5}).strands(), 2u);
    EXPECT_EQ(trace_of({0, 3, 1, 4, 2, 5}).late(), 2u);
    EXPECT_EQ(trace_of({5, 3, 1}).strands(), 3u);
    EXPECT_EQ(trace_of({5, 3, 6, 4}).strands(), 2u);
}

TEST(ChaosAccount, an_unbroken_pair_loses_nothing_and_keeps_the_order) {
    EXPECT_THAT(judge(trace_of({0, 1, 2}), {.published = 3}), IsEmpty());
    EXPECT_THAT(judge(trace_of({0, 2}), {.published = 3, .calm = 3}),
                ElementsAre(HasSubstr("runs of missing messages is 1")));
    EXPECT_THAT(judge(trace_of({0, 2, 1}), {.published = 3, .old_bytes_may_come = true}),
                ElementsAre(HasSubstr("strands of order is 2")));
    EXPECT_THAT(judge(trace_of({2, 3}), {.first = 2, .published = 4, .calm = 4}), IsEmpty());
}

TEST(ChaosAccount, a_break_excuses_one_run_and_the_calm_none) {
    const Facts facts{.published = 8, .calm = 6, .publisher_breaks = 1};
    EXPECT_THAT(judge(trace_of({0, 1, 4, 5, 6, 7}), facts), IsEmpty());
    EXPECT_THAT(judge(trace_of({0, 2, 4, 5, 6, 7}), facts), ElementsAre(HasSubstr("at most 1")));
    EXPECT_THAT(judge(trace_of({0, 1, 2, 3, 4, 5, 6}), facts),
                ElementsAre(HasSubstr("that no break explains is 1")));
    EXPECT_THAT(judge(trace_of({0, 2, 1, 3, 4, 5, 6, 7}), facts), ElementsAre(HasSubstr("strands")));
    auto old = facts;
    old.old_bytes_may_come = true;
    EXPECT_THAT(judge(trace_of({0, 2, 1, 3, 4, 5, 6, 7}), old), IsEmpty());
}

TEST(ChaosAccount, nothing_comes_twice_or_from_nowhere) {
    const Facts facts{.published = 3, .publisher_breaks = 9, .old_bytes_may_come = true};
    EXPECT_THAT(judge(trace_of({0, 1, 1, 2}), facts), ElementsAre(HasSubstr("duplicates is 1")));
    EXPECT_THAT(judge(trace_of({0, 1, 2, 3}), facts), ::testing::Contains(HasSubstr("highest number")));
}

TEST(ChaosAccount, a_receiver_that_moved_may_see_again_what_it_saw_on_its_last_server) {
    Trace trace;
    trace.arrived(0, 0);
    trace.arrived(1, 0);
    trace.arrived(1, 1);
    EXPECT_EQ(trace.count(), 2u);
    EXPECT_EQ(trace.duplicates(), 0u);
    EXPECT_EQ(trace.repeated(), 1u);
    EXPECT_THAT(judge(trace, {.published = 2, .receiver_breaks = 1, .moves = true}), IsEmpty());
    EXPECT_THAT(judge(trace, {.published = 2, .receiver_breaks = 0, .moves = true}),
                ElementsAre(HasSubstr("repeated")));
    EXPECT_THAT(judge(trace, {.published = 2, .receiver_breaks = 1}), ElementsAre(HasSubstr("repeated")));
}

TEST(ChaosAccount, what_a_mailbox_dropped_has_its_policys_reason) {
    MailboxCounters counters;
    counters.received = 10;
    counters.delivered = 7;
    counters.dropped.oldest = 2;
    counters.pending = 1;
    EXPECT_THAT(judge(counters, Overflow::drop_oldest, 10, 7), IsEmpty());
    EXPECT_THAT(judge(counters, Overflow::drop_oldest, 11, 7), ElementsAre(HasSubstr("must be 11")));
    EXPECT_THAT(judge(counters, Overflow::drop_oldest, 10, 6), ElementsAre(HasSubstr("must be 6")));
    EXPECT_THAT(judge(counters, Overflow::block, 10, 7), ElementsAre(HasSubstr("dropped is 2")));
    EXPECT_THAT(judge(counters, Overflow::fail, 10, 7), ElementsAre(HasSubstr("dropped is 2")));
    counters.pending = 0;
    EXPECT_THAT(judge(counters, Overflow::drop_oldest, 10, 7), ElementsAre(HasSubstr("must be 9")));
}

TEST(ChaosAccount, each_counter_of_a_connection_is_compared) {
    TransportCounters counters;
    EXPECT_THAT(judge(counters, Traffic{}), IsEmpty());
    for (auto member :
         {&TransportCounters::published, &TransportCounters::published_bytes, &TransportCounters::rejected,
          &TransportCounters::received, &TransportCounters::received_bytes, &TransportCounters::lost,
          &TransportCounters::pending, &TransportCounters::reconnects}) {
        counters = {};
        counters.*member = 1;
        EXPECT_EQ(judge(counters, Traffic{}).size(), 1u);
    }
}

TEST(ChaosSchedule, a_seed_gives_the_same_schedule_and_another_seed_another) {
    for (const std::size_t servers : {1u, 3u}) {
        std::set<std::string> different;
        for (std::uint64_t seed = 1; seed <= 50; ++seed) {
            EXPECT_EQ(describe(make_schedule(seed, servers)), describe(make_schedule(seed, servers)));
            different.insert(describe(make_schedule(seed, servers)));
        }
        EXPECT_EQ(different.size(), 50u);
    }
}

TEST(ChaosSchedule, every_kind_of_fault_and_policy_comes_up_and_all_faults_end_in_time) {
    std::set<Fault::Kind> kinds;
    std::set<Overflow> policies;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        for (const std::size_t servers : {1u, 3u}) {
            const auto schedule = make_schedule(seed, servers);
            for (const auto& fault : schedule.faults) {
                kinds.insert(fault.kind);
                EXPECT_LE(fault.at + fault.length, schedule.length);
            }
            for (const auto& plan : schedule.plans)
                policies.insert(plan.overflow);
        }
    }
    EXPECT_EQ(kinds.size(), 11u);
    EXPECT_EQ(policies.size(), 4u);
}

TEST(ChaosSchedule, each_of_three_servers_is_killed_once_and_only_when_the_others_run) {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        std::set<std::size_t> killed;
        std::chrono::milliseconds free{0};
        for (const auto& fault : make_schedule(seed, 3).faults) {
            if (!hits_server(fault.kind))
                continue;
            EXPECT_GE(fault.at, free) << "seed " << seed;
            free = fault.at + fault.length;
            if (fault.kind == Fault::Kind::kill) {
                EXPECT_TRUE(killed.insert(fault.target).second) << "seed " << seed;
            }
        }
        EXPECT_EQ(killed.size(), 3u);
    }
}
