// SPDX-License-Identifier: MIT
#include <fluxmq/error.hpp>

#include "line_reader.hpp"
#include "scratch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flux_stock {
namespace {

using test::Scratch;
using ::testing::ElementsAre;

TEST(LineReader, reads_batches_to_the_end) {
    const Scratch scratch;
    LineReader reader;
    reader.open(scratch.write("a.txt", "one\r\ntwo\n\nthree"));
    const auto first = reader.read(2);
    EXPECT_THAT(first.lines, ElementsAre("one", "two"));
    EXPECT_FALSE(first.at_end);
    const auto rest = reader.read(10);
    EXPECT_THAT(rest.lines, ElementsAre("", "three"));
    EXPECT_TRUE(rest.at_end);
}

TEST(LineReader, an_empty_file_has_no_lines) {
    const Scratch scratch;
    LineReader reader;
    reader.open(scratch.write("a.txt", ""));
    const auto batch = reader.read(10);
    EXPECT_TRUE(batch.lines.empty());
    EXPECT_TRUE(batch.at_end);
}

TEST(LineReader, leaves_out_what_is_too_long_and_goes_on) {
    const Scratch scratch;
    LineReader reader;
    reader.open(scratch.write("a.txt", "a\n" + std::string(3 * LineReader::longest_line, 'x') + "\nb\n" +
                                           std::string(2 * LineReader::longest_line, 'y')));
    const auto batch = reader.read(10);
    EXPECT_THAT(batch.lines, ElementsAre("a", "b"));
    EXPECT_EQ(batch.too_long, 2u);
    EXPECT_TRUE(batch.at_end);
}

TEST(LineReader, a_missing_file_and_a_folder_are_named) {
    const Scratch scratch;
    LineReader reader;
    try {
        reader.open(scratch.path("lost.txt"));
        ADD_FAILURE() << "it was opened";
    } catch (const fluxmq::Error& error) {
        EXPECT_THAT(error.what(), ::testing::HasSubstr("lost.txt"));
    }
    reader.open(scratch.path("")); // a folder opens, and cannot be read
    EXPECT_THROW(reader.read(1), fluxmq::Error);
}

} // namespace
} // namespace flux_stock
