// SPDX-License-Identifier: MIT
// A config takes the place of the one before it: prepared as a whole, and then switched to, or left alone.
#include "port_lists.hpp"
#include "rewiring.hpp"
#include "service_runtime.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <functional>
#include <map>
#include <set>

namespace fluxlib {

using fluxmq::errc;
using fluxmq::Error;

namespace {

constexpr auto in_settings = "field 'settings': ";

// What is said of a config that could not be applied names the node.
[[noreturn]] void refuse_config(const std::string& node_id, const std::string& what) {
    throw Error{errc::invalid_config, "node '" + node_id + "': " + what};
}

// The same for what code of the node has thrown.
[[noreturn]] void refuse_config(const std::string& node_id, const std::string& where,
                                const std::exception& thrown) {
    const auto* error = dynamic_cast<const Error*>(&thrown);
    if (!error)
        refuse_config(node_id, where + thrown.what());
    throw Error{error->kind(), "node '" + node_id + "': " + where + error->detail()};
}

} // namespace

/// A config that somebody waits for.
struct ServiceRuntime::Config {
    std::vector<DataNode> wanted;
    std::shared_ptr<Config> before;
    Completion applied;
    fluxmq::Wakeup over; // the next one may begin
};

/// A config on its way.
struct ServiceRuntime::Change {
    explicit Change(fluxmq::Transport& transport) : rewiring{transport} {}

    ConfigPlan plan;
    // Nodes of new ids, which are taken in while they are prepared.
    std::vector<std::unique_ptr<Record>> fresh;
    // Nodes that take the place of one of another type at the switch.
    std::vector<std::unique_ptr<Record>> remade;
    std::vector<std::string> fresh_ids;
    std::set<std::string> starting; // what runs now, and is made anew, runs again
    Rewiring rewiring;
};

Task<> ServiceRuntime::apply(std::vector<DataNode> wanted) {
    return on_own_loop(do_apply(std::move(wanted)));
}

// A config is applied by a coroutine of its own: whoever waits for it may be cancelled, and it must not stop half-way.
// It counts as awaited by the node whose hook that is, which it then does not wait for.
Task<> ServiceRuntime::do_apply(std::vector<DataNode> wanted) {
    if (ending_)
        throw Error{errc::illegal_transition, "the service '" + id + "' ends, and takes no config any more"};
    const auto caller = boost::asio::any_io_executor{co_await boost::asio::this_coro::executor};
    if (configs_ > 0 && tag_of(caller)) // that may be what the other one waits for
        throw Error{errc::illegal_transition,
                    "another config is being applied, and a node's hook cannot wait for it"};
    ++configs_;
    const auto config = std::make_shared<Config>();
    config->wanted = std::move(wanted);
    config->before = std::exchange(last_config_, config);
    boost::asio::co_spawn(caller, carry_out(config), boost::asio::detached);
    co_await config->applied.wait();
}

// Each config is compared with what the one before it has left.
Task<> ServiceRuntime::carry_out(std::shared_ptr<Config> config) {
    if (const auto before = std::exchange(config->before, nullptr))
        co_await before->over.wait();
    std::exception_ptr failure;
    try {
        co_await prepare_and_switch(std::move(config->wanted));
    } catch (...) {
        failure = std::current_exception();
    }
    config->over.notify(); // on_ready may apply the next one
    if (!failure)
        co_await announce_ready();
    --configs_;
    config->applied.finish(std::move(failure));
    configs_done_.notify();
}

Task<> ServiceRuntime::prepare_and_switch(std::vector<DataNode> wanted) {
    Change change{*transport};
    change.plan = diff_config(current_config(), wanted);
    rewiring_ = &change.rewiring;
    std::exception_ptr failure;
    try {
        co_await prepare(change);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) {
        change.rewiring.undo();
        for (const auto& node_id : change.fresh_ids)
            co_await quietly(command(node_id, NodeCommand::destroy));
        for (const auto& record : change.remade)
            co_await quietly(record->node->runtime_->command(NodeCommand::destroy));
    } else {
        co_await switch_to(change);
        configured_ = true;
        config_timer_.cancel();
    }
    rewiring_ = nullptr;
    unseen_.clear();
    if (failure)
        std::rethrow_exception(failure);
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
        refuse_config(data.id, "it could not be made: ", error);
    }
    if (!node)
        throw Error{errc::unknown_node_type,
                    "get_node() made nothing for node '" + data.id + "' of type '" + data.type + "'"};
    if (node->id() != data.id)
        throw Error{errc::invalid_config,
                    "get_node() made node '" + node->id() + "' where the config has '" + data.id + "'"};
    return std::make_unique<Record>(std::move(node), std::make_unique<DataNode>(std::move(data)));
}

// Everything that can fail, the new nodes' on_create among it, while the running nodes go on as they are.
Task<> ServiceRuntime::prepare(Change& change) {
    const auto caller = boost::asio::any_io_executor{co_await boost::asio::this_coro::executor};
    for (auto& data : change.plan.create) {
        if (const auto* node = look_up(data.id); node && tag_of(caller) == node)
            refuse_config(data.id, "its own hook cannot give it another type");
        auto record = make_record(data);
        const bool remade = record_of(data.id);
        record->node->runtime_->hide_status(remade); // the id is still that of the node before it
        (remade ? change.remade : change.fresh).push_back(std::move(record));
    }
    for (const auto* made : {&change.fresh, &change.remade})
        for (const auto& record : *made)
            try {
                co_await record->node->runtime_->check_settings(record->config->settings);
            } catch (const std::exception& error) {
                refuse_config(record->config->id, in_settings, error);
            }
    for (const auto& data : change.plan.change) {
        auto* node = look_up(data.id);
        if (!node)
            continue;
        std::string where;
        try {
            co_await node->check_config(data);
            where = in_settings;
            co_await node->check_settings(data.settings);
        } catch (const std::exception& error) {
            refuse_config(data.id, where, error);
        }
        co_await node->add_ports(data);
    }
    plan_wiring(change);
    co_await change.rewiring.prepare();
    for (auto& record : change.fresh) {
        const auto node_id = record->node->id();
        co_await subscribe_record(*record);
        auto& node = *record->node->runtime_;
        place(node);
        if (!take_in(record))
            throw Error{errc::duplicate_node, "there is a node '" + node_id + "' already"};
        change.fresh_ids.push_back(node_id);
        co_await init_for_config(node);
    }
    for (const auto& record : change.remade) {
        auto& node = *record->node->runtime_;
        place(node);
        unseen_.push_back(&node);
        co_await init_for_config(node);
    }
}

Task<> ServiceRuntime::init_for_config(NodeRuntime& node) {
    const auto node_id = node.id;
    std::string failed;
    try {
        co_await node.command(NodeCommand::init);
    } catch (const Error& error) {
        failed = error.what();
    }
    if (!failed.empty())
        refuse_config(node_id, "it could not be initialised: " + failed);
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
    co_await finish_leaving(change);
    for (const auto& record : change.remade)
        if (auto* before = record_of(record->node->id())) // nobody has destroyed it meanwhile
            record->topics = std::move(before->topics);   // they name the id
        else
            co_await quietly(subscribe_record(*record));
    for (const auto& node_id : change.plan.destroy)
        co_await quietly(command(node_id, NodeCommand::destroy));
    std::vector<std::string> starting;
    for (const auto& node_id : change.fresh_ids)
        if (will_start(node_id))
            starting.push_back(node_id);
    for (auto& record : change.remade) {
        auto& node = *record->node->runtime_;
        if (!take_in(record)) { // somebody has appended one meanwhile
            co_await quietly(node.command(NodeCommand::destroy));
            continue;
        }
        std::erase(unseen_, &node);
        node.hide_status(false);
        node.repeat_status();
        if (will_start(node.id))
            starting.push_back(node.id);
    }
    co_await start_together(std::move(starting));
}

// One after the other the nodes that go handle what has arrived for them, those first that others of them hear; what
// they publish is still heard by whoever has heard them.
Task<> ServiceRuntime::finish_leaving(Change& change) {
    auto& rewiring = change.rewiring;
    bool on_its_way = rewiring.has_left();
    std::vector<std::string> published;
    for (const auto& node_id : in_order_of_flow(change)) {
        const auto* node = look_up(node_id);
        if (!node)
            continue;
        if (on_its_way || rewiring.has_left(*node, published)) {
            co_await quietly(transport->flush(options.drain_timeout));
            on_its_way = false;
            published.clear();
            node = look_up(node_id);
        }
        if (!node)
            continue;
        rewiring.end_left(*node);
        const auto topics = node->output_topics();
        published.insert(published.end(), topics.begin(), topics.end());
        co_await finish_waiting(node_id);
    }
    if (rewiring.has_left()) {
        co_await quietly(transport->flush(options.drain_timeout));
        rewiring.end_left();
    }
}

// The nodes that go, each behind those that it hears, unless they hear each other.
std::vector<std::string> ServiceRuntime::in_order_of_flow(const Change& change) const {
    std::multimap<std::string, const NodeRuntime*> publishers; // by topic
    std::vector<const NodeRuntime*> leaving;
    for (const auto& node_id : change.plan.destroy)
        if (const auto* node = look_up(node_id)) {
            leaving.push_back(node);
            for (auto& topic : node->output_topics())
                publishers.emplace(std::move(topic), node);
        }
    const auto heard = change.rewiring.left_patterns();
    std::vector<std::string> order;
    std::set<const NodeRuntime*> seen;
    const std::function<void(const NodeRuntime*)> place = [&](const NodeRuntime* node) {
        if (!seen.insert(node).second)
            return;
        for (auto [at, end] = heard.equal_range(node); at != end; ++at) {
            const auto& pattern = at->second;
            const bool many = fluxmq::has_wildcard(pattern);
            const auto first = many ? publishers.begin() : publishers.lower_bound(pattern);
            const auto last = many ? publishers.end() : publishers.upper_bound(pattern);
            for (auto each = first; each != last; ++each)
                if (fluxmq::matches(pattern, each->first))
                    place(each->second);
        }
        order.push_back(node->id);
    };
    for (const auto* node : leaving)
        place(node);
    return order;
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
