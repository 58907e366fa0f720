// SPDX-License-Identifier: MIT
#include "service_runtime.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <set>

namespace fluxlib {

using fluxmq::errc;
using fluxmq::Error;

namespace {

std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names)
        text += (text.empty() ? "" : ", ") + name;
    return text.empty() ? "none" : text;
}

} // namespace

void ServiceRuntime::append(std::unique_ptr<Node> node) {
    if (!node)
        throw Error{errc::unknown_node, "append_node() was given no node"};
    if (by_id.contains(node->id()))
        throw Error{errc::duplicate_node, "there is a node '" + node->id() + "' already"};
    auto& record = *nodes.emplace_back(std::make_unique<Record>(std::move(node)));
    by_id.emplace(record.node->id(), &record);
    if (!running_)
        return; // run() will initialise it
    mailbox_->post([this, node_id = record.node->id()]() -> Task<> {
        // Anyone may destroy it meanwhile, so it is looked up at each step.
        co_await quietly(command(node_id, NodeCommand::init));
        std::vector<std::string> one(1, node_id);
        if (options.auto_start)
            co_await start_together(std::move(one));
    });
}

NodeRuntime& ServiceRuntime::find(std::string_view node_id) const {
    if (const auto found = by_id.find(node_id); found != by_id.end())
        return *found->second->node->runtime_;
    std::vector<std::string> known;
    for (const auto& record : nodes)
        known.push_back(record->node->id());
    throw Error{errc::unknown_node,
                "'" + std::string{node_id} + "'; the service '" + id + "' has " + listed(known)};
}

Task<> ServiceRuntime::command(std::string node_id, NodeCommand command) {
    if (node_id == "*") {
        co_await command_all(command);
        co_return;
    }
    auto& runtime = find(node_id);
    if (command == NodeCommand::destroy)
        runtime.when_finished([this, node_id] { erase(node_id); });
    co_await runtime.command(command);
}

Task<> ServiceRuntime::command_all(NodeCommand command) {
    std::vector<std::string> ids;
    for (const auto& record : nodes)
        if (record->node->runtime_->accepts(command))
            ids.push_back(record->node->id());
    if (command == NodeCommand::start) {
        co_await start_together(std::move(ids));
        co_return;
    }
    for (const auto& node_id : ids)
        if (by_id.contains(node_id))
            co_await quietly(this->command(node_id, command));
}

// Before the first of them starts, messages may wait at all of them: what one publishes at its start reaches the
// others.
Task<> ServiceRuntime::start_together(std::vector<std::string> ids) {
    const auto startable = [&](const std::string& node_id) {
        const auto found = by_id.find(node_id);
        return found != by_id.end() && found->second->node->runtime_->accepts(NodeCommand::start);
    };
    for (const auto& node_id : ids)
        if (startable(node_id))
            find(node_id).expect_start();
    for (const auto& node_id : ids)
        if (startable(node_id))
            co_await quietly(command(node_id, NodeCommand::start));
}

void ServiceRuntime::erase(std::string_view node_id) {
    const auto found = by_id.find(node_id);
    if (found == by_id.end())
        return;
    auto* record = found->second;
    retired_ += record->node->counters();
    retired_published_ += record->node->published();
    by_id.erase(found);
    const auto at = std::find_if(nodes.begin(), nodes.end(),
                                 [&](const auto& candidate) { return candidate.get() == record; });
    nodes.erase(at);
}

std::vector<std::string> ServiceRuntime::ids_in(const Message& message) {
    std::string_view text = message.text();
    const auto begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos)
        return {"*"};
    text = text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
    if (text.front() != '"' && text.front() != '[')
        return {std::string{text}};
    auto json = message.json();
    if (json.is_string())
        json = boost::json::array{json};
    return fluxmq::from_json<std::vector<std::string>>(json);
}

// One id that is unknown or refuses does not keep the others from the command.
Task<> ServiceRuntime::command_ids(const Message& message, std::vector<NodeCommand> commands) {
    const auto ids = ids_in(message);
    for (const auto& node_id : ids)
        for (const auto step : commands) {
            std::string failure;
            try {
                co_await command(node_id, step);
            } catch (const HookError& error) {
                logger->debug("{}", error.what()); // the node has reported it
            } catch (const Error& error) {
                failure = error.what();
            }
            if (!failure.empty()) {
                logger->error("{}", failure);
                publish_error(failure);
            }
        }
}

Task<> ServiceRuntime::apply(std::vector<DataNode> wanted) {
    std::vector<DataNode> current;
    for (const auto& record : nodes)
        if (record->config)
            current.push_back(*record->config);
    auto plan = diff_config(current, wanted);

    // Everything that can fail comes first, so that a bad config leaves the running nodes as they are.
    std::vector<std::unique_ptr<Record>> made;
    for (auto& data : plan.create) {
        const auto found = by_id.find(data.id);
        if (found != by_id.end() && !found->second->config)
            throw Error{errc::duplicate_node, "the config has a node '" + data.id +
                                                  "', an id that the service has "
                                                  "given to a node of its own"};
        auto node = service.get_node(data);
        if (!node)
            throw Error{errc::unknown_node_type,
                        "get_node() made nothing for node '" + data.id + "' of type '" + data.type + "'"};
        if (node->id() != data.id)
            throw Error{errc::invalid_config,
                        "get_node() made node '" + node->id() + "' where the config has '" + data.id + "'"};
        made.push_back(std::make_unique<Record>(std::move(node), std::move(data)));
    }
    for (const auto& data : plan.retune)
        by_id.at(data.id)->node->runtime_->check(data.settings);

    for (auto& data : plan.retune) {
        auto& record = *by_id.at(data.id);
        record.node->runtime_->retune(data.settings);
        record.config = std::move(data);
    }
    std::set<std::string> started; // what ran, and is made anew, runs again
    for (const auto& node_id : plan.destroy) {
        if (by_id.at(node_id)->node->lifecycle() == NodeState::started)
            started.insert(node_id);
    }
    for (const auto& node_id : plan.destroy)
        co_await quietly(command(node_id, NodeCommand::destroy));
    std::vector<std::string> starting;
    for (auto& record : made) {
        const auto node_id = record->node->id();
        by_id.emplace(record->node->id(), record.get());
        nodes.push_back(std::move(record));
        co_await quietly(command(node_id, NodeCommand::init));
        if (manager_started_ || started.contains(node_id))
            starting.push_back(node_id);
    }
    configured_ = true;
    config_timer_.cancel();
    co_await start_together(std::move(starting));
    co_await announce_ready();
}

// ACTIVE from the first node that runs, PAUSED when the last has stopped.
void ServiceRuntime::node_runs(bool runs) {
    running_nodes_ += runs ? 1 : -1;
    if (!running_ || ending_)
        return;
    if (runs && running_nodes_ == 1)
        announce(status->active());
    else if (running_nodes_ == 0)
        announce(status->paused());
}

Account ServiceRuntime::account() const {
    Account sum{.published = retired_published_};
    auto inputs = retired_;
    for (const auto& record : nodes) {
        inputs += record->node->counters();
        sum.published += record->node->published();
    }
    sum.delivered = inputs.delivered;
    sum.dropped = inputs.dropped;
    sum.pending = inputs.pending;
    return sum;
}

} // namespace fluxlib
