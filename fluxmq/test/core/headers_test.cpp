// SPDX-License-Identifier: MIT
#include <fluxmq/headers.hpp>

#include "support.hpp"

#include <gmock/gmock.h>

namespace fluxmq {
namespace {

using test::error_of;
using test::kind_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

std::vector<Headers::Entry> entries(const Headers& headers) { return {headers.begin(), headers.end()}; }

TEST(Headers, keep_their_order_and_their_repeats) {
    Headers headers{{"b", "1"}, {"a", "2"}};
    headers.add("b", "3");
    EXPECT_THAT(entries(headers), ElementsAre(Pair("b", "1"), Pair("a", "2"), Pair("b", "3")));
    EXPECT_EQ(headers.get("b"), "1");
    EXPECT_THAT(headers.all("b"), ElementsAre("1", "3"));
    EXPECT_EQ(headers.size(), 3u);
}

TEST(Headers, names_are_case_sensitive) {
    const Headers headers{{"Key", "1"}};
    EXPECT_TRUE(headers.contains("Key"));
    EXPECT_FALSE(headers.contains("key"));
    EXPECT_EQ(headers.get("key"), std::nullopt);
    EXPECT_THAT(headers.all("key"), IsEmpty());
}

TEST(Headers, set_replaces_every_value) {
    Headers headers{{"a", "1"}, {"b", "2"}, {"a", "3"}};
    headers.set("a", "4");
    EXPECT_THAT(entries(headers), ElementsAre(Pair("b", "2"), Pair("a", "4")));
}

TEST(Headers, erase_says_how_many_there_were) {
    Headers headers{{"a", "1"}, {"b", "2"}, {"a", "3"}};
    EXPECT_EQ(headers.erase("a"), 2u);
    EXPECT_EQ(headers.erase("a"), 0u);
    EXPECT_EQ(headers, (Headers{{"b", "2"}}));
}

TEST(Headers, what_cannot_be_sent_is_refused_and_changes_nothing) {
    Headers headers{{"a", "1"}};
    for (const char* name : {"", "a:b", "a b", " a", "a\r", "a\n", "a\t", "a\x7f"}) {
        EXPECT_EQ(kind_of([&] { headers.add(name, "v"); }), errc::invalid_header) << name;
        EXPECT_EQ(kind_of([&] { headers.set(name, "v"); }), errc::invalid_header) << name;
    }
    for (const char* value : {"a\rb", "a\n", "\r\nInjected: 1"}) {
        EXPECT_EQ(kind_of([&] { headers.add("n", value); }), errc::invalid_header) << value;
        EXPECT_EQ(kind_of([&] { headers.set("a", value); }), errc::invalid_header) << value;
    }
    EXPECT_EQ(headers, (Headers{{"a", "1"}}));
    EXPECT_EQ(kind_of([] { Headers{{"a:b", "1"}}; }), errc::invalid_header);
    EXPECT_THAT(error_of([&] { headers.add("bad name", "v"); }).what(), HasSubstr("'bad name'"));
}

TEST(Headers, values_may_be_empty_and_hold_colons_and_spaces) {
    const Headers headers{{"empty", ""}, {"url", "http://a: b"}};
    EXPECT_EQ(headers.get("empty"), "");
    EXPECT_EQ(headers.get("url"), "http://a: b");
}

} // namespace
} // namespace fluxmq
