// SPDX-License-Identifier: MIT
#include <fluxlib/lifecycle.hpp>

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace fluxlib {
namespace {

// A transition in short: its hooks, then where it ends; "-" for nothing to do, "illegal".
std::string shown(const Transition& t) {
    switch (t.kind) {
    case Transition::Kind::illegal: return "illegal";
    case Transition::Kind::nothing: return "-";
    case Transition::Kind::run: break;
    }
    std::string text;
    for (const auto& [runs, name] : {std::pair{t.runs_create, "create "}, std::pair{t.runs_start, "start "},
                                     std::pair{t.runs_stop, "stop "}, std::pair{t.runs_destroy, "destroy "}})
        text += runs ? name : "";
    return text + "> " + std::string{to_string(t.to)};
}

using enum NodeState;
using enum NodeCommand;

TEST(lifecycle, every_state_and_command_has_its_entry) {
    const std::map<NodeState, std::map<NodeCommand, std::string>> table{
        {fresh, {{init, "create > created"}, {start, "illegal"}, {stop, "-"}, {destroy, "> destroyed"}}},
        {created,
         {{init, "illegal"}, {start, "start > started"}, {stop, "-"}, {destroy, "destroy > destroyed"}}},
        {starting, {{init, "illegal"}, {start, "illegal"}, {stop, "illegal"}, {destroy, "illegal"}}},
        {started,
         {{init, "illegal"},
          {start, "illegal"},
          {stop, "stop > stopped"},
          {destroy, "stop destroy > destroyed"}}},
        {stopping, {{init, "illegal"}, {start, "illegal"}, {stop, "illegal"}, {destroy, "illegal"}}},
        {stopped,
         {{init, "illegal"}, {start, "start > started"}, {stop, "-"}, {destroy, "destroy > destroyed"}}},
        {destroyed, {{init, "illegal"}, {start, "illegal"}, {stop, "-"}, {destroy, "-"}}},
        {error,
         {{init, "illegal"}, {start, "start > started"}, {stop, "-"}, {destroy, "destroy > destroyed"}}}};
    for (const auto& [state, row] : table)
        for (const auto& [command, wanted] : row)
            EXPECT_EQ(shown(transition(state, command, true)), wanted)
                << to_string(command) << " in state " << to_string(state);
}

TEST(lifecycle, a_node_whose_on_create_failed_is_created_again_or_vanishes) {
    EXPECT_EQ(shown(transition(error, init, false)), "create > created");
    EXPECT_EQ(shown(transition(error, start, false)), "create start > started");
    EXPECT_EQ(shown(transition(error, stop, false)), "-");
    EXPECT_EQ(shown(transition(error, destroy, false)), "> destroyed");
}

TEST(lifecycle, a_state_is_readable_during_a_transition) {
    EXPECT_EQ(transition(created, start, true).through, starting);
    EXPECT_EQ(transition(started, stop, true).through, stopping);
    EXPECT_EQ(transition(started, destroy, true).through, stopping);
}

TEST(lifecycle, node_status_strings_are_those_of_python) {
    const NodeStatus status;
    EXPECT_EQ(status.created(), "created");
    EXPECT_EQ(status.started(), "started");
    EXPECT_EQ(status.stopped(), "stopped");
    EXPECT_EQ(status.destroyed(), "destroyed");
    EXPECT_EQ(status.error(), "error");
}

} // namespace
} // namespace fluxlib
