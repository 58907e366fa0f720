// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/config.hpp>
#include <fluxlib/node.hpp>
#include <fluxlib/profile.hpp>
#include <fluxlib/queue.hpp>
#include <fluxlib/report.hpp>
#include <fluxlib/state.hpp>
#include <fluxlib/task.hpp>
#include <fluxmq/clock.hpp>
#include <fluxmq/status.hpp>
#include <fluxmq/topic.hpp>
#include <fluxmq/transport.hpp>

#include <spdlog/logger.h>

#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fluxlib {

struct ServiceOptions {
    /// Default: the process's default logger under the service's id. Several threads need sinks for that (`_mt`).
    std::shared_ptr<spdlog::logger> logger = {};
    /// Default: an empty store.
    std::optional<StateSlice> state = {};
    /// The service follows the manager's clock: Service::on_tick, and nodes without a timer of their own.
    bool has_global_tick = false;
    /// Interval of Service::on_tick by the service's own clock; 0: none.
    std::chrono::milliseconds tick_interval{0};
    /// Whether run() starts the nodes that were appended. Nodes of a config wait until they are told to start; once all
    /// were told so, by a manager or start_node_all(), new ones start at once, until all are told to stop.
    bool auto_start = true;
    /// Whether wait() ends on SIGINT and SIGTERM.
    bool handle_signals = true;
    /// Event loops that the nodes are spread over in turn, at least 1; the service's own is the first. Each further one
    /// has a thread, from run() to the end of wait(). Hooks of one node never overlap; those of nodes on different loops
    /// run at the same time, so what they share needs a lock. Any loop must be able to await the transport (InProc, Nats).
    int threads = 1;
    /// How long shutdown waits for messages on their way, before it says what is left.
    std::chrono::milliseconds drain_timeout{5000};
    /// Whether run() asks a manager for a config. Default: when node types are registered; say true when
    /// Service::get_node is overridden instead.
    std::optional<bool> request_config = {};
    /// First pause before the config is asked for again; it doubles up to 30 s.
    std::chrono::milliseconds config_retry{1000};
    /// What it does where the Flux SDKs disagree.
    Profile profile = {};
    /// When not empty: the service announces itself on `service.development_mode.<uuid>` with the UUID kept in this
    /// file, `dev_mode.ini` for the Go SDK; it is made where there is none. Errors of run(): invalid_config.
    std::string development_file = {};
    /// Bounds of each subscribe() queue and subscribe_handler() mailbox.
    fluxmq::MailboxLimits subscription_limits = {};
    /// What tools of the broker (`nats micro` and the like) show: a semantic version, and a text for people.
    std::string version = "0.0.0";
    std::string description = {};
    /// Which of several processes with the same id it is: 1 to 64 printable ASCII characters, see docs/protocol.md,
    /// "Replicas". Default: SERVICE_REPLICA from the environment, or none.
    std::string replica = {};
    /// Whether the service answers such tools (docs/protocol.md, Discovery).
    bool discovery = true;
    /// Source of all time: ticks, retries, deadlines.
    std::shared_ptr<fluxmq::Clock> clock = fluxmq::Clock::real();
};

/// A process on a broker: it holds nodes, and lets a manager configure, start and stop them.
///
/// It lives on the event loop that awaits run(), and its hooks run there; its nodes may live on others, too, see
/// ServiceOptions::threads. Derive and override hooks for other reactions; hooks of the service never overlap.
/// Destroy it when wait() has returned; before that, only while no hook is suspended in an operation, and from the
/// event loop. What hooks have left behind on the other loops, coroutines of their own say, goes with the service.
///
/// Thread safety: publish, respond, send_status, current_status, shutdown: any thread. attach, run, wait and
/// settings(): the event loop that awaits run(). The rest: any hook or handler, whichever loop it runs on; a coroutine
/// goes on where it was awaited, whatever it does elsewhere meanwhile.
class Service {
public:
    using NodeFactory = std::function<std::unique_ptr<Node>(const DataNode&)>;

    /// An empty `id` means SERVICE_ID from the environment. Throws Error{invalid_topic} for an id that cannot be
    /// part of a topic, also when there is none at all; Error{invalid_config} for options that make no sense.
    explicit Service(std::string id = {}, ServiceOptions options = {});
    virtual ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    /// Gives the service its broker connection, topic names and status strings; before run().
    template <std::derived_from<fluxmq::Topic> T = fluxmq::Topic,
              std::derived_from<fluxmq::Status> S = fluxmq::Status>
    void attach(std::shared_ptr<fluxmq::Transport> transport, T topic = T{}, S status = S{}) {
        attach_shared(std::move(transport), std::make_shared<const T>(std::move(topic)),
                      std::make_shared<const S>(std::move(status)));
    }

    const std::string& id() const noexcept;
    const ServiceOptions& options() const noexcept;
    spdlog::logger& logger() const noexcept;
    StateSlice& state() noexcept;
    const boost::json::object& settings() const noexcept;
    fluxmq::Transport& transport() const; ///< Throws Error{not_attached}.
    const fluxmq::Topic& topic() const noexcept;
    const fluxmq::Status& status() const noexcept;
    /// The status that was published last.
    std::string current_status() const;

    // --- Messages ---------------------------------------------------------------------------------------

    /// As Transport::publish.
    void publish(std::string_view topic, const Payload& payload, const fluxmq::Headers& headers = {});

    /// A queue of the topic's messages, to be read on this event loop; wildcards allowed. Completes when the broker
    /// routes to it.
    Task<std::shared_ptr<Queue>> subscribe(std::string topic);

    /// Hands each message of the topic to `handler`, one at a time. Several handlers of one topic each get every
    /// message. What a handler throws is logged and published on the error topic, and the next message goes to it.
    /// It runs on the event loop that awaits this; beyond the service's own it ends with wait().
    Task<> subscribe_handler(std::string topic, Handler handler);

    /// Ends every queue and handler of exactly this topic. Throws Error{invalid_topic} when there is none.
    void unsubscribe(std::string_view topic);

    /// As Transport::request.
    Task<Message> request(std::string topic, const Payload& payload,
                          std::chrono::milliseconds timeout = fluxmq::Transport::default_request_timeout,
                          fluxmq::Headers headers = {});

    /// As Transport::respond.
    void respond(const Message& message, const Payload& payload, const fluxmq::Headers& headers = {});

    /// Publishes the service's status, unless that is empty, and keeps it for whoever asks and for a reconnect.
    void send_status(std::string status);

    /// Publishes `data`, JSON, for whoever asks with `get_common_data`.
    void send_common_data(const Payload& data);

    // --- Nodes ------------------------------------------------------------------------------------------

    /// Makes a T{*this, id, options} and takes it in. While the service runs, it is initialised (and started,
    /// with ServiceOptions::auto_start) at once, on the loop that is its turn. The reference is good until
    /// destroy_node() of the node or the end of the Service object. Throws Error{duplicate_node}, Error{invalid_topic}.
    template <std::derived_from<Node> T>
    T& append_node(std::string id, NodeOptions options = {}) {
        auto node = std::make_unique<T>(*this, std::move(id), std::move(options));
        auto& reference = *node;
        append_node(std::move(node));
        return reference;
    }
    void append_node(std::unique_ptr<Node> node);

    /// Lets a manager's config create nodes of class T under the name `type`, with make_node().
    template <std::derived_from<Node> T>
    void register_node(std::string type) {
        register_node(std::move(type), [this](const DataNode& data) { return make_node<T>(*this, data); });
    }
    /// The same with a function that makes the node, for types that are known at run time only.
    void register_node(std::string type, NodeFactory factory);

    /// Makes the node that a config asks for: by default of the class registered for its type. Override to make
    /// nodes yourself, and call the base for the rest. Throws Error{unknown_node_type} that lists the known.
    virtual std::unique_ptr<Node> get_node(const DataNode& data);

    /// Throws Error{unknown_node} that lists the known ids.
    Node& node(std::string_view id) const;
    std::vector<std::string> node_ids() const;

    /// `id` is one node, or `*` for all. For one: throws Error{unknown_node}, and as the Node's function. For all:
    /// those for which the command is legal; a node that fails stops no other, and is in state `error`.
    Task<> start_node(std::string id);
    Task<> stop_node(std::string id);
    Task<> destroy_node(std::string id);
    Task<> start_node_all();
    Task<> stop_node_all();
    Task<> destroy_node_all();

    /// Applies a config by difference: unchanged nodes are not touched; a config with an error changes nothing.
    /// Throws as parse_config(), get_node(); illegal_transition at the end of the service, and in a node's hook while
    /// another config is applied. Cancellation: the config is applied all the same.
    Task<> apply_config(std::string_view json);

    // --- Life -------------------------------------------------------------------------------------------

    /// Connects unless connected, subscribes the service's topics, announces CONNECTED, initialises the nodes,
    /// announces READY, and starts them. Where nodes can be made from a config, it then asks the manager for one
    /// (and leaves READY to that config when it has no nodes yet). What a manager sends meanwhile is handled when
    /// run() is done. It takes over the transport's event handler; one that is connected already was connected here.
    /// Errors: not_attached, illegal_transition when it runs already, those of connect() and subscribe(); after
    /// these it announces ERROR, and may be called again.
    Task<> run();

    /// Waits for a signal or shutdown(), then ends in order: ticks stop, messages on their way are handled until
    /// ServiceOptions::drain_timeout, nodes stop and are destroyed, STOPPED is announced, the transport closes.
    /// A hook that still waits then is cancelled after at most half as long again; a second signal does both at once.
    Task<ExitReport> wait();

    /// Lets wait() begin the end. Thread safety: any thread.
    void shutdown() noexcept;

    /// What went through the nodes so far.
    Account account() const;

protected:
    /// Once: with the first config; where no manager is asked, in run() with an empty message.
    virtual Task<> on_init(const Message& message);
    /// Every service topic is subscribed; again after each reconnect.
    virtual Task<> on_connected();
    /// Nodes are initialised and their subscriptions live; again after each config.
    virtual Task<> on_ready();
    /// A start command. Default: starts the node ids in the payload (one, `*`, or nothing for all).
    virtual Task<> on_start(const Message& message);
    /// A stop command. Default: as on_start.
    virtual Task<> on_stop(const Message& message);
    /// A restart command. Default: stops and starts, as on_start.
    virtual Task<> on_restart(const Message& message);
    /// New service settings. Default: merges the payload, an object, into settings().
    virtual Task<> on_settings(const Message& message);
    /// A config. Default: apply_config() with its payload.
    virtual Task<> on_config(const Message& message);
    /// A request for the service's common data, to be answered with send_common_data(). Default: nothing.
    virtual Task<> on_common_data(const Message& message);
    /// A request for its common state. Default: publishes state() as JSON on `set_common_state`, and replies.
    virtual Task<> on_common_state(const Message& message);
    /// An IDE has come (`{"status": "CONNECTED"}`) or gone (`"DISCONNECTED"`).
    virtual Task<> on_ide_status(const Message& message);
    /// See ServiceOptions::has_global_tick and tick_interval.
    virtual Task<> on_tick(const Tick& tick);
    /// The end begins; `signal` is its number, 0 for shutdown().
    virtual Task<> on_shutdown(int signal);
    /// A message on the service's error topic: its own errors, and those that others report to it.
    virtual Task<> on_error(const Message& message);

private:
    friend class NodeRuntime;
    friend class ServiceRuntime;

    void attach_shared(std::shared_ptr<fluxmq::Transport> transport,
                       std::shared_ptr<const fluxmq::Topic> topic,
                       std::shared_ptr<const fluxmq::Status> status);

    std::unique_ptr<class ServiceRuntime> runtime_;
};

} // namespace fluxlib
