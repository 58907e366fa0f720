// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/service.hpp>
#include <fluxmq/run_on.hpp>
#include <fluxmq/subject.hpp>

#include "completion.hpp"
#include "discovery.hpp"
#include "event_loop.hpp"
#include "hook_watch.hpp"
#include "node_runtime.hpp"
#include "tagged_executor.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fluxlib {

class Rewiring;

/// A topic on which a manager talks to one node.
struct NodeTopic {
    enum class Act { tell_state, start, stop, restart };
    std::string name;
    Act act;
    fluxmq::Subscription subscription;
};

/// What runs a service: its command loop, its subscriptions, its nodes, its statuses.
///
/// All of it belongs to the service's own event loop, except for what users may call from the hooks of a node that
/// lives on another one: coroutines go to the own loop and come back, and plain functions find what they need under
/// mutex_. Nodes end on the own loop only, so there a pointer to one is good until the next co_await.
class ServiceRuntime {
public:
    ServiceRuntime(Service& service, std::string id, ServiceOptions options);
    ~ServiceRuntime();

    // --- Event loops ---
    /// `task`, on the own loop. It goes on where it is awaited, and counts as awaited by the node whose hook that is.
    template <class T>
    Task<T> on_own_loop(Task<T> task) {
        return further_ && further_->running() ? cross(std::move(task)) : std::move(task);
    }
    /// Calls `function` on the own loop: now, or, for a caller who is `elsewhere`, soon and in order.
    template <class Function>
    void call_on_own_loop(bool elsewhere, Function function) {
        if (!elsewhere)
            function();
        else
            boost::asio::post(executor_, [weak = std::weak_ptr{alive_}, function = std::move(function)] {
                if (!weak.expired())
                    function();
            });
    }
    /// The loop for nodes of this place; nothing where that is the own one.
    std::optional<boost::asio::any_io_executor> further_loop(std::size_t place) const;

    // --- Life (service_life.cpp) ---
    Task<> run();
    Task<ExitReport> wait();
    void shutdown() noexcept;

    // --- Nodes (service_nodes.cpp) ---
    void append(std::unique_ptr<Node> node);
    /// Throws Error{unknown_node}.
    NodeRuntime& find(std::string_view node_id) const;
    std::vector<std::string> node_ids() const;
    /// Good until the next co_await.
    std::vector<NodeRuntime*> all_nodes() const;
    void add_factory(std::string type, Service::NodeFactory factory);
    std::unique_ptr<Node> make(const DataNode& data) const;
    Task<> command(std::string node_id, NodeCommand command);
    Task<> command_all(NodeCommand command);
    Task<> apply(std::vector<DataNode> wanted); // service_config.cpp
    /// Node ids in the payload of a command: one, `*`, a JSON string or array of these; all when it is empty.
    static std::vector<std::string> ids_in(const Message& message);
    Task<> command_ids(const Message& message, std::vector<NodeCommand> commands);
    /// A node has begun or ceased to be in state `started`.
    void node_runs(bool runs);
    /// A node or handler has nothing to do.
    void became_idle() noexcept;
    Account account() const;

    // --- Messages (service_messages.cpp) ---
    Task<std::shared_ptr<Queue>> subscribe(std::string topic);
    Task<> subscribe_handler(std::string topic, Handler handler);
    void unsubscribe(std::string_view topic);
    void send_status(std::string status);
    std::string current_status() const;
    std::uint64_t statuses_sent() const;
    void publish_error(const std::string& text) noexcept;

    // A user's subscription: its queue, and whoever reads it in the case of a handler.
    struct Entry {
        std::string topic;
        std::shared_ptr<Queue> queue;
        bool handled = false;
        fluxmq::Subscription subscription; // guarded by mutex_
        NodeMeter meter;                   // of a handler
        // A message counts as pending until its handler has returned.
        bool idle() const { return queue->inlet()->pending() == 0; }
    };
    std::vector<std::shared_ptr<Entry>> all_entries() const;

    std::shared_ptr<spdlog::logger> logger_for(std::string_view node_id) const;

    struct Record {
        std::unique_ptr<Node> node;
        std::unique_ptr<DataNode> config; // when a manager's config made it
        std::vector<NodeTopic> topics;    // of such a node
    };

    Service& service;
    const std::string id;
    ServiceOptions options;
    const fluxmq::Headers announcement_headers; // of each status and error
    std::shared_ptr<spdlog::logger> logger;
    StateSlice state;
    boost::json::object settings;
    std::shared_ptr<fluxmq::Transport> transport;
    std::shared_ptr<const fluxmq::Topic> topic;
    std::shared_ptr<const fluxmq::Status> status;

private:
    using Hook = Task<> (ServiceRuntime::*)(Message);

    // A topic that the manager talks to the service on.
    struct Command {
        const char* name;
        Hook hook;
    };

    template <class T>
    Task<T> cross(Task<T> task) {
        const auto caller = co_await boost::asio::this_coro::executor;
        auto own = with_tag(executor_, tag_of(caller));
        co_return co_await fluxmq::run_on(std::move(own), std::move(task));
    }

    Task<> loop();
    Task<> guarded(const char* hook, std::string where, Task<> call, NodeMeter* meter = nullptr);
    Task<> logged(const char* hook, Task<> call);
    Task<> quietly(Task<> call);
    bool asks_manager() const noexcept;
    Task<> begin();
    Task<> init_nodes();
    Task<> do_command(std::string node_id, NodeCommand command);
    Task<> do_command_all(NodeCommand command);
    Task<> command_each(std::vector<std::string> ids, std::vector<NodeCommand> commands);
    struct Change;
    Task<> do_apply(std::vector<DataNode> wanted);
    struct Config;
    Task<> carry_out(std::shared_ptr<Config> config);
    Task<> prepare_and_switch(std::vector<DataNode> wanted);
    Task<> init_for_config(NodeRuntime& node);
    std::vector<DataNode> current_config() const;
    std::unique_ptr<Record> make_record(DataNode data);
    Task<> prepare(Change& change);
    void plan_wiring(Change& change);
    Task<> switch_to(Change& change);
    Task<> finish_leaving(Change& change);
    std::vector<std::string> in_order_of_flow(const Change& change) const;
    Task<> finish_waiting(std::string node_id);
    Task<> start_together(std::vector<std::string> ids);
    void place(NodeRuntime& node) noexcept;
    bool take_in(std::unique_ptr<Record>& record);
    Record* record_of(std::string_view node_id) const;
    NodeRuntime* look_up(std::string_view node_id) const;
    void erase(std::string_view node_id);
    Task<> handler_loop(std::shared_ptr<Entry> entry, Handler handler);
    Task<std::shared_ptr<Entry>> add_entry(std::string topic, bool handled);
    void end_subscription(Entry& entry) noexcept;
    Task<> announce_ready();
    void connection_changed(const fluxmq::ConnectionEvent& event);
    void ask_for_config();
    void arm_tick();
    void signal_arrived(int signal);
    Task<> end(ExitReport& report);
    void limit_hooks();
    std::vector<NodeRuntime*> all_that_run_hooks() const;
    void announce(std::string last) noexcept;
    Task<> drain(ExitReport& report);
    Task<bool> settle(fluxmq::Clock::time_point deadline);
    bool quiet() const;
    std::uint64_t progress() const;
    fluxmq::Clock& clock() const noexcept { return *options.clock; }

    // The manager's topics, in the order of docs/protocol.md (service_topics.cpp).
    Task<> subscribe_commands();
    Task<> subscribe_command(std::string topic, const Command& command);
    Task<> subscribe_ticks();
    Task<> subscribe_record(Record& record);
    Task<> on_config(Message message);
    Task<> on_settings(Message message);
    Task<> on_start(Message message);
    Task<> on_stop(Message message);
    Task<> on_restart(Message message);
    Task<> on_restart_like_node(Message message);
    void say_again_that_nodes_run(std::uint64_t sent_before);
    Task<> on_error(Message message);
    Task<> on_status_request(Message message);
    Task<> on_common_data(Message message);
    Task<> on_common_state(Message message);
    Task<> on_ide_status(Message message);
    Task<> on_tick(Message message);
    Task<> on_node_command(Message message);
    void tell_state(const Message& message, NodeRuntime& node);
    void announce_development();
    Task<> tick();

    const std::shared_ptr<FurtherLoops> further_; // where there is more than one thread
    const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
    boost::asio::any_io_executor executor_; // of the own loop
    std::shared_ptr<fluxmq::Mailbox> mailbox_;
    std::vector<std::shared_ptr<fluxmq::Inlet>> inlets_;
    std::shared_ptr<fluxmq::Inlet> node_inlet_; // of all NodeTopics
    std::vector<fluxmq::Subscription> subscriptions_;
    std::optional<Discovery> discovery_;

    // Held for a look or a change, and never while code of the user runs.
    mutable std::mutex mutex_;
    std::map<std::string, Service::NodeFactory> factories_;
    std::vector<std::unique_ptr<Record>> nodes_; // in the order they came
    std::unordered_map<std::string_view, Record*> by_id_;
    std::size_t next_place_ = 0;
    std::vector<std::shared_ptr<Entry>> entries_;
    fluxmq::MailboxCounters retired_; // of nodes that are gone
    std::uint64_t retired_published_ = 0;

    const std::shared_ptr<HookWatch> watch_ = std::make_shared<HookWatch>(); // of the service's own hooks
    bool loop_runs_ = false;
    std::atomic<bool> running_{false};
    std::atomic<bool> ending_{false};
    std::string development_id_;
    bool initialised_ = false; // on_init was called
    bool configured_ = false;  // a config was applied
    bool all_started_ = false; // all were told to start, and not all to stop since
    std::shared_ptr<Config> last_config_;
    int configs_ = 0; // being applied, or waiting for that
    fluxmq::Wakeup configs_done_;
    Rewiring* rewiring_ = nullptr;     // of the one that is being applied
    std::vector<NodeRuntime*> unseen_; // its nodes that have not taken their place yet
    fluxmq::Timer config_timer_;
    fluxmq::Clock::duration config_pause_{};

    fluxmq::Timer tick_timer_;
    fluxmq::Clock::time_point run_at_;
    fluxmq::Clock::time_point last_tick_;
    std::uint64_t ticks_ = 0;
    std::uint64_t deadlines_ = 0;
    bool tick_waits_ = false;

    struct Signals;
    std::shared_ptr<Signals> signals_;
    fluxmq::Wakeup end_; // shutdown() or a signal
    fluxmq::Timer end_timer_;
    // Shared with the loop's end, which may come after that of the service.
    std::shared_ptr<fluxmq::Wakeup> loop_done_ = std::make_shared<fluxmq::Wakeup>();
    fluxmq::Wakeup idle_; // while settling: something became idle
    std::atomic<bool> settling_{false};
    bool cut_short_ = false;
    int signal_ = 0;

    mutable std::mutex status_mutex_;
    std::string current_status_;
    std::uint64_t statuses_sent_ = 0;
    std::size_t running_nodes_ = 0;
};

} // namespace fluxlib
