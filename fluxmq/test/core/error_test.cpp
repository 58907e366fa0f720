// SPDX-License-Identifier: MIT
#include <fluxmq/error.hpp>

#include <gtest/gtest.h>

#include <set>

namespace fluxmq {
namespace {

constexpr int first_code = static_cast<int>(errc::invalid_topic);
constexpr int last_code = static_cast<int>(errc::not_attached);

TEST(Error, every_code_has_a_name_of_its_own) {
    std::set<std::string> names;
    for (int code = first_code; code <= last_code; ++code) {
        const auto name = make_error_code(static_cast<errc>(code)).message();
        EXPECT_NE(name, "unknown error") << code;
        EXPECT_TRUE(names.insert(name).second) << name;
    }
    EXPECT_EQ(category().message(0), "unknown error");
    EXPECT_EQ(category().message(last_code + 1), "unknown error");
}

TEST(Error, its_code_compares_with_the_enumerator) {
    const Error error{errc::timeout, "no answer"};
    EXPECT_EQ(error.code(), errc::timeout);
    EXPECT_EQ(error.kind(), errc::timeout);
    EXPECT_STREQ(error.code().category().name(), "fluxmq");
}

TEST(Error, what_names_kind_detail_topic_and_the_brokers_words) {
    const Error error{errc::permission_denied, "not yours", "a.b", "Permissions Violation"};
    EXPECT_STREQ(error.what(),
                 "permission denied: not yours (topic 'a.b') (the broker says: Permissions Violation)");
    EXPECT_EQ(error.detail(), "not yours");
    EXPECT_EQ(error.topic(), "a.b");
    EXPECT_EQ(error.broker_text(), "Permissions Violation");
}

TEST(Error, what_leaves_out_what_is_empty) {
    EXPECT_STREQ((Error{errc::closed, ""}).what(), "closed");
    EXPECT_STREQ((Error{errc::closed, "it ended"}).what(), "closed: it ended");
}

TEST(Error, is_caught_as_a_system_error) {
    try {
        throw Error{errc::buffer_full, "1 MiB"};
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), errc::buffer_full);
    }
}

TEST(Error, only_what_may_pass_by_itself_is_retryable) {
    const std::set<errc> retryable{errc::not_connected, errc::connect_failed, errc::connect_timeout,
                                   errc::disconnected,  errc::timeout,        errc::no_responders,
                                   errc::buffer_full,   errc::mailbox_full};
    for (int code = first_code; code <= last_code; ++code) {
        const auto kind = static_cast<errc>(code);
        EXPECT_EQ(Error(kind, "").retryable(), retryable.contains(kind)) << make_error_code(kind).message();
    }
}

} // namespace
} // namespace fluxmq
