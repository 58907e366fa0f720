// SPDX-License-Identifier: MIT
// A node that stays is given what a new config has for it.
#include <fluxmq/error.hpp>

#include "node_runtime.hpp"
#include "port_lists.hpp"
#include "tagged_executor.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>

namespace fluxlib {

namespace {

Task<> run_and_tell(std::function<Task<>()> work, std::shared_ptr<Completion> done) {
    std::exception_ptr failure;
    try {
        co_await work();
    } catch (...) {
        failure = std::current_exception();
    }
    done->finish(std::move(failure));
}

} // namespace

// Runs `work` where the node lives, when no hook of it runs; now, where that is here and one of its own hooks asks.
Task<> NodeRuntime::between_messages(std::function<Task<>()> work) {
    const auto executor = boost::asio::any_io_executor{co_await boost::asio::this_coro::executor};
    if (!loop_runs_ || tag_of(executor) == this) {
        co_await work();
        co_return;
    }
    const auto done = std::make_shared<Completion>();
    if (mailbox_->post([work = std::move(work), done] { return run_and_tell(work, done); }))
        co_await done->wait();
}

// Where the node lives on the service's loop it is not waited for: nothing else runs there at the same time.
Task<> NodeRuntime::where_it_lives(std::function<void()> look) {
    if (elsewhere_) {
        const auto work = [look = std::move(look)]() -> Task<> {
            look();
            co_return;
        };
        co_await between_messages(work);
    } else {
        look();
    }
}

Task<> NodeRuntime::check_config(DataNode wanted) {
    return where_it_lives([this, wanted = std::move(wanted)] { node.check_config(wanted); });
}

Task<> NodeRuntime::check_settings(boost::json::object wanted) {
    return where_it_lives([this, wanted = std::move(wanted)] { node.check_settings(wanted); });
}

Input* NodeRuntime::find_input(std::string_view alias) const {
    const std::lock_guard lock{ports_mutex_};
    return find_port(inputs, alias);
}

// They have no topics yet. Ports are never taken away: a hook may hold one.
Task<> NodeRuntime::add_ports(DataNode wanted) {
    const auto missing = [this](const DataNode& data) {
        return std::any_of(data.inputs.begin(), data.inputs.end(),
                           [&](const auto& port) { return !find_port(inputs, port.alias); }) ||
               std::any_of(data.outputs.begin(), data.outputs.end(),
                           [&](const auto& port) { return !find_port(outputs, port.alias); });
    };
    {
        const std::lock_guard lock{ports_mutex_};
        if (!missing(wanted))
            co_return;
    }
    const auto add = [this, wanted = std::move(wanted)]() -> Task<> {
        for (const auto& port : wanted.inputs) {
            if (find_input(port.alias))
                continue;
            DataInput data;
            data.alias = port.alias;
            auto input = std::make_unique<Input>(*this, std::move(data), input_limits_);
            if (lifecycle == NodeState::started)
                input->set_gate(fluxmq::Inlet::Gate::open);
            const std::lock_guard lock{ports_mutex_};
            inputs.push_back(std::move(input));
        }
        for (const auto& port : wanted.outputs) {
            if (find_port(outputs, port.alias))
                continue;
            DataOutput data;
            data.alias = port.alias;
            auto output = std::make_unique<Output>(*this, std::move(data));
            const std::lock_guard lock{ports_mutex_};
            outputs.push_back(std::move(output));
        }
        co_return;
    };
    co_await between_messages(add);
}

// `retuned`: the settings differ from those of the config before; set_settings may have changed them since.
Task<> NodeRuntime::change(DataNode wanted, bool retuned) {
    const bool restarts = restart_on_settings_ && retuned && lifecycle == NodeState::started;
    if (restarts)
        co_await command(NodeCommand::stop);
    const auto take = [this, wanted = std::move(wanted), retuned] { return take_config(wanted, retuned); };
    co_await between_messages(take);
    if (restarts)
        co_await command(NodeCommand::start);
}

Task<> NodeRuntime::take_config(DataNode wanted, bool retuned) {
    if (lifecycle == NodeState::destroyed)
        co_return;
    for (auto* input : all_inputs()) {
        auto topics = fluxlib::topics_of(wanted.inputs, input->alias());
        const std::lock_guard lock{ports_mutex_};
        input->data_.topics = std::move(topics);
    }
    for (const auto& output : outputs)
        if (auto topics = fluxlib::topics_of(wanted.outputs, output->alias()); topics != output->topics())
            output->set_topics(std::move(topics));
    if (!own_timer_ && timer_ != wanted.timer) {
        set_timer(wanted.timer);
        tick_timer_.cancel();
        if (lifecycle == NodeState::started) {
            started_at_ = clock().now();
            deadlines_ = 0;
            arm_timer();
        }
    }
    if (const auto policy = wanted.supervision.value_or(own_supervision_); policy != supervisor_.policy()) {
        supervisor_.set_policy(policy);
        watch_timer_.cancel();
        watch_hooks();
    }
    if (retuned)
        co_await take_settings(std::move(wanted.settings), {});
}

} // namespace fluxlib
