// SPDX-License-Identifier: MIT
#include "up/output_lines.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fluxctl::up {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const OutputLines::TimePoint begin = OutputLines::TimePoint{} + 1h;

TEST(OutputLines, cuts_lines_wherever_the_pieces_end) {
    OutputLines lines;
    EXPECT_THAT(lines.add("one\ntw", begin), ElementsAre("one"));
    EXPECT_THAT(lines.add("", begin), IsEmpty());
    EXPECT_THAT(lines.add("o\n\nthree", begin), ElementsAre("two", ""));
    EXPECT_THAT(lines.finish(begin), ElementsAre("three"));
    EXPECT_THAT(lines.finish(begin), IsEmpty());
}

TEST(OutputLines, a_long_line_is_cut_off_and_costs_no_more_memory_than_that) {
    OutputLines lines;
    const std::string piece(1'000, 'x');
    for (int i = 0; i < 100; ++i)
        EXPECT_THAT(lines.add(piece, begin), IsEmpty());
    const auto cut = lines.add("\nnext\n", begin);
    ASSERT_EQ(cut.size(), 2u);
    EXPECT_EQ(cut.front().size(), OutputLines::longest + 3);
    EXPECT_TRUE(cut.front().ends_with("xxx..."));
    EXPECT_EQ(cut.back(), "next");
}

TEST(OutputLines, a_flood_is_left_out_and_counted) {
    OutputLines lines;
    std::string flood;
    for (std::uint64_t i = 0; i < OutputLines::most + 500; ++i)
        flood += "line\n";
    EXPECT_EQ(lines.next_due(), OutputLines::TimePoint::max());
    EXPECT_EQ(lines.add(flood, begin).size(), OutputLines::most);
    EXPECT_EQ(lines.take_left_out(begin), 0u); // the window is not over
    EXPECT_EQ(lines.next_due(), begin + OutputLines::window);
    EXPECT_EQ(lines.left_out(), 500u);
    EXPECT_EQ(lines.take_left_out(begin + OutputLines::window), 500u);
    EXPECT_EQ(lines.take_left_out(begin + OutputLines::window), 0u);
    EXPECT_THAT(lines.add("later\n", begin + OutputLines::window), ElementsAre("later"));
    EXPECT_EQ(lines.next_due(), OutputLines::TimePoint::max());
}

} // namespace
} // namespace fluxctl::up
