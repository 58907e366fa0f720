// SPDX-License-Identifier: MIT
// A config takes the place of the one before it: prepared as a whole, and then switched to, or left alone.
#include "port_lists.hpp"
#include "rewiring.hpp"
#include "service_runtime.hpp"

#include <set>

namespace fluxlib {

using fluxmq::errc;
using fluxmq::Error;

namespace {

// What is said of a config that could not be applied names the node.
[[noreturn]] void refuse(const std::string& node_id, const std::string& what) {
    throw Error{errc::invalid_config, "node '" + node_id + "': " + what};
}

// The same for what code of the node has thrown.
[[noreturn]] void refuse(const std::string& node_id, const std::string& where, const std::exception& thrown) {
    const auto* error = dynamic_cast<const Error*>(&thrown);
    if (!error)
        refuse(node_id, where + thrown.what());
    throw Error{error->kind(), "node '" + node_id + "': " + where + error->detail()};
}

} // namespace

/// A config on its way.
struct ServiceRuntime::Change {
    explicit Change(fluxmq::Transport& transport) : rewiring{transport} {}

    ConfigPlan plan;
    std::vector<std::unique_ptr<Record>> fresh;  // nodes of new ids; taken in while they are prepared
    std::vector<std::unique_ptr<Record>> remade; // nodes that take the place of one of another type
    std::vector<std::string> fresh_ids;
    std::set<std::string> starting; // what runs now, and is made anew, runs again
    Rewiring rewiring;
};

Task<> ServiceRuntime::apply(std::vector<DataNode> wanted) {
    return on_own_loop(do_apply(std::move(wanted)));
}

Task<> ServiceRuntime::do_apply(std::vector<DataNode> wanted) {
    Change change{*transport};
    change.plan = diff_config(current_config(), wanted);
    std::exception_ptr failure;
    try {
        co_await prepare(change);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) {
        for (const auto& node_id : change.fresh_ids)
            co_await quietly(command(node_id, NodeCommand::destroy));
        std::rethrow_exception(failure);
    }
    co_await switch_to(change);
    configured_ = true;
    config_timer_.cancel();
    co_await announce_ready();
}

std::vector<DataNode> ServiceRuntime::current_config() const {
    std::vector<DataNode> current;
    for (const auto& node_id : node_ids())
        if (const auto* record = record_of(node_id); record && record->config)
            current.push_back(*record->config);
    return current;
}

std::unique_ptr<ServiceRuntime::Record> ServiceRuntime::make_record(DataNode data) {
    if (const auto* found = record_of(data.id); found && !found->config)
        throw Error{errc::duplicate_node, "the config has a node '" + data.id +
                                              "', an id that the service has given to a node of its own"};
    std::unique_ptr<Node> node;
    try {
        node = service.get_node(data);
    } catch (const std::exception& error) {
        const auto* typed = dynamic_cast<const Error*>(&error);
        if (typed && typed->kind() == errc::unknown_node_type)
            throw; // it names the node
        refuse(data.id, "it could not be made: ", error);
    }
    if (!node)
        throw Error{errc::unknown_node_type,
                    "get_node() made nothing for node '" + data.id + "' of type '" + data.type + "'"};
    if (node->id() != data.id)
        throw Error{errc::invalid_config,
                    "get_node() made node '" + node->id() + "' where the config has '" + data.id + "'"};
    return std::make_unique<Record>(std::move(node), std::make_unique<DataNode>(std::move(data)));
}

// Everything that can fail, while the running nodes go on as they are.
Task<> ServiceRuntime::prepare(Change& change) {
    for (auto& data : change.plan.create) {
        auto record = make_record(data);
        auto& place = record_of(data.id) ? change.remade : change.fresh;
        place.push_back(std::move(record));
    }
    for (const auto& data : change.plan.change) {
        auto* node = look_up(data.id);
        if (!node)
            continue;
        try {
            co_await node->check(data.settings);
        } catch (const std::exception& error) {
            refuse(data.id, "field 'settings': ", error);
        }
        co_await node->add_ports(data);
    }
    plan_wiring(change);
    co_await change.rewiring.prepare();
    for (auto& record : change.fresh) {
        const auto node_id = record->node->id();
        record->topics = co_await subscribe_node(node_id);
        if (!take_in(std::move(record)))
            throw Error{errc::duplicate_node, "there is a node '" + node_id + "' already"};
        change.fresh_ids.push_back(node_id);
        std::string failed;
        try {
            co_await command(node_id, NodeCommand::init);
        } catch (const Error& error) {
            failed = error.what();
        }
        if (!failed.empty())
            refuse(node_id, "it could not be initialised: " + failed);
    }
}

void ServiceRuntime::plan_wiring(Change& change) {
    for (const auto& data : change.plan.change)
        if (auto* node = look_up(data.id))
            for (auto* input : node->all_inputs())
                change.rewiring.change(*input, topics_of(data.inputs, input->alias()));
    for (const auto& node_id : change.plan.destroy)
        if (auto* node = look_up(node_id))
            for (auto* input : node->all_inputs())
                change.rewiring.leave(*input);
    for (const auto* made : {&change.fresh, &change.remade})
        for (const auto& record : *made)
            if (auto& node = *record->node->runtime_; node.listens())
                for (auto* input : node.all_inputs())
                    change.rewiring.arrive(*input);
}

// Nothing here can be refused any more; what a hook throws is that node's trouble, and is reported as such.
Task<> ServiceRuntime::switch_to(Change& change) {
    const auto will_start = [&](const std::string& node_id) {
        return all_started_ || change.starting.contains(node_id);
    };
    for (const auto& node_id : change.plan.destroy)
        if (const auto* node = look_up(node_id); node && node->lifecycle == NodeState::started)
            change.starting.insert(node_id);
    // What arrives for a node that is about to start waits for it.
    for (const auto& node_id : change.fresh_ids)
        if (auto* node = look_up(node_id); node && will_start(node_id))
            node->expect_start();
    for (const auto& record : change.remade)
        if (will_start(record->node->id()))
            record->node->runtime_->expect_start();
    change.rewiring.commit();
    for (auto& data : change.plan.change)
        if (auto* record = record_of(data.id)) { // nobody has destroyed it meanwhile
            const bool retuned = record->config->settings != data.settings;
            *record->config = data;
            co_await quietly(record->node->runtime_->change(data, retuned));
        }
    if (change.rewiring.has_left()) {
        co_await quietly(transport->flush(options.drain_timeout));
        change.rewiring.end_left();
    }
    for (const auto& node_id : change.plan.destroy) {
        co_await finish_waiting(node_id);
        co_await quietly(command(node_id, NodeCommand::destroy));
    }
    std::vector<std::string> starting;
    for (const auto& node_id : change.fresh_ids)
        if (will_start(node_id))
            starting.push_back(node_id);
    for (auto& record : change.remade) {
        const auto node_id = record->node->id();
        auto topics = co_await subscribe_node(node_id);
        record->topics = std::move(topics);
        if (!take_in(std::move(record))) // somebody has appended one meanwhile
            continue;
        co_await quietly(command(node_id, NodeCommand::init));
        if (will_start(node_id))
            starting.push_back(node_id);
    }
    co_await start_together(std::move(starting));
}

// A node that goes first handles what has arrived for it.
Task<> ServiceRuntime::finish_waiting(std::string node_id) {
    const auto caller = boost::asio::any_io_executor{co_await boost::asio::this_coro::executor};
    auto* node = look_up(node_id);
    if (!node || node->lifecycle != NodeState::started ||
        tag_of(caller) == node) // its own hook waits for this
        co_return;
    node->silence();
    const bool settled_before = settling_.exchange(true);
    const auto deadline = clock().now() + options.drain_timeout;
    const auto timer = clock().call_at(deadline, executor_, [this] { idle_.notify(); });
    while ((node = look_up(node_id)) && !node->idle() && clock().now() < deadline && !ending_)
        co_await idle_.wait();
    settling_ = settled_before;
}

} // namespace fluxlib
