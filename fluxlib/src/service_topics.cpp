// SPDX-License-Identifier: MIT
// The topics that a manager talks on: to the service, and to each node of its config.
#include "development.hpp"
#include "service_runtime.hpp"
#include "tick_receiver.hpp"

namespace fluxlib {

namespace {

// Commands are few, and none may be lost.
constexpr fluxmq::MailboxLimits command_limits{.overflow = fluxmq::Overflow::block};
// One tick that waits is enough.
constexpr fluxmq::MailboxLimits tick_limits{.messages = 1, .overflow = fluxmq::Overflow::drop_oldest};

} // namespace

// --- Subscriptions -------------------------------------------------------------------------------------------

Task<> ServiceRuntime::subscribe_commands() {
    static constexpr Command config{"on_config", &ServiceRuntime::on_config};
    static constexpr Command settings{"on_settings", &ServiceRuntime::on_settings};
    static constexpr Command start{"on_start", &ServiceRuntime::on_start};
    static constexpr Command stop{"on_stop", &ServiceRuntime::on_stop};
    static constexpr Command restart{"on_restart", &ServiceRuntime::on_restart};
    static constexpr Command restart_like_node{"on_restart", &ServiceRuntime::on_restart_like_node};
    static constexpr Command error{"on_error", &ServiceRuntime::on_error};
    static constexpr Command status_request{"status request", &ServiceRuntime::on_status_request};
    static constexpr Command common_data{"on_common_data", &ServiceRuntime::on_common_data};
    static constexpr Command common_state{"on_common_state", &ServiceRuntime::on_common_state};
    static constexpr Command ide_status{"on_ide_status", &ServiceRuntime::on_ide_status};
    static constexpr Command node_command{"node command", &ServiceRuntime::on_node_command};
    co_await subscribe_command(topic->configuration(id), config);
    co_await subscribe_command(topic->service_settings(id), settings);
    co_await subscribe_command(topic->start(id), start);
    co_await subscribe_command(topic->stop(id), stop);
    co_await subscribe_command(topic->restart(id), restart);
    if (options.profile.service_restart)
        co_await subscribe_command(topic->restart_node(id), restart_like_node);
    co_await subscribe_command(topic->error(id), error);
    co_await subscribe_command(topic->status_request(id), status_request);
    co_await subscribe_command(topic->get_common_data(id), common_data);
    co_await subscribe_command(topic->get_service_state(id), common_state);
    co_await subscribe_command(topic->ide_status(), ide_status);
    co_await subscribe_ticks();
    node_inlet_ = mailbox_->add_inlet(command_limits, const_cast<Command*>(&node_command));
    inlets_.push_back(node_inlet_);
}

Task<> ServiceRuntime::subscribe_command(std::string name, const Command& command) {
    auto inlet = mailbox_->add_inlet(command_limits, const_cast<Command*>(&command));
    auto subscription = co_await transport->subscribe(std::move(name), inlet);
    inlets_.push_back(std::move(inlet));
    subscriptions_.push_back(std::move(subscription));
}

// Its topic has two spellings, which share an inlet.
Task<> ServiceRuntime::subscribe_ticks() {
    static constexpr Command tick{"on_tick", &ServiceRuntime::on_tick};
    auto inlet = mailbox_->add_inlet(tick_limits, const_cast<Command*>(&tick));
    inlets_.push_back(inlet);
    const auto pairs = std::make_shared<SharedTickPairs>();
    for (const auto spelling : {TickPairs::Spelling::dots, TickPairs::Spelling::slashes}) {
        auto name = spelling == TickPairs::Spelling::dots ? topic->time() : topic->node_time();
        auto receiver = std::make_shared<TickReceiver>(spelling, pairs, inlet);
        auto subscription = co_await transport->subscribe(std::move(name), std::move(receiver));
        subscriptions_.push_back(std::move(subscription));
    }
}

// Where a manager talks to one node of its config. One inlet serves them all: they differ by their topic.
Task<> ServiceRuntime::subscribe_record(Record& record) {
    const auto node_id = record.node->id();
    std::vector<std::pair<std::string, NodeTopic::Act>> wanted;
    wanted.emplace_back(topic->node_state_request(node_id), NodeTopic::Act::tell_state);
    if (options.profile.node_restart)
        wanted.emplace_back(topic->restart_node(node_id), NodeTopic::Act::restart);
    if (options.profile.node_events) {
        wanted.emplace_back(topic->node_start_event(node_id), NodeTopic::Act::start);
        wanted.emplace_back(topic->node_stop_event(node_id), NodeTopic::Act::stop);
    }
    for (auto& [name, act] : wanted) {
        auto subscription = co_await transport->subscribe(name, node_inlet_);
        record.topics.push_back({std::move(name), act, std::move(subscription)});
    }
}

// --- What arrives --------------------------------------------------------------------------------------------

Task<> ServiceRuntime::on_config(Message message) {
    if (!std::exchange(initialised_, true))
        co_await service.on_init(message);
    co_await service.on_config(message);
}

Task<> ServiceRuntime::on_settings(Message message) { co_await service.on_settings(message); }

Task<> ServiceRuntime::on_start(Message message) {
    const auto before = statuses_sent();
    co_await service.on_start(message);
    say_again_that_nodes_run(before);
}

Task<> ServiceRuntime::on_stop(Message message) { co_await service.on_stop(message); }

Task<> ServiceRuntime::on_restart(Message message) {
    const auto before = statuses_sent();
    co_await service.on_restart(message);
    say_again_that_nodes_run(before);
}

// On the topic of a node with the service's id. Where there is such a node it is meant, and hears of it itself.
Task<> ServiceRuntime::on_restart_like_node(Message message) {
    if (const auto* record = record_of(id);
        !record || record->topics.empty() || !options.profile.node_restart)
        co_await on_restart(std::move(message));
}

// The Go SDK says READY after each start and restart, and its managers may wait for that.
void ServiceRuntime::say_again_that_nodes_run(std::uint64_t sent_before) {
    if (!options.profile.active_status && running_nodes_ > 0 && !ending_ && statuses_sent() == sent_before)
        announce(status->active());
}

Task<> ServiceRuntime::on_error(Message message) { co_await service.on_error(message); }

Task<> ServiceRuntime::on_status_request(Message message) {
    if (!message.reply().empty())
        transport->respond(message, current_status(), announcement_headers);
    send_status(current_status());
    co_return;
}

Task<> ServiceRuntime::on_common_data(Message message) { co_await service.on_common_data(message); }
Task<> ServiceRuntime::on_common_state(Message message) { co_await service.on_common_state(message); }
Task<> ServiceRuntime::on_ide_status(Message message) { co_await service.on_ide_status(message); }

Task<> ServiceRuntime::on_tick(Message) {
    for (auto* node : all_nodes())
        node->global_tick();
    if (options.has_global_tick)
        co_await tick();
}

Task<> ServiceRuntime::on_node_command(Message message) {
    std::vector<std::string> one;
    auto act = NodeTopic::Act::tell_state;
    {
        const std::lock_guard lock{mutex_};
        for (const auto& record : nodes_)
            for (const auto& each : record->topics)
                if (each.name == message.topic()) {
                    one.assign(1, record->node->id());
                    act = each.act;
                }
    }
    if (one.empty()) // the node has gone meanwhile
        co_return;
    std::vector<NodeCommand> commands;
    if (act == NodeTopic::Act::stop || act == NodeTopic::Act::restart)
        commands.push_back(NodeCommand::stop);
    if (act == NodeTopic::Act::start || act == NodeTopic::Act::restart)
        commands.push_back(NodeCommand::start);
    if (commands.empty())
        tell_state(message, find(one.front()));
    else
        co_await command_each(std::move(one), std::move(commands));
}

void ServiceRuntime::tell_state(const Message& message, NodeRuntime& node) {
    if (!message.reply().empty())
        transport->respond(message, boost::json::value(node.state.get_all_with_prefix()));
    node.repeat_status();
}

void ServiceRuntime::announce_development() {
    if (options.development_file.empty())
        return;
    if (development_id_.empty())
        development_id_ = development_id(options.development_file);
    transport->publish(topic->dev_mode(development_id_), id);
}

} // namespace fluxlib
