// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

/// The life of a node as a table, without any I/O (docs/architecture.md, "Lifecycle").
namespace fluxlib {

enum class NodeState {
    fresh,     ///< constructed; init() has not run
    created,   ///< on_create ran, its inputs are subscribed
    starting,  ///< on_start runs
    started,   ///< gets inputs and ticks
    stopping,  ///< on_stop runs
    stopped,   ///< started before; gets nothing
    destroyed, ///< on_destroy ran
    error      ///< the hook of a transition threw
};

enum class NodeCommand { init, start, stop, destroy };

std::string_view to_string(NodeState state) noexcept;
std::string_view to_string(NodeCommand command) noexcept;

/// What a command means in a state.
struct Transition {
    enum class Kind {
        run,     ///< run the hooks below, then be in `to`
        nothing, ///< already so: a stop or destroy that has nothing left to do
        illegal  ///< an error for whoever gave the command
    };

    Kind kind = Kind::illegal;
    NodeState through = NodeState::error; ///< while the hooks run
    NodeState to =
        NodeState::error;     ///< when they succeeded, and always for `destroyed`; else NodeState::error
    bool runs_create = false; ///< the hooks, in this order
    bool runs_start = false;
    bool runs_stop = false;
    bool runs_destroy = false;

    friend bool operator==(const Transition&, const Transition&) = default;
};

/// `was_created`: whether on_create has succeeded once; it tells apart the ways into the state `error`.
Transition transition(NodeState state, NodeCommand command, bool was_created) noexcept;

/// The strings a node announces its states with (raw on the wire). Derive and override to use others.
class NodeStatus {
public:
    virtual ~NodeStatus() = default;
    virtual std::string created() const { return "created"; }
    virtual std::string started() const { return "started"; }
    virtual std::string stopped() const { return "stopped"; }
    virtual std::string destroyed() const { return "destroyed"; }
    virtual std::string error() const { return "error"; }
};

} // namespace fluxlib
