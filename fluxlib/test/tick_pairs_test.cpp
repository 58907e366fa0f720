// SPDX-License-Identifier: MIT
#include "tick_pairs.hpp"

#include <gtest/gtest.h>

#include <string>

namespace fluxlib {
namespace {

/// What becomes of messages: `d` with dots, `s` with slashes; a tick is the letter, another message a `-`.
std::string ticks_of(const std::string& messages) {
    TickPairs pairs;
    std::string ticks;
    for (const char message : messages)
        ticks += pairs.is_tick(message == 'd' ? TickPairs::Spelling::dots : TickPairs::Spelling::slashes)
                     ? message
                     : '-';
    return ticks;
}

TEST(TickPairs, a_pair_is_one_tick_whichever_spelling_comes_first) {
    EXPECT_EQ(ticks_of("dsdsds"), "d-d-d-");
    EXPECT_EQ(ticks_of("sdsdsd"), "s-s-s-");
}

TEST(TickPairs, each_message_is_a_tick_where_only_one_spelling_comes) {
    EXPECT_EQ(ticks_of("dddd"), "dddd");
    EXPECT_EQ(ticks_of("ssss"), "ssss");
}

TEST(TickPairs, a_message_that_is_lost_changes_no_later_pair) {
    // ds ds d. ds ds
    EXPECT_EQ(ticks_of("dsdsddsds"), "d-d-dd-d-");
    // ds ds .s ds ds: from then on it is the slashes that tick, once a pair.
    EXPECT_EQ(ticks_of("dsdssdsds"), "d-d-s-s-s");
    // Many in a row.
    EXPECT_EQ(ticks_of("dsddddsds"), "d-dddd-d-");
    EXPECT_EQ(ticks_of("dsssssdsds"), "d-ssss-s-s");
}

TEST(TickPairs, a_manager_with_the_other_spelling_costs_one_tick_at_most) {
    EXPECT_EQ(ticks_of("dddssss"), "ddd-sss");
    EXPECT_EQ(ticks_of("sssdddd"), "sss-ddd");
    EXPECT_EQ(ticks_of("dsdsssss"), "d-d-ssss");
    EXPECT_EQ(ticks_of("dsdsdddd"), "d-d-dddd");
    EXPECT_EQ(ticks_of("ddddsdsds"), "dddd-d-d-"); // one with both takes its place, in the middle of a pair
}

} // namespace
} // namespace fluxlib
