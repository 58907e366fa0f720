// SPDX-License-Identifier: MIT
#include <fluxlib/lifecycle.hpp>

namespace fluxlib {

std::string_view to_string(NodeState state) noexcept {
    switch (state) {
    case NodeState::fresh: return "fresh";
    case NodeState::created: return "created";
    case NodeState::starting: return "starting";
    case NodeState::started: return "started";
    case NodeState::stopping: return "stopping";
    case NodeState::stopped: return "stopped";
    case NodeState::destroyed: return "destroyed";
    case NodeState::error: return "error";
    }
    return "unknown";
}

std::string_view to_string(NodeCommand command) noexcept {
    switch (command) {
    case NodeCommand::init: return "init";
    case NodeCommand::start: return "start";
    case NodeCommand::stop: return "stop";
    case NodeCommand::destroy: return "destroy";
    }
    return "unknown";
}

namespace {

using Kind = Transition::Kind;

constexpr Transition illegal{};
constexpr Transition nothing{.kind = Kind::nothing};
constexpr Transition create{
    .kind = Kind::run, .through = NodeState::fresh, .to = NodeState::created, .runs_create = true};
constexpr Transition start{
    .kind = Kind::run, .through = NodeState::starting, .to = NodeState::started, .runs_start = true};
constexpr Transition create_and_start{.kind = Kind::run,
                                      .through = NodeState::starting,
                                      .to = NodeState::started,
                                      .runs_create = true,
                                      .runs_start = true};
constexpr Transition stop{
    .kind = Kind::run, .through = NodeState::stopping, .to = NodeState::stopped, .runs_stop = true};
constexpr Transition destroy{
    .kind = Kind::run, .through = NodeState::stopping, .to = NodeState::destroyed, .runs_destroy = true};
constexpr Transition stop_and_destroy{.kind = Kind::run,
                                      .through = NodeState::stopping,
                                      .to = NodeState::destroyed,
                                      .runs_stop = true,
                                      .runs_destroy = true};
// A node whose on_create never succeeded has nothing that on_destroy could undo.
constexpr Transition vanish{.kind = Kind::run, .through = NodeState::stopping, .to = NodeState::destroyed};

} // namespace

Transition transition(NodeState state, NodeCommand command, bool was_created) noexcept {
    switch (state) {
    case NodeState::fresh:
        switch (command) {
        case NodeCommand::init: return create;
        case NodeCommand::start: return illegal;
        case NodeCommand::stop: return nothing;
        case NodeCommand::destroy: return vanish;
        }
        break;
    case NodeState::created:
    case NodeState::stopped:
        switch (command) {
        case NodeCommand::init: return illegal;
        case NodeCommand::start: return start;
        case NodeCommand::stop: return nothing;
        case NodeCommand::destroy: return destroy;
        }
        break;
    case NodeState::started:
        switch (command) {
        case NodeCommand::init:
        case NodeCommand::start: return illegal;
        case NodeCommand::stop: return stop;
        case NodeCommand::destroy: return stop_and_destroy;
        }
        break;
    case NodeState::error:
        switch (command) {
        case NodeCommand::init: return was_created ? illegal : create;
        case NodeCommand::start: return was_created ? start : create_and_start;
        case NodeCommand::stop: return nothing;
        case NodeCommand::destroy: return was_created ? destroy : vanish;
        }
        break;
    case NodeState::destroyed:
        return command == NodeCommand::stop || command == NodeCommand::destroy ? nothing : illegal;
    case NodeState::starting:
    case NodeState::stopping: break; // commands wait in the mailbox until the transition is over
    }
    return illegal;
}

} // namespace fluxlib
