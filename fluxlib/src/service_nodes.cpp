// SPDX-License-Identifier: MIT
#include "rewiring.hpp"
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

std::optional<boost::asio::any_io_executor> ServiceRuntime::further_loop(std::size_t place) const {
    if (place == 0 || !further_ || !further_->running())
        return std::nullopt;
    return further_->executor(place - 1);
}

void ServiceRuntime::add_factory(std::string type, Service::NodeFactory factory) {
    const std::lock_guard lock{mutex_};
    factories_.insert_or_assign(std::move(type), std::move(factory));
}

std::unique_ptr<Node> ServiceRuntime::make(const DataNode& data) const {
    Service::NodeFactory factory;
    std::vector<std::string> known;
    {
        const std::lock_guard lock{mutex_};
        if (const auto found = factories_.find(data.type); found != factories_.end())
            factory = found->second;
        for (const auto& [type, each] : factories_)
            known.push_back(type);
    }
    if (!factory)
        throw Error{errc::unknown_node_type,
                    "node '" + data.id + "' has type '" + data.type + "'; registered are " + listed(known)};
    return factory(data);
}

// Each loop gets the next one in turn.
void ServiceRuntime::place(NodeRuntime& node) noexcept {
    const std::lock_guard lock{mutex_};
    node.place_on(next_place_++ % static_cast<std::size_t>(options.threads));
}

// False, and nothing is taken, when there is a node of this id.
bool ServiceRuntime::take_in(std::unique_ptr<Record>& record) {
    const std::lock_guard lock{mutex_};
    if (!by_id_.emplace(record->node->runtime_->id, record.get()).second)
        return false;
    nodes_.push_back(std::move(record));
    return true;
}

void ServiceRuntime::append(std::unique_ptr<Node> node) {
    if (!node)
        throw Error{errc::unknown_node, "append_node() was given no node"};
    const std::string node_id = node->id();
    auto record = std::make_unique<Record>(std::move(node));
    place(*record->node->runtime_);
    if (!take_in(record))
        throw Error{errc::duplicate_node, "there is a node '" + node_id + "' already"};
    if (!running_)
        return; // run() will initialise it
    mailbox_->post([this, node_id]() -> Task<> {
        // Anyone may destroy it meanwhile, so it is looked up at each step.
        co_await quietly(command(node_id, NodeCommand::init));
        std::vector<std::string> one(1, node_id);
        if (options.auto_start)
            co_await start_together(std::move(one));
    });
}

ServiceRuntime::Record* ServiceRuntime::record_of(std::string_view node_id) const {
    const std::lock_guard lock{mutex_};
    const auto found = by_id_.find(node_id);
    return found == by_id_.end() ? nullptr : found->second;
}

NodeRuntime* ServiceRuntime::look_up(std::string_view node_id) const {
    const auto* record = record_of(node_id);
    return record ? record->node->runtime_.get() : nullptr;
}

NodeRuntime& ServiceRuntime::find(std::string_view node_id) const {
    if (auto* found = look_up(node_id))
        return *found;
    throw Error{errc::unknown_node,
                "'" + std::string{node_id} + "'; the service '" + id + "' has " + listed(node_ids())};
}

std::vector<std::string> ServiceRuntime::node_ids() const {
    const std::lock_guard lock{mutex_};
    std::vector<std::string> ids;
    for (const auto& record : nodes_)
        ids.push_back(record->node->id());
    return ids;
}

std::vector<NodeRuntime*> ServiceRuntime::all_nodes() const {
    const std::lock_guard lock{mutex_};
    std::vector<NodeRuntime*> all;
    for (const auto& record : nodes_)
        all.push_back(record->node->runtime_.get());
    return all;
}

Task<> ServiceRuntime::command(std::string node_id, NodeCommand command) {
    return on_own_loop(do_command(std::move(node_id), command));
}

Task<> ServiceRuntime::do_command(std::string node_id, NodeCommand command) {
    if (node_id == "*") {
        // Said for all nodes, it holds for those of later configs, too.
        if (command == NodeCommand::start || command == NodeCommand::stop)
            all_started_ = command == NodeCommand::start;
        co_await command_all(command);
        co_return;
    }
    auto& runtime = find(node_id);
    if (command == NodeCommand::destroy)
        runtime.when_finished([this, node_id] { erase(node_id); });
    co_await runtime.command(command);
}

Task<> ServiceRuntime::command_all(NodeCommand command) { return on_own_loop(do_command_all(command)); }

Task<> ServiceRuntime::do_command_all(NodeCommand command) {
    std::vector<std::string> ids;
    for (const auto* node : all_nodes())
        if (node->accepts(command))
            ids.push_back(node->id);
    if (command == NodeCommand::start) {
        co_await start_together(std::move(ids));
        co_return;
    }
    for (const auto& node_id : ids)
        if (look_up(node_id))
            co_await quietly(this->command(node_id, command));
}

// Before the first of them starts, messages may wait at all of them: what one publishes at its start reaches the
// others.
Task<> ServiceRuntime::start_together(std::vector<std::string> ids) {
    const auto startable = [&](const std::string& node_id) {
        const auto* node = look_up(node_id);
        return node && node->accepts(NodeCommand::start);
    };
    for (const auto& node_id : ids)
        if (startable(node_id))
            find(node_id).expect_start();
    for (const auto& node_id : ids)
        if (startable(node_id))
            co_await quietly(command(node_id, NodeCommand::start));
}

void ServiceRuntime::erase(std::string_view node_id) {
    if (const auto* node = look_up(node_id); node && rewiring_)
        rewiring_->forget(*node);
    std::unique_ptr<Record> gone; // without the lock
    const std::lock_guard lock{mutex_};
    const auto found = by_id_.find(node_id);
    if (found == by_id_.end())
        return;
    const auto at = std::find_if(nodes_.begin(), nodes_.end(),
                                 [&](const auto& candidate) { return candidate.get() == found->second; });
    by_id_.erase(found);
    gone = std::move(*at);
    nodes_.erase(at);
    retired_ += gone->node->counters();
    retired_published_ += gone->node->published();
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

Task<> ServiceRuntime::command_ids(const Message& message, std::vector<NodeCommand> commands) {
    return on_own_loop(command_each(ids_in(message), std::move(commands)));
}

// One id that is unknown or refuses does not keep the others from the command.
Task<> ServiceRuntime::command_each(std::vector<std::string> ids, std::vector<NodeCommand> commands) {
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
    const std::lock_guard lock{mutex_};
    Account sum{.published = retired_published_};
    auto inputs = retired_;
    for (const auto& record : nodes_) {
        inputs += record->node->counters();
        sum.published += record->node->published();
    }
    sum.delivered = inputs.delivered;
    sum.dropped = inputs.dropped;
    sum.pending = inputs.pending;
    return sum;
}

} // namespace fluxlib
