// SPDX-License-Identifier: MIT
#include <fluxlib/node.hpp>

#include "node_runtime.hpp"
#include "port_lists.hpp"

namespace fluxlib {

namespace {

std::string text_of(const std::exception_ptr& cause, const std::string& topic) {
    try {
        std::rethrow_exception(cause);
    } catch (const fluxmq::Error& error) {
        // Without its topic, which is said once, at the end.
        const fluxmq::Error bare{error.kind(), error.detail(), {}, error.broker_text()};
        return error.topic().empty() || error.topic() == topic ? bare.what() : error.what();
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "something that is not a std::exception";
    }
}

template <class Port>
Port& known_port(const std::vector<std::unique_ptr<Port>>& ports, std::string_view alias,
                 std::string_view kind, const std::string& node) {
    if (auto* port = find_port(ports, alias))
        return *port;
    std::string known;
    for (const auto& port : ports)
        known += (known.empty() ? "" : ", ") + port->alias();
    throw fluxmq::Error{fluxmq::errc::unknown_port, "node '" + node + "' has no " + std::string{kind} + " '" +
                                                        std::string{alias} + "'; it has " +
                                                        (known.empty() ? "none" : known)};
}

} // namespace

HookError::HookError(std::string node, std::string hook, std::string topic, std::exception_ptr cause)
    : Error{fluxmq::errc::hook_failed, "node '" + node + "', " + hook + ": " + text_of(cause, topic),
            std::move(topic)},
      node_{std::move(node)}, hook_{std::move(hook)}, cause_{std::move(cause)} {}

Node::Node(Service& service, std::string id, NodeOptions options)
    : runtime_{std::make_unique<NodeRuntime>(*this, service, std::move(id), std::move(options))} {}
Node::~Node() = default;

const std::string& Node::id() const noexcept { return runtime_->id; }
const std::string& Node::type() const noexcept { return runtime_->type; }
Service& Node::service() const noexcept { return runtime_->service; }
spdlog::logger& Node::logger() const noexcept { return runtime_->logger(); }
StateSlice& Node::state() noexcept { return runtime_->state; }
fluxmq::Clock& Node::clock() const noexcept { return runtime_->clock(); }
NodeState Node::lifecycle() const noexcept { return runtime_->lifecycle; }
const std::string& Node::status() const noexcept { return runtime_->status; }
void Node::set_status(std::string status) { runtime_->set_status(std::move(status)); }
const boost::json::object& Node::settings() const noexcept { return runtime_->settings; }

Input& Node::input(std::string_view alias) { return known_port(runtime_->inputs, alias, "input", id()); }
Output& Node::output(std::string_view alias) { return known_port(runtime_->outputs, alias, "output", id()); }
std::string Node::get_global_topic() const { return service().topic().time(); }

Task<> Node::init() { return runtime_->command(NodeCommand::init); }
Task<> Node::start() { return runtime_->command(NodeCommand::start); }
Task<> Node::stop() { return runtime_->command(NodeCommand::stop); }
Task<> Node::destroy() { return runtime_->command(NodeCommand::destroy); }

fluxmq::MailboxCounters Node::counters() const { return runtime_->counters(); }

std::uint64_t Node::published() const noexcept { return runtime_->published(); }

NodeStatistics Node::statistics() const { return runtime_->statistics(); }

Task<> Node::on_create() { co_return; }
Task<> Node::on_start() { co_return; }
Task<> Node::on_stop() { co_return; }
Task<> Node::on_tick(const Tick&) { co_return; }
Task<> Node::on_destroy() { co_return; }
Task<> Node::on_error(const HookError&) { co_return; }
Task<> Node::on_input(Message) { co_return; }
Task<> Node::on_settings(Message) { co_return; }
Task<> Node::on_state_changed() { co_return; }
void Node::check_settings(const boost::json::object&) const {}
void Node::check_config(const DataNode&) const {}

} // namespace fluxlib
