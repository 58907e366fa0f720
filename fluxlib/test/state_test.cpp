// SPDX-License-Identifier: MIT
#include <fluxlib/state.hpp>

#include <gtest/gtest.h>

namespace fluxlib {
namespace {

namespace json = boost::json;

TEST(state_slice, get_gives_the_value_or_the_default) {
    StateSlice state{{}, "counter"};
    EXPECT_TRUE(state.get("count").is_null());
    EXPECT_EQ(state.get("count", 7), json::value(7));
    state.set("count", 1);
    EXPECT_EQ(state.get("count", 7), json::value(1));
}

TEST(state_slice, set_replaces) {
    StateSlice state;
    state.set("k", 1);
    state.set("k", "two");
    EXPECT_EQ(state.get("k"), json::value("two"));
}

TEST(state_slice, erase_removes_and_says_whether_it_was_there) {
    StateSlice state{{{"k", 1}}, "p"};
    EXPECT_TRUE(state.erase("k"));
    EXPECT_FALSE(state.erase("k"));
    EXPECT_TRUE(state.get("k").is_null());
}

TEST(state_slice, initial_values_are_keys_under_the_prefix) {
    const StateSlice state{{{"counter", 0}, {"last", nullptr}}, "my-node"};
    EXPECT_EQ(state.get("counter"), json::value(0));
    EXPECT_EQ(state.slice("").get("my-node/counter"), json::value(0));
}

TEST(state_slice, slices_made_from_one_another_share_one_store) {
    StateSlice parent{{}, "my-node"};
    auto child = parent.slice("my-node/child");
    child.set("k", 1);
    EXPECT_EQ(parent.get("child/k"), json::value(1));
    parent.set("child/k", 2);
    EXPECT_EQ(child.get("k"), json::value(2));
}

TEST(state_slice, slices_made_apart_share_nothing) {
    StateSlice a;
    const StateSlice b;
    a.set("k", 1);
    EXPECT_TRUE(b.get("k").is_null());
}

TEST(state_slice, reset_clears_its_own_prefix_only_and_stays_attached) {
    StateSlice a{{{"k", 1}, {"l", 2}}, "a"};
    auto b = a.slice("b");
    auto ab = a.slice("ab"); // a prefix of letters, not of keys
    b.set("k", 3);
    ab.set("k", 4);
    a.reset();
    EXPECT_TRUE(a.get_all_with_prefix().empty());
    EXPECT_EQ(b.get("k"), json::value(3));
    EXPECT_EQ(ab.get("k"), json::value(4));
    a.set("k", 5);
    EXPECT_EQ(b.slice("a").get("k"), json::value(5));
}

TEST(state_slice, get_all_with_prefix_gives_its_keys_without_the_prefix) {
    StateSlice a{{{"x", 1}, {"y", 2}}, "a"};
    a.slice("b").set("z", 3);
    EXPECT_EQ(a.get_all_with_prefix(), (json::object{{"x", 1}, {"y", 2}}));
    EXPECT_EQ(a.slice("").get_all_with_prefix(), (json::object{{"a/x", 1}, {"a/y", 2}, {"b/z", 3}}));
}

} // namespace
} // namespace fluxlib
