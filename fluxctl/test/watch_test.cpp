// SPDX-License-Identifier: MIT
#include "flow/watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace fluxctl::flow {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FlowWatch : public ::testing::Test {
protected:
    FlowWatch() { write("a"); }
    ~FlowWatch() override { std::filesystem::remove(path); }

    void write(const std::string& name) const {
        std::ofstream{path} << "name: " << name << "\nservices: {s: {nodes: {n: {type: t}}}}\n";
    }

    const std::string path =
        std::filesystem::temp_directory_path() / ("flow_watch_" + std::to_string(getpid()) + ".yaml");
};

TEST_F(FlowWatch, takes_what_is_there_and_sees_no_change_in_it) {
    Watch watch{path};
    EXPECT_EQ(watch.parse().flow.name, "a");
    EXPECT_FALSE(watch.look());
    EXPECT_FALSE(watch.look());
    write("a"); // written anew, and the same
    EXPECT_FALSE(watch.look());
    EXPECT_FALSE(watch.look());
}

TEST_F(FlowWatch, a_change_counts_once_when_two_looks_see_the_same) {
    Watch watch{path};
    write("b");
    EXPECT_FALSE(watch.look());
    EXPECT_EQ(watch.parse().flow.name, "a");
    write("c"); // still being written
    EXPECT_FALSE(watch.look());
    EXPECT_TRUE(watch.look());
    EXPECT_EQ(watch.parse().flow.name, "c");
    EXPECT_FALSE(watch.look());
}

TEST_F(FlowWatch, a_change_that_is_taken_back_at_once_is_none) {
    Watch watch{path};
    write("b");
    EXPECT_FALSE(watch.look());
    write("a");
    EXPECT_FALSE(watch.look());
    EXPECT_FALSE(watch.look());
}

TEST_F(FlowWatch, a_file_that_is_gone_is_a_change_and_so_is_its_return) {
    Watch watch{path};
    std::filesystem::remove(path);
    EXPECT_FALSE(watch.look());
    EXPECT_TRUE(watch.look());
    ASSERT_EQ(watch.parse().problems.size(), 1u);
    EXPECT_THAT(watch.parse().problems.front().what, HasSubstr("cannot be read"));
    write("a");
    EXPECT_FALSE(watch.look());
    EXPECT_TRUE(watch.look());
    EXPECT_THAT(watch.parse().problems, IsEmpty());
}

TEST_F(FlowWatch, a_pipe_is_not_waited_for_and_is_no_change) {
    Watch watch{path};
    std::filesystem::remove(path);
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0); // nobody writes into it
    EXPECT_FALSE(watch.look());
    EXPECT_FALSE(watch.look());
    EXPECT_EQ(watch.parse().flow.name, "a");
    std::filesystem::remove(path);
    write("b");
    EXPECT_FALSE(watch.look());
    EXPECT_TRUE(watch.look());
}

} // namespace
} // namespace fluxctl::flow
