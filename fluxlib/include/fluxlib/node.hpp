// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/config.hpp>
#include <fluxlib/lifecycle.hpp>
#include <fluxlib/ports.hpp>
#include <fluxlib/state.hpp>
#include <fluxlib/supervision.hpp>
#include <fluxlib/task.hpp>
#include <fluxmq/clock.hpp>
#include <fluxmq/error.hpp>
#include <fluxmq/json.hpp>

#include <spdlog/logger.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace fluxlib {

class Service;

/// One tick. Ticks never pile up: a node that is late gets one, with the true time since the last.
struct Tick {
    fluxmq::Clock::time_point time; ///< now
    fluxmq::Clock::duration delta;  ///< since the last tick; since the start for the first
    std::uint64_t count;            ///< of this node since it started, from 1
};

/// What a hook threw.
class HookError : public fluxmq::Error {
public:
    HookError(std::string node, std::string hook, std::string topic, std::exception_ptr cause);

    const std::string& node() const noexcept { return node_; }
    const std::string& hook() const noexcept { return hook_; }
    /// The exception itself.
    const std::exception_ptr& cause() const noexcept { return cause_; }

private:
    std::string node_;
    std::string hook_;
    std::exception_ptr cause_;
};

/// What a node has done so far. Times are added up when the node has nothing more to do or lets others have their turn,
/// so not for each message; a hook that waits counts with its waiting.
struct NodeStatistics {
    fluxmq::MailboxCounters inputs = {};      ///< of all inputs
    std::uint64_t published = 0;              ///< messages, by all outputs
    std::uint64_t errors = 0;                 ///< that on_error heard of
    std::string last_error = {};              ///< the text of the last one; empty: there was none
    std::chrono::nanoseconds message_time{0}; ///< spent with what came in by topics: input and settings
    std::chrono::nanoseconds control_time{0}; ///< spent with all else: commands, ticks, settings of a config
};

struct NodeOptions {
    /// Type, settings, ports and timer; its id is that of the node.
    DataNode node = {};
    /// Default: the service's logger under the name "<service>/<node>".
    std::shared_ptr<spdlog::logger> logger = {};
    /// Default: the service's store, under the node's id.
    std::optional<StateSlice> state = {};
    /// Overrides DataNode::timer.
    std::optional<DataTimer> timer = {};
    /// Called at each tick before Node::on_tick.
    std::function<void()> on_tick = {};
    /// The strings of its statuses.
    std::shared_ptr<const NodeStatus> status = std::make_shared<const NodeStatus>();
    /// Bounds of each input; Input::set_limits changes one.
    fluxmq::MailboxLimits input_limits = {};
    /// Whether init() subscribes all inputs; otherwise Input::listen does, one by one.
    bool auto_listen = true;
    /// Whether new settings replace the old ones as a whole, instead of being merged into them key by key. Default:
    /// Profile::replace_settings.
    std::optional<bool> replace_settings = {};
    /// Whether a node that runs is stopped before a config's new settings come, and started after them.
    bool restart_on_settings = false;
    /// What happens when it fails, or a hook hangs.
    Supervision supervision = {};
};

/// A component of a service: derive, and override the hooks that matter.
///
/// It lives on one of the service's event loops (ServiceOptions::threads), and its hooks run there. Hooks of one node
/// never overlap; those of different nodes on one loop run in turn, so a hook must not block (see offload()). A request or any other operation may be awaited in every hook. What a hook
/// throws goes to on_error, to the log, and to the service's error topic; the node goes on with the next message.
///
/// Thread safety: the hooks of this node, and whoever runs on its event loop; before run(), the one that makes it. The
/// lifecycle's functions (init() and the like) and lifecycle(): any hook of the service. id, type, service, logger,
/// state, clock: any thread.
class Node {
public:
    Node(Service& service, std::string id, NodeOptions options = {});
    virtual ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    const std::string& id() const noexcept;
    const std::string& type() const noexcept;
    Service& service() const noexcept;
    spdlog::logger& logger() const noexcept;
    StateSlice& state() noexcept;
    fluxmq::Clock& clock() const noexcept;

    NodeState lifecycle() const noexcept;
    /// What set_status() or the lifecycle set last.
    const std::string& status() const noexcept;
    /// Publishes `status` on the node's status topic, then calls on_state_changed.
    void set_status(std::string status);

    const boost::json::object& settings() const noexcept;
    /// The settings as a described struct: a field that the settings lack keeps its default.
    /// Throws Error{wrong_type} that names the field.
    template <class T>
    T settings_as() const {
        return fluxmq::from_json<T>(settings(), fluxmq::Missing::keep_default);
    }

    /// Throws Error{unknown_port} that lists the known aliases.
    Input& input(std::string_view alias);
    Output& output(std::string_view alias);

    /// The topic of the clock that GLOBAL nodes tick with.
    std::string get_global_topic() const;

    /// The lifecycle (docs/architecture.md). Each completes when the transition is over; called from a hook of
    /// this very node, it is carried out when that hook has returned. stop and destroy are idempotent.
    /// Errors: illegal_transition; hook_failed when a hook of the transition threw (the node is in state `error`
    /// then, or `destroyed` after destroy).
    Task<> init();
    Task<> start();
    Task<> stop();
    Task<> destroy();

    /// Messages in and waiting, over all inputs. Thread safety: any thread.
    fluxmq::MailboxCounters counters() const;

    /// Messages published by all outputs. Thread safety: any thread.
    std::uint64_t published() const noexcept;

    /// Both, and errors and times. Thread safety: any thread.
    NodeStatistics statistics() const;

protected:
    /// Once, when the node is initialised, before its inputs are subscribed.
    virtual Task<> on_create();
    /// At each start, before the first input or tick. What comes in meanwhile waits.
    virtual Task<> on_start();
    /// At each stop, after the last input and tick.
    virtual Task<> on_stop();
    /// At each tick, see DataTimer.
    virtual Task<> on_tick(const Tick& tick);
    /// Once, at the end.
    virtual Task<> on_destroy();
    /// What another hook threw. The default does nothing: it is logged and published already.
    virtual Task<> on_error(const HookError& error);
    /// For each message of a listening input, one at a time; Message::input() tells which.
    virtual Task<> on_input(Message message);
    /// After settings() changed; `message` is what changed them, empty when a new config did.
    virtual Task<> on_settings(Message message);
    /// After status() changed.
    virtual Task<> on_state_changed();
    /// Refuses settings by throwing: then they are not taken over. The default takes all. Called between hooks; where
    /// the node lives on the service's own loop also while one of them waits.
    virtual void check_settings(const boost::json::object& wanted) const;
    /// Refuses, by throwing, what a new config has for the node that runs already: its ports, say. Then nothing of that
    /// config is taken over. The default takes all; settings go to check_settings(). Called as that.
    virtual void check_config(const DataNode& wanted) const;

private:
    friend class NodeRuntime;
    friend class ServiceRuntime;
    friend class Service;
    std::unique_ptr<NodeRuntime> runtime_;
};

/// Makes a T in whichever way it can be made: from its config, or from its id and NodeOptions.
template <std::derived_from<Node> T>
std::unique_ptr<Node> make_node(Service& service, const DataNode& data) {
    if constexpr (std::is_constructible_v<T, Service&, const DataNode&>)
        return std::make_unique<T>(service, data);
    else
        return std::make_unique<T>(service, data.id, NodeOptions{.node = data});
}

} // namespace fluxlib
