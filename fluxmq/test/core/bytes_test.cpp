// SPDX-License-Identifier: MIT
#include <fluxmq/bytes.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace fluxmq {
namespace {

Buffer buffer_with(std::string_view text, std::size_t capacity) {
    Buffer buffer{capacity};
    std::memcpy(buffer.data(), text.data(), text.size());
    return buffer;
}

TEST(Bytes, default_made_are_empty_and_own_nothing) {
    const Bytes bytes;
    EXPECT_TRUE(bytes.empty());
    EXPECT_EQ(bytes.pinned(), 0u);
    EXPECT_FALSE(bytes.shares_storage_with(bytes));
    EXPECT_EQ(bytes, Bytes::copy(""));
}

TEST(Bytes, a_copy_owns_exactly_its_size) {
    std::string text = "hello";
    const auto bytes = Bytes::copy(text);
    text = "other";
    EXPECT_EQ(bytes.view(), "hello");
    EXPECT_EQ(bytes.pinned(), 5u);
}

TEST(Bytes, unowned_bytes_refer_to_the_text_and_pin_nothing) {
    static constexpr std::string_view text = "static";
    const auto bytes = Bytes::unowned(text);
    EXPECT_EQ(bytes.data(), text.data());
    EXPECT_EQ(bytes.pinned(), 0u);
    EXPECT_FALSE(bytes.shares_storage_with(bytes));
    EXPECT_EQ(bytes.slice(1, 2).view(), "ta");
}

TEST(Bytes, copies_and_slices_share_one_storage) {
    const auto all = Bytes::copy("hello world");
    const auto copy = all;
    const auto world = all.slice(6);
    EXPECT_EQ(copy.data(), all.data());
    EXPECT_EQ(world.data(), all.data() + 6);
    EXPECT_TRUE(world.shares_storage_with(all));
    EXPECT_FALSE(world.shares_storage_with(Bytes::copy("world")));
    EXPECT_EQ(world, Bytes::copy("world"));
}

TEST(Bytes, a_slice_keeps_the_whole_storage_alive) {
    auto all = Bytes::copy("a long beginning and the end");
    const auto end = all.slice(25);
    all = {};
    EXPECT_EQ(end.view(), "end");
    EXPECT_EQ(end.pinned(), 28u);
}

TEST(Bytes, slices_are_clamped_to_what_is_there) {
    const auto bytes = Bytes::copy("abc");
    EXPECT_EQ(bytes.slice(1, 100).view(), "bc");
    EXPECT_TRUE(bytes.slice(3).empty());
    EXPECT_TRUE(bytes.slice(100, 1).empty());
    EXPECT_TRUE(Bytes{}.slice(1, 1).empty());
}

TEST(Bytes, a_moved_from_object_is_empty) {
    auto from = Bytes::copy("abc");
    const auto to = std::move(from);
    EXPECT_TRUE(from.empty()); // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(from.pinned(), 0u);
    EXPECT_EQ(to.view(), "abc");
}

TEST(Bytes, assignment_to_itself_keeps_the_bytes) {
    auto bytes = Bytes::copy("abc");
    const auto& same = bytes;
    bytes = same;
    EXPECT_EQ(bytes.view(), "abc");
}

TEST(Bytes, compact_copies_only_what_pins_more_than_twice_its_size) {
    const auto all = Bytes::copy("0123456789");
    EXPECT_TRUE(all.slice(0, 5).compact().shares_storage_with(all));
    const auto copied = all.slice(0, 4).compact();
    EXPECT_FALSE(copied.shares_storage_with(all));
    EXPECT_EQ(copied.view(), "0123");
    EXPECT_EQ(copied.pinned(), 4u);
    EXPECT_EQ(all.slice(0, 0).compact().pinned(), 0u);
}

TEST(Bytes, storage_may_be_shared_across_threads) {
    const auto bytes = Bytes::copy("shared");
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([mine = bytes] {
            for (int i = 0; i < 1000; ++i) {
                const auto part = mine.slice(0, 3);
                ASSERT_EQ(part.view(), "sha");
            }
        });
    for (auto& thread : threads)
        thread.join();
}

TEST(Bytes, several_texts_are_copied_into_one_storage) {
    const auto all = Bytes::join({"one", "", "two"});
    EXPECT_EQ(all.view(), "onetwo");
    EXPECT_EQ(all.pinned(), 6u);
    EXPECT_EQ(Bytes::join({"", ""}).pinned(), 0u);
    EXPECT_EQ(Bytes::join({}).pinned(), 0u);
}

TEST(Bytes, a_slice_of_bytes_that_are_given_away_takes_their_storage) {
    auto all = Bytes::copy("hello world");
    const auto* const data = all.data();
    const auto world = std::move(all).slice(6);
    EXPECT_EQ(world.data(), data + 6);
    EXPECT_EQ(all.pinned(), 0u); // NOLINT(bugprone-use-after-move): it is empty then
    EXPECT_TRUE(all.empty());
}

TEST(Bytes, assigned_in_all_ways_keep_what_they_refer_to) {
    const auto all = Bytes::copy("hello world");
    auto part = all.slice(0, 5);
    part = all.slice(6);
    EXPECT_EQ(part.view(), "world");
    part = all;
    EXPECT_EQ(part.view(), "hello world");
    auto& same = part;
    part = same;
    EXPECT_EQ(part.view(), "hello world");
    part = std::move(same);
    EXPECT_EQ(part.view(), "hello world");
    part = Bytes::copy("other");
    EXPECT_EQ(part.view(), "other");
    EXPECT_EQ(all.view(), "hello world");
}

// What a thread keeps for itself must not look like somebody else's.
TEST(Buffer, is_unique_when_the_references_that_other_threads_took_are_gone) {
    auto buffer = buffer_with("abcdef", 64);
    std::vector<Bytes> parts;
    for (std::size_t i = 0; i < 4; ++i)
        parts.push_back(buffer.slice(i, 1));
    std::vector<std::thread> threads;
    for (auto& part : parts)
        threads.emplace_back([mine = std::move(part)]() mutable {
            for (int i = 0; i < 1000; ++i) {
                const auto one = mine;
                const auto two = one;
                ASSERT_EQ(two.size(), 1u);
            }
            mine = {};
        });
    for (auto& thread : threads)
        thread.join();
    parts.clear();
    EXPECT_TRUE(buffer.unique());
    const auto after = buffer.slice(0, 6);
    EXPECT_EQ(after.view(), "abcdef");
    EXPECT_FALSE(buffer.unique());
}

TEST(Buffer, is_unique_again_however_many_storages_were_shared_meanwhile) {
    auto buffer = buffer_with("abcdef", 64);
    for (int round = 0; round < 100; ++round) {
        const auto cut = buffer.slice(0, 6);
        const auto copy = cut;
        std::vector<Bytes> others;
        for (int i = 0; i < 50; ++i) {
            others.push_back(Bytes::copy("other"));
            others.push_back(others.back());
        }
        EXPECT_FALSE(buffer.unique());
    }
    EXPECT_TRUE(buffer.unique());
}

TEST(Buffer, is_unique_until_bytes_are_cut_from_it_and_again_after_they_are_gone) {
    auto buffer = buffer_with("abcdef", 64);
    EXPECT_TRUE(buffer.unique());
    {
        const auto cut = buffer.slice(2, 3);
        EXPECT_EQ(cut.view(), "cde");
        EXPECT_EQ(cut.pinned(), 64u);
        EXPECT_FALSE(buffer.unique());
    }
    EXPECT_TRUE(buffer.unique());
}

TEST(Buffer, bytes_outlive_it) {
    Bytes cut;
    {
        auto buffer = buffer_with("abcdef", 64);
        cut = buffer.slice(0, 6);
        buffer = Buffer{16};
    }
    EXPECT_EQ(cut.view(), "abcdef");
}

TEST(Buffer, default_made_has_no_room) {
    Buffer buffer;
    EXPECT_EQ(buffer.capacity(), 0u);
    EXPECT_EQ(buffer.data(), nullptr);
    EXPECT_TRUE(buffer.unique());
    EXPECT_EQ(Buffer{}.slice(0, 0).view(), "");
}

} // namespace
} // namespace fluxmq
