// SPDX-License-Identifier: MIT
// The program itself, as a shell would call it, against a server of its own.
#include "program.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using fluxctl::test::fluxctl;

TEST(Fluxctl, help_names_the_commands) {
    const auto help = fluxctl("--help");
    EXPECT_EQ(help.code, 0);
    EXPECT_NE(help.output.find("pub"), std::string::npos) << help.output;
}

TEST(Fluxctl, what_it_does_not_know_is_a_usage_error) {
    const auto wrong = fluxctl("fly");
    EXPECT_EQ(wrong.code, 2) << wrong.output;
    EXPECT_NE(wrong.output.find("fly"), std::string::npos) << wrong.output;
}

TEST(Fluxctl, without_a_broker_it_says_so) {
    const auto lost = fluxctl("--server nats://127.0.0.1:1 pub a b");
    EXPECT_EQ(lost.code, 3) << lost.output;
    EXPECT_NE(lost.output.find("127.0.0.1:1"), std::string::npos) << lost.output;
}

} // namespace
