// SPDX-License-Identifier: MIT
#include <fluxmq/status.hpp>

#include <gtest/gtest.h>

namespace fluxmq {
namespace {

TEST(Status, strings_are_those_of_the_protocol) {
    const Status status;
    EXPECT_EQ(status.starting(), "STARTING");
    EXPECT_EQ(status.connected(), "CONNECTED");
    EXPECT_EQ(status.ready(), "READY");
    EXPECT_EQ(status.active(), "ACTIVE");
    EXPECT_EQ(status.paused(), "PAUSED");
    EXPECT_EQ(status.error(), "ERROR");
    EXPECT_EQ(status.stopping(), "STOPPING");
    EXPECT_EQ(status.stopped(), "STOPPED");
}

TEST(Status, strings_are_overridden_by_derivation) {
    struct Mine : Status {
        std::string ready() const override { return "bereit"; }
    };
    const Mine mine;
    const Status& status = mine;
    EXPECT_EQ(status.ready(), "bereit");
    EXPECT_EQ(status.active(), "ACTIVE");
}

} // namespace
} // namespace fluxmq
