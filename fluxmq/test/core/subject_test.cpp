// SPDX-License-Identifier: MIT
#include <fluxmq/subject.hpp>

#include "support.hpp"

#include <gmock/gmock.h>

namespace fluxmq {
namespace {

using test::error_of;
using test::kind_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Subject, ordinary_topics_may_be_published_on) {
    for (const std::string_view topic : {"a", "a.b.c", "service.my-id.status", "node/x/event/start",
                                         "$JS.API.x", "_INBOX.1.2", "größe.µ", "a*b", "a>b.c*", "**", ">>"}) {
        EXPECT_THAT(publish_problem(topic), IsEmpty()) << topic;
        EXPECT_NO_THROW(check_publish(topic)) << topic;
        EXPECT_NO_THROW(check_subscribe(topic)) << topic;
    }
}

TEST(Subject, each_problem_is_named) {
    const std::pair<std::string_view, const char*> cases[] = {
        {"", "empty"},
        {".", "empty token"},
        {".a", "empty token"},
        {"a.", "empty token"},
        {"a..b", "empty token"},
        {"a b", "a space at byte 1"},
        {" ", "a space at byte 0"},
        {"a\tb", "control character at byte 1"},
        {"ab\r\n", "control character at byte 2"},
        {{"a\0b", 3}, "control character at byte 1"},
        {"a\x7f", "control character at byte 1"},
    };
    for (const auto& [topic, problem] : cases) {
        EXPECT_THAT(publish_problem(topic), HasSubstr(problem)) << topic;
        EXPECT_THAT(subscribe_problem(topic), HasSubstr(problem)) << topic;
        EXPECT_EQ(kind_of([&] { check_publish(topic); }), errc::invalid_topic) << topic;
        EXPECT_EQ(kind_of([&] { check_subscribe(topic); }), errc::invalid_topic) << topic;
    }
}

TEST(Subject, wildcards_are_for_subscriptions_only) {
    for (const std::string_view pattern : {"*", ">", "a.*", "*.a", "a.>", "a.*.b.>"}) {
        EXPECT_THAT(subscribe_problem(pattern), IsEmpty()) << pattern;
        EXPECT_THAT(publish_problem(pattern), HasSubstr("wildcard")) << pattern;
        EXPECT_EQ(kind_of([&] { check_publish(pattern); }), errc::invalid_topic) << pattern;
        EXPECT_TRUE(has_wildcard(pattern)) << pattern;
    }
    EXPECT_FALSE(has_wildcard("a.b*.>c"));
    EXPECT_FALSE(has_wildcard("a"));
}

TEST(Subject, the_full_wildcard_must_be_the_last_token) {
    EXPECT_THAT(subscribe_problem(">.a"), HasSubstr("last token"));
    EXPECT_THAT(subscribe_problem("a.>.b"), HasSubstr("last token"));
}

TEST(Subject, its_size_is_limited) {
    const std::string longest(max_subject_size, 'a');
    EXPECT_NO_THROW(check_publish(longest));
    EXPECT_NO_THROW(check_subscribe(longest));
    EXPECT_THAT(publish_problem(longest + "a"), HasSubstr("1537 bytes, more than 1536"));
    EXPECT_EQ(kind_of([&] { check_publish(longest + "a"); }), errc::invalid_topic);
}

TEST(Subject, an_error_names_the_topic_without_its_control_characters) {
    const auto error = error_of([] { check_publish("a b\r\nPUB x"); });
    EXPECT_THAT(error.what(), HasSubstr("'a b??PUB x': it has a space at byte 1"));
    const auto long_one = error_of([] { check_publish(std::string(5000, 'x')); });
    EXPECT_LT(std::string_view{long_one.what()}.size(), 200u);
}

TEST(Subject, matches_as_a_nats_server_does) {
    struct Case {
        std::string_view pattern, subject;
        bool expected;
    };
    const Case cases[] = {
        {"a", "a", true},          {"a", "b", false},        {"a", "a.b", false},   {"a.b", "a", false},
        {"a.b", "a.b", true},      {"a.b", "a.c", false},    {"*", "a", true},      {"*", "a.b", false},
        {"*.*", "a.b", true},      {"*.*", "a", false},      {"a.*", "a.b", true},  {"a.*", "a", false},
        {"a.*", "a.b.c", false},   {"*.b", "a.b", true},     {"*.b", "a.c", false}, {"a.*.c", "a.b.c", true},
        {"a.*.c", "a.b.d", false}, {">", "a", true},         {">", "a.b.c", true},  {"a.>", "a", false},
        {"a.>", "a.b", true},      {"a.>", "a.b.c.d", true}, {"a.>", "b.c", false}, {"a.*.>", "a.b", false},
        {"a.*.>", "a.b.c", true},  {"a*", "ab", false},      {"a*", "a*", true},    {"A", "a", false},
        {"a/b", "a/b", true},      {"a/b", "a.b", false},
    };
    for (const auto& [pattern, subject, expected] : cases)
        EXPECT_EQ(matches(pattern, subject), expected) << pattern << " and " << subject;
}

} // namespace
} // namespace fluxmq
