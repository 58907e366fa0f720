// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/service.hpp>
#include <fluxmq/subject.hpp>

#include "completion.hpp"
#include "node_runtime.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fluxlib {

/// What runs a service: its command loop, its subscriptions, its nodes, its statuses.
class ServiceRuntime {
public:
    ServiceRuntime(Service& service, std::string id, ServiceOptions options);
    ~ServiceRuntime();

    // --- Life (service_life.cpp) ---
    Task<> run();
    Task<ExitReport> wait();
    void shutdown() noexcept;

    // --- Nodes (service_nodes.cpp) ---
    void append(std::unique_ptr<Node> node);
    NodeRuntime& find(std::string_view node_id) const;
    Task<> command(std::string node_id, NodeCommand command);
    Task<> command_all(NodeCommand command);
    Task<> apply(std::vector<DataNode> wanted);
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
    void publish_error(const std::string& text) noexcept;

    std::shared_ptr<spdlog::logger> logger_for(std::string_view node_id) const;

    struct Record {
        std::unique_ptr<Node> node;
        std::optional<DataNode> config; // when a manager's config made it
    };

    Service& service;
    const std::string id;
    ServiceOptions options;
    std::shared_ptr<spdlog::logger> logger;
    StateSlice state;
    boost::json::object settings;
    std::shared_ptr<fluxmq::Transport> transport;
    std::shared_ptr<const fluxmq::Topic> topic;
    std::shared_ptr<const fluxmq::Status> status;
    std::map<std::string, Service::Factory> factories;
    std::vector<std::unique_ptr<Record>> nodes; // in the order they came
    std::unordered_map<std::string_view, Record*> by_id;

private:
    using Hook = Task<> (ServiceRuntime::*)(Message);

    // A topic that the manager talks to the service on.
    struct Command {
        const char* name;
        Hook hook;
    };

    // A user's subscription: its queue, and whoever reads it in the case of a handler.
    struct Entry {
        std::string topic;
        std::shared_ptr<Queue> queue;
        fluxmq::Subscription subscription;
        bool handled = false;
        bool busy = false; // its handler runs
        bool idle() const { return !busy && queue->counters().pending == 0; }
    };

    Task<> loop();
    Task<> guarded(const char* hook, std::string where, Task<> call);
    Task<> logged(const char* hook, Task<> call);
    Task<> quietly(Task<> call);
    bool asks_manager() const noexcept;
    Task<> begin();
    Task<> subscribe_commands();
    Task<> subscribe_command(std::string topic, const Command& command);
    Task<> init_nodes();
    Task<> start_together(std::vector<std::string> ids);
    void erase(std::string_view node_id);
    Task<> handler_loop(std::shared_ptr<Entry> entry, Handler handler);
    Task<std::shared_ptr<Entry>> add_entry(std::string topic);
    Task<> announce_ready();
    void connection_changed(const fluxmq::ConnectionEvent& event);
    void ask_for_config();
    void arm_tick();
    void signal_arrived(int signal);
    Task<> end(ExitReport& report);
    void announce(std::string last) noexcept;
    Task<> drain(ExitReport& report);
    Task<bool> settle(fluxmq::Clock::time_point deadline);
    bool quiet() const;
    std::uint64_t progress() const;
    fluxmq::Clock& clock() const noexcept { return *options.clock; }

    // The manager's topics, in the order of docs/protocol.md.
    Task<> on_config(Message message);
    Task<> on_settings(Message message);
    Task<> on_start(Message message);
    Task<> on_stop(Message message);
    Task<> on_restart(Message message);
    Task<> on_error(Message message);
    Task<> on_status_request(Message message);
    Task<> on_tick(Message message);
    Task<> tick();

    boost::asio::any_io_executor executor_;
    std::shared_ptr<fluxmq::Mailbox> mailbox_;
    std::vector<std::shared_ptr<fluxmq::Inlet>> inlets_;
    std::vector<fluxmq::Subscription> subscriptions_;
    std::vector<std::shared_ptr<Entry>> entries_;
    bool loop_runs_ = false;
    bool running_ = false;
    bool ending_ = false;
    bool initialised_ = false;     // on_init was called
    bool configured_ = false;      // a config was applied
    bool manager_started_ = false; // the manager said start, and did not say stop since
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
    // Shared with the loop's end, which may come after that of the service.
    std::shared_ptr<fluxmq::Wakeup> loop_done_ = std::make_shared<fluxmq::Wakeup>();
    fluxmq::Wakeup idle_; // while settling: something became idle
    bool settling_ = false;
    bool cut_short_ = false;
    int signal_ = 0;

    mutable std::mutex status_mutex_;
    std::string current_status_;
    std::size_t running_nodes_ = 0;

    fluxmq::MailboxCounters retired_; // of nodes that are gone
    std::uint64_t retired_published_ = 0;
};

} // namespace fluxlib
