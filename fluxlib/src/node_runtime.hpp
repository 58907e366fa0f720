// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/node.hpp>
#include <fluxlib/service.hpp>
#include <fluxlib/supervisor.hpp>
#include <fluxmq/mailbox.hpp>

#include "completion.hpp"
#include "hook_watch.hpp"
#include "node_meter.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace fluxlib {

/// What runs a node: its mailbox, the one loop that awaits its hooks, its timer, its settings.
///
/// All of it belongs to the event loop that the node lives on, where its hooks run. The service, which may run on
/// another one, uses the functions for it below, and what is atomic. What is for the node's own loop goes there through
/// its mailbox. A command is given, and the end of the loop heard of, on the service's event loop.
class NodeRuntime {
public:
    NodeRuntime(Node& node, Service& service, std::string id, NodeOptions options);
    ~NodeRuntime();

    // --- For the service, on its event loop ---
    /// Which of the service's event loops the node will live on; before its first command.
    void place_on(std::size_t loop) noexcept { place_ = loop; }
    /// Carries out `command`; see Node::start and its siblings.
    Task<> command(NodeCommand command);
    bool accepts(NodeCommand command) const noexcept;
    /// Lets messages wait from now on for the start that is about to come, so that nodes that start together
    /// lose nothing of what the first of them publishes.
    void expect_start() noexcept;
    /// A tick of the manager's clock.
    void global_tick();
    /// Stops the ticks for good: the beginning of a shutdown.
    void silence() noexcept;
    /// Ends the subscriptions: what waits is still handled.
    void stop_intake() noexcept;
    /// For a new config: whether the node takes it, and its settings; ports that it has and the node lacks; and all else
    /// that is new but the inputs' subscriptions. The last two happen between two messages, and complete then.
    Task<> check_config(DataNode wanted);
    Task<> check_settings(boost::json::object wanted);
    Task<> add_ports(DataNode wanted);
    Task<> change(DataNode wanted, bool retuned);
    bool listens() const noexcept { return auto_listen_; }
    /// Of this alias; null when there is none.
    Input* find_input(std::string_view alias) const;
    std::vector<Input*> all_inputs() const;
    std::vector<std::string> topics_of(const Input& input) const;
    /// As HookWatch::look() and cancel(): of whichever hook runs.
    void look_at_hook(std::chrono::milliseconds limit);
    void cancel_hook(std::string why);
    /// Ends it all: a loop that still waits is told to end, and touches nothing of the node any more.
    void abandon() noexcept;
    /// Nothing waits, and no hook runs.
    bool idle() const;
    fluxmq::MailboxCounters counters() const;
    std::uint64_t published() const;
    /// As they are published on.
    std::vector<std::string> output_topics() const;
    /// Thread safety: any thread, as is meter().
    NodeStatistics statistics() const;
    const NodeMeter& meter() const noexcept { return meter_; }
    std::uint64_t restarts() const noexcept { return supervisor_.restarts(); }
    void when_finished(std::function<void()> call) { finished_ = std::move(call); }
    /// While it is hidden, its statuses are not published. Thread safety: any thread.
    void hide_status(bool hidden) noexcept { status_hidden_ = hidden; }
    /// Says again what the status is: a manager may have missed it.
    void repeat_status();
    fluxmq::Clock& clock() const noexcept { return *service.options().clock; }

    // --- For ports ---
    fluxmq::Transport& transport() const { return service.transport(); }
    fluxmq::Mailbox& mailbox() noexcept { return *mailbox_; }
    /// Guards what the ports have subscribed: the node opens it, the service shuts it.
    std::mutex& ports_mutex() noexcept { return ports_mutex_; }
    const std::shared_ptr<const fluxmq::Headers>& current_headers() const noexcept {
        return current_headers_;
    }
    void about_to_store(Input& input);

    void set_status(std::string status);
    /// Made when it is first asked for: most nodes never log. Thread safety: any thread.
    spdlog::logger& logger();

    Node& node;
    Service& service;
    const std::string id;
    const std::string type;
    StateSlice state;
    boost::json::object settings;
    std::string status;
    std::atomic<NodeState> lifecycle{NodeState::fresh};
    std::vector<std::unique_ptr<Input>> inputs;
    std::vector<std::unique_ptr<Output>> outputs;

private:
    Task<> do_command(NodeCommand command);
    void begin_loop(const boost::asio::any_io_executor& executor);
    void loop_ended() noexcept;
    Task<> answer_rest();
    Task<bool> loop();
    Input* plain_input(const fluxmq::Mailbox::Delivery& delivery) const noexcept;
    void begin_message(Input& input, Message& message);
    void end_message() noexcept;
    std::string current_topic() const;
    void keep_latest(Input& input, const Message& message);
    void compact_latest();
    Task<> handle(fluxmq::Mailbox::Delivery& delivery);
    Task<> hand_to(Input::Route& route, Message message);

    Task<> execute(NodeCommand command, std::shared_ptr<Completion> done, bool by_itself = false);
    void answer_unchanged(NodeState state_now, NodeCommand command, Completion& done) const;
    Task<bool> carry_out(const Transition& wanted, Completion& done);
    Task<> open_inputs();
    void set_gates(fluxmq::Inlet::Gate gate) noexcept;
    Task<> enter(NodeState state);
    Task<> announce_state(NodeState state);
    Task<> announce(std::string new_status);
    void publish_status();
    Task<> status_was_set();
    Task<> state_changed();

    template <class Hook>
    Task<bool> run_hook(const char* name, Hook hook, Completion* done = nullptr);
    Task<> report(const char* hook, std::string topic, std::exception_ptr cause,
                  const Input* input = nullptr);
    Task<> message_failed(const char* hook, std::string topic, std::exception_ptr cause, const Input* input);
    Task<> hook_threw();
    Task<> report_overflow(Input& input, std::uint64_t count);

    // Supervision (node_supervision.cpp)
    void settle_after(NodeState state, bool by_itself);
    void restart_in(fluxmq::Clock::duration pause);
    void watch_hooks();
    void on_node_loop(std::function<void()> function);
    std::exception_ptr as_timeout(std::exception_ptr failure);

    const DataTimer* timer() const noexcept;
    void set_timer(std::optional<DataTimer> wanted) noexcept;
    void arm_timer();
    void stop_ticking() noexcept;
    void request_tick();
    Task<> tick();

    Task<> open_settings();
    Task<> settings_arrived(Message message);
    Task<> take_settings(boost::json::object wanted, Message message);
    Task<> between_messages(std::function<Task<>()> work);
    Task<> where_it_lives(std::function<void()> look);
    Task<> take_config(DataNode wanted, bool retuned);

    std::shared_ptr<spdlog::logger> logger_;
    std::once_flag logger_once_;
    std::optional<DataTimer> timer_;
    std::atomic<bool> ticks_globally_{false}; // whether the service passes the ticks of the clock on
    const std::function<void()> tick_callback_;
    const std::shared_ptr<const NodeStatus> status_strings_;
    const bool auto_listen_;
    const bool replace_settings_;
    const bool restart_on_settings_;
    const bool own_timer_; // given by the program, not by a config
    const fluxmq::MailboxLimits input_limits_;

    NodeMeter meter_;
    const Supervision own_supervision_; // where a config has none
    Supervisor supervisor_;
    fluxmq::Timer restart_timer_;
    const std::shared_ptr<HookWatch> watch_ = std::make_shared<HookWatch>();
    fluxmq::Timer watch_timer_; // where hooks have a time limit
    std::shared_ptr<fluxmq::Mailbox> mailbox_;
    mutable std::mutex ports_mutex_;
    std::size_t place_ = 0;
    boost::asio::any_io_executor executor_; // of the event loop that the node lives on
    bool elsewhere_ = false;                // and that is not the service's own
    bool loop_runs_ = false;                // the service's
    // Set before a message is taken out of the mailbox, and reset when there is none: whoever sees first that nothing
    // waits and then that no hook runs knows that nothing is under way.
    std::atomic<bool> hook_runs_{false};
    std::atomic<bool> was_created_{false};
    bool counted_as_running_ = false;
    std::atomic<bool> status_hidden_{false};
    std::shared_ptr<Completion> last_command_; // the destroy, answered when the loop has ended
    std::function<void()> finished_;
    std::shared_ptr<const fluxmq::Headers> current_headers_;
    Input* new_inputs_ = nullptr;        // those with messages since there was last nothing to do
    Input* current_input_ = nullptr;     // whose message on_input handles
    std::optional<Message> stored_over_; // that message, when the input has another latest value by now

    std::shared_ptr<fluxmq::Inlet> settings_inlet_;
    fluxmq::Subscription settings_subscription_; // guarded by ports_mutex_

    std::atomic<bool> ticking_{false};
    std::atomic<bool> silenced_{false}; // also where a start is under way
    std::atomic<bool> tick_waits_{false};
    std::uint64_t ticks_ = 0;
    fluxmq::Clock::time_point started_at_;
    fluxmq::Clock::time_point last_tick_;
    std::uint64_t deadlines_ = 0; // of the local timer, counted from started_at_
    fluxmq::Timer tick_timer_;
};

/// A set of subscriptions of an input, and what is done with their messages.
struct Input::Route {
    Input& input;
    std::vector<std::string> patterns;
    std::optional<Handler> only; // in place of the input's handlers and on_input
    std::shared_ptr<fluxmq::Inlet> inlet;
    std::vector<fluxmq::Subscription> subscriptions; // of the patterns; guarded by ports_mutex()
    std::vector<bool> expected; // of the patterns: another input will hand its subscription over

    /// Subscribes the patterns that are not yet.
    Task<> open();
    /// What a subscription to the pattern of this index puts its messages in; not those that the patterns `taken`
    /// match.
    std::shared_ptr<fluxmq::Receiver> receiver(std::size_t index, std::vector<std::string> taken = {}) const;
};

/// The patterns that an input with these topics subscribes to.
std::vector<std::string> heard_as(const std::vector<std::string>& topics);

} // namespace fluxlib
