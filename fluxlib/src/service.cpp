// SPDX-License-Identifier: MIT
#include <fluxlib/service.hpp>

#include "service_runtime.hpp"

#include <typeinfo>

namespace fluxlib {

using fluxmq::errc;
using fluxmq::Error;

namespace {

/// The plain strings, without those that a profile does without.
class ProfileStatus final : public fluxmq::Status {
public:
    explicit ProfileStatus(const Profile& profile) : profile_{profile} {}

    std::string starting() const override { return passing(Status::starting()); }
    std::string active() const override { return profile_.active_status ? Status::active() : ready(); }
    std::string stopping() const override { return passing(Status::stopping()); }
    std::string stopped() const override { return passing(Status::stopped()); }

private:
    // An empty status is not announced.
    std::string passing(std::string text) const { return profile_.passing_statuses ? text : std::string{}; }

    const Profile profile_;
};

} // namespace

Service::Service(std::string id, ServiceOptions options)
    : runtime_{std::make_unique<ServiceRuntime>(*this, std::move(id), std::move(options))} {}
Service::~Service() = default;

void Service::attach_shared(std::shared_ptr<fluxmq::Transport> transport,
                            std::shared_ptr<const fluxmq::Topic> topic,
                            std::shared_ptr<const fluxmq::Status> status) {
    runtime_->transport = std::move(transport);
    runtime_->topic = std::move(topic);
    // The plain strings are what attach() takes where it is given none.
    const auto& given = *status;
    if (typeid(given) == typeid(fluxmq::Status))
        status = std::make_shared<const ProfileStatus>(runtime_->options.profile);
    runtime_->status = std::move(status);
}

const std::string& Service::id() const noexcept { return runtime_->id; }
const ServiceOptions& Service::options() const noexcept { return runtime_->options; }
spdlog::logger& Service::logger() const noexcept { return *runtime_->logger; }
StateSlice& Service::state() noexcept { return runtime_->state; }
const boost::json::object& Service::settings() const noexcept { return runtime_->settings; }

fluxmq::Transport& Service::transport() const {
    if (!runtime_->transport)
        throw Error{errc::not_attached, "the service '" + id() + "' has no transport: call attach() first"};
    return *runtime_->transport;
}

const fluxmq::Topic& Service::topic() const noexcept { return *runtime_->topic; }
const fluxmq::Status& Service::status() const noexcept { return *runtime_->status; }
std::string Service::current_status() const { return runtime_->current_status(); }

void Service::publish(std::string_view topic, const Payload& payload, const fluxmq::Headers& headers) {
    transport().publish(topic, payload, headers);
}

Task<std::shared_ptr<Queue>> Service::subscribe(std::string topic) {
    return runtime_->subscribe(std::move(topic));
}

Task<> Service::subscribe_handler(std::string topic, Handler handler) {
    return runtime_->subscribe_handler(std::move(topic), std::move(handler));
}

void Service::unsubscribe(std::string_view topic) { runtime_->unsubscribe(topic); }

Task<Message> Service::request(std::string topic, const Payload& payload, std::chrono::milliseconds timeout,
                               fluxmq::Headers headers) {
    return transport().request(std::move(topic), payload, timeout, std::move(headers));
}

void Service::respond(const Message& message, const Payload& payload, const fluxmq::Headers& headers) {
    transport().respond(message, payload, headers);
}

void Service::send_status(std::string status) { runtime_->send_status(std::move(status)); }

void Service::send_common_data(const Payload& data) { publish(topic().set_common_data(id()), data); }

void Service::append_node(std::unique_ptr<Node> node) { runtime_->append(std::move(node)); }

void Service::register_node(std::string type, NodeFactory factory) {
    runtime_->add_factory(std::move(type), std::move(factory));
}

std::unique_ptr<Node> Service::get_node(const DataNode& data) { return runtime_->make(data); }

Node& Service::node(std::string_view id) const { return runtime_->find(id).node; }

std::vector<std::string> Service::node_ids() const { return runtime_->node_ids(); }

Task<> Service::start_node(std::string id) { return runtime_->command(std::move(id), NodeCommand::start); }
Task<> Service::stop_node(std::string id) { return runtime_->command(std::move(id), NodeCommand::stop); }
Task<> Service::destroy_node(std::string id) {
    return runtime_->command(std::move(id), NodeCommand::destroy);
}
Task<> Service::start_node_all() { return runtime_->command("*", NodeCommand::start); }
Task<> Service::stop_node_all() { return runtime_->command("*", NodeCommand::stop); }
Task<> Service::destroy_node_all() { return runtime_->command("*", NodeCommand::destroy); }

Task<> Service::apply_config(std::string_view json) { return runtime_->apply(parse_config(json)); }

Task<> Service::run() { return runtime_->run(); }
Task<ExitReport> Service::wait() { return runtime_->wait(); }
void Service::shutdown() noexcept { runtime_->shutdown(); }
Account Service::account() const { return runtime_->account(); }

Task<> Service::on_init(const Message&) { co_return; }
Task<> Service::on_connected() { co_return; }
Task<> Service::on_ready() { co_return; }

Task<> Service::on_start(const Message& message) {
    return runtime_->command_ids(message, {NodeCommand::start});
}

Task<> Service::on_stop(const Message& message) {
    return runtime_->command_ids(message, {NodeCommand::stop});
}

Task<> Service::on_restart(const Message& message) {
    return runtime_->command_ids(message, {NodeCommand::stop, NodeCommand::start});
}

Task<> Service::on_settings(const Message& message) {
    const auto body = message.json();
    if (!body.is_object())
        throw Error{errc::invalid_settings,
                    "expected an object, got " + std::string{message.text().substr(0, 60)}};
    for (const auto& [key, value] : body.get_object())
        runtime_->settings.insert_or_assign(key, value);
    co_return;
}

Task<> Service::on_config(const Message& message) { return runtime_->apply(parse_config(message.text())); }

Task<> Service::on_common_data(const Message&) { co_return; }

Task<> Service::on_common_state(const Message& message) {
    const boost::json::value all = state().get_all_with_prefix();
    publish(topic().set_service_state(id()), all);
    if (!message.reply().empty())
        respond(message, all);
    co_return;
}

Task<> Service::on_ide_status(const Message&) { co_return; }
Task<> Service::on_tick(const Tick&) { co_return; }
Task<> Service::on_shutdown(int) { co_return; }

Task<> Service::on_error(const Message& message) {
    logger().debug("error topic: {}", message.text());
    co_return;
}

} // namespace fluxlib
