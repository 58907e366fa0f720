// SPDX-License-Identifier: MIT
#include <fluxlib/testing/python_service.hpp>

#include <fluxmq/error.hpp>

#include "peer.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <map>
#include <utility>

namespace fluxlib::testing {

namespace {

// nats.py keeps headers in a dictionary.
fluxmq::Headers last_values(const fluxmq::Headers& headers) {
    fluxmq::Headers last;
    for (const auto& [name, value] : headers)
        last.set(name, value);
    return last;
}

bool is_ascii(const fluxmq::Headers& headers) {
    return std::all_of(headers.begin(), headers.end(), [](const auto& entry) {
        return std::all_of(entry.second.begin(), entry.second.end(),
                           [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    });
}

fluxmq::Message with_headers(const fluxmq::Message& message, const fluxmq::Headers& headers) {
    if (headers == message.headers())
        return message;
    return {fluxmq::Bytes::copy(message.topic()), message.payload(), fluxmq::Bytes::copy(message.reply()),
            std::make_shared<const fluxmq::Headers>(headers)};
}

// The context of a behaviour while it runs.
class Within {
public:
    Within(const fluxmq::Headers*& place, const fluxmq::Headers& context) : place_{place} {
        place_ = &context;
    }
    ~Within() { place_ = nullptr; }
    Within(const Within&) = delete;
    Within& operator=(const Within&) = delete;

private:
    const fluxmq::Headers*& place_;
};

DataTimer python_timer(const boost::json::object& entry) {
    const auto* value = entry.if_contains("timer");
    if (!value || !value->is_object())
        throw std::runtime_error{"an entry has no attribute 'timer'"};
    const auto& timer = value->get_object();
    DataTimer read;
    const auto* type = timer.if_contains("type");
    if (type && type->is_string()) {
        const std::string_view name = type->get_string();
        if (name == "LOCAL" || name == "interval")
            read.type = TimerType::local;
        else if (name == "GLOBAL")
            read.type = TimerType::global;
    }
    for (const auto* field : {"intervalMs", "interval"}) {
        const auto* interval = timer.if_contains(field);
        if (interval && interval->is_number())
            read.interval = std::chrono::milliseconds{interval->to_number<std::int64_t>()};
    }
    return read;
}

} // namespace

PythonNode::PythonNode(DataNode entry, Send send) : entry_{std::move(entry)}, send_{std::move(send)} {}

void PythonNode::publish(std::string_view alias, const fluxmq::Payload& payload) {
    const auto& outputs = entry_.outputs;
    const auto output =
        std::find_if(outputs.begin(), outputs.end(), [&](const auto& it) { return it.alias == alias; });
    if (output == outputs.end())
        throw fluxmq::Error{fluxmq::errc::unknown_port,
                            "node '" + id() + "' has no output '" + std::string{alias} + "'"};
    for (auto topic : output->topics) {
        std::replace(topic.begin(), topic.end(), '/', '.');
        send_(topic, payload);
    }
}

void PythonNode::merge(const boost::json::object& settings) {
    for (const auto& [key, value] : settings)
        entry_.settings[key] = value;
}

class PythonService::Core final : public Peer {
public:
    Core(std::string id, std::shared_ptr<fluxmq::Transport> transport, PythonServiceOptions options)
        : Peer{std::move(transport), options.clock, options.tells}, id_{std::move(id)},
          options_{std::move(options)} {}

    // A node, and what is recorded of it.
    struct Made {
        PythonNode node;
        PythonBehaviour behaviour;
        std::size_t starts = 0;
        std::size_t ticks = 0;
        std::vector<std::string> messages;
    };

    Task<> run();
    /// With the headers of the context.
    void say(const std::string& topic, const fluxmq::Payload& payload);
    const Made& latest(std::string_view node_id) const;

    std::map<std::string, PythonBehaviour> behaviours;
    std::vector<std::string> configs;
    std::vector<std::string> discarded;
    std::vector<std::shared_ptr<Made>> made;

private:
    // `context` is what Python has in a context variable: the headers that go onto what is published meanwhile.
    using Hook = std::function<Task<>(const fluxmq::Message&, const fluxmq::Headers& context)>;

    Task<> hear(const std::string& topic, const Hook& hook);
    Task<> handle(const fluxmq::Message& message, const Hook& hook);
    Hook ignore() const;
    Task<> on_config(const fluxmq::Message& message, const fluxmq::Headers& context);
    Task<> on_start(const fluxmq::Message& message, const fluxmq::Headers& context);
    Task<> on_stop(const fluxmq::Message& message, const fluxmq::Headers& context);
    Task<> make(const boost::json::object& entry, const fluxmq::Headers& context);
    Task<> start(const std::shared_ptr<Made>& node, const fluxmq::Headers& context);
    Task<> on_settings(std::shared_ptr<Made> node, std::string_view text);
    Task<> on_input(std::shared_ptr<Made> node, const fluxmq::Message& message,
                    const fluxmq::Headers& context);
    Task<> tick_forever(std::shared_ptr<Peer> self, std::shared_ptr<Made> node, fluxmq::Headers context);
    void tick(Made& node, const fluxmq::Headers& context);
    void announce(const Made& node, const char* status, const fluxmq::Headers& context);
    void announce(const char* upper, const char* lower, const std::string& leaf,
                  const fluxmq::Headers& context);
    void say(const std::string& topic, const fluxmq::Payload& payload, const fluxmq::Headers& context);

    std::string id_;
    PythonServiceOptions options_;
    const fluxmq::Headers* context_ = nullptr; // while a behaviour runs
};

Task<> PythonService::Core::run() {
    co_await open();
    const auto service = "service." + id_ + '.';
    const std::vector<std::pair<std::string, Hook>> hooks{
        {service + "set_config", [this](const auto& m, const auto& c) { return on_config(m, c); }},
        {service + "set_settings", ignore()},
        {service + "start", [this](const auto& m, const auto& c) { return on_start(m, c); }},
        {service + "stop", [this](const auto& m, const auto& c) { return on_stop(m, c); }},
        {service + "error", ignore()},
        {service + "status", ignore()},
        {"node." + id_ + ".restart", ignore()}, // it takes the topic of a node's restart for its own
        {"ide.status", ignore()},
        {service + "get_common_data", ignore()}};
    for (const auto& [topic, hook] : hooks)
        co_await hear(topic, hook);
    const fluxmq::Headers none;
    announce("CONNECTED", "connected", "status", none);
    if (options_.asks_for_config)
        announce("READY", "ready", "get_config", none);
}

// Hooks that do nothing: the subscription is what others can see.
PythonService::Core::Hook PythonService::Core::ignore() const {
    return [](const fluxmq::Message&, const fluxmq::Headers&) -> Task<> { co_return; };
}

Task<> PythonService::Core::hear(const std::string& topic, const Hook& hook) {
    Handler handler = [this, hook](const fluxmq::Message& message) { return handle(message, hook); };
    auto listening = listen(topic, std::move(handler));
    const auto ear = co_await std::move(listening);
}

Task<> PythonService::Core::handle(const fluxmq::Message& message, const Hook& hook) {
    const auto context = last_values(message.headers());
    if (!is_ascii(context)) {
        discarded.emplace_back(message.topic());
        changed();
        co_return;
    }
    co_await hook(message, context);
}

Task<> PythonService::Core::on_config(const fluxmq::Message& message, const fluxmq::Headers& context) {
    configs.emplace_back(message.text());
    const auto config = boost::json::parse(message.text());
    const auto* entries = config.if_array();
    if (const auto* object = config.if_object()) {
        const auto* nodes = object->if_contains("nodes");
        entries = nodes ? nodes->if_array() : nullptr;
    }
    const auto count = entries ? entries->size() : 0;
    note("config " + std::to_string(count) + " nodes");
    for (std::size_t i = 0; i < count; ++i) {
        try {
            const auto& entry = (*entries)[i].as_object();
            co_await make(entry, context);
        } catch (const std::exception& error) {
            fail(message.topic(), error); // it is logged there, and the node is missing
        }
    }
    if (options_.says_ready)
        announce("READY", "ready", "status", context);
}

Task<> PythonService::Core::make(const boost::json::object& entry, const fluxmq::Headers& context) {
    auto read = read_entry(entry);
    if (read.id.empty())
        throw std::runtime_error{"an entry has no attribute 'id'"};
    if (options_.reads_timer)
        read.timer = python_timer(entry);
    const auto found = behaviours.find(read.type);
    const auto send = [this](const std::string& topic, const fluxmq::Payload& payload) {
        say(topic, payload);
    };
    const auto node = std::make_shared<Made>(Made{
        {std::move(read), send}, found == behaviours.end() ? PythonBehaviour{} : found->second, 0, 0, {}});
    const auto prefix = "node." + node->node.id() + '.';
    std::vector<std::pair<std::string, Hook>> hooks{
        {prefix + "set_settings",
         [this, node](const auto& m, const auto&) { return on_settings(node, m.text()); }},
        {prefix + "status", ignore()}};
    for (const auto& input : node->node.entry().inputs)
        for (const auto& literal : input.topics)
            hooks.emplace_back(literal, ignore()); // it keeps the latest value
    for (const auto& [topic, hook] : hooks)
        co_await hear(topic, hook);
    made.push_back(node);
    announce(*node, "created", context);
    changed();
}

Task<> PythonService::Core::on_start(const fluxmq::Message& message, const fluxmq::Headers& context) {
    const std::string id{message.text()};
    const auto nodes = made; // a config may come meanwhile
    for (const auto& node : nodes)
        if (id == "*" || id == node->node.id())
            co_await start(node, context);
    note("start " + id);
}

Task<> PythonService::Core::start(const std::shared_ptr<Made>& node, const fluxmq::Headers& context) {
    const Hook hook = [this, node](const auto& m, const auto& c) { return on_input(node, m, c); };
    for (const auto& input : node->node.entry().inputs)
        for (const auto& literal : input.topics)
            co_await hear(literal, hook);
    ++node->starts;
    announce(*node, "started", context);
    const auto timer = node->node.entry().timer.value_or(DataTimer{});
    if (timer.type == TimerType::local && timer.interval.count() > 0) {
        spawn(tick_forever(shared_from_this(), node, context));
    } else if (timer.type == TimerType::global) {
        const std::string topic = "service/tick";
        const Hook ticking = [this, node](const auto&, const auto& c) -> Task<> {
            tick(*node, c);
            co_return;
        };
        co_await hear(topic, ticking);
    }
}

Task<> PythonService::Core::on_stop(const fluxmq::Message& message, const fluxmq::Headers& context) {
    const std::string id{message.text()};
    for (const auto& node : made)
        if (options_.says_stopped && (id == "*" || id == node->node.id()))
            announce(*node, "stopped", context);
    note("stop " + id);
    co_return;
}

Task<> PythonService::Core::on_settings(std::shared_ptr<Made> node, std::string_view text) {
    boost::system::error_code failed;
    const auto value = boost::json::parse(text, failed);
    if (!failed && value.is_object())
        node->node.merge(value.get_object());
    changed();
    co_return;
}

Task<> PythonService::Core::on_input(std::shared_ptr<Made> node, const fluxmq::Message& message,
                                     const fluxmq::Headers& context) {
    node->messages.emplace_back(message.text());
    changed();
    if (node->behaviour.on_message) {
        const Within within{context_, context};
        node->behaviour.on_message(node->node, with_headers(message, context));
    }
    co_return;
}

// The task was made while the start was handled, so it has the context of that for ever.
Task<> PythonService::Core::tick_forever(std::shared_ptr<Peer> self, std::shared_ptr<Made> node,
                                         fluxmq::Headers context) {
    for (;;) {
        co_await clock().sleep_for(node->node.entry().timer->interval);
        if (!self->alive())
            co_return;
        tick(*node, context);
    }
}

void PythonService::Core::tick(Made& node, const fluxmq::Headers& context) {
    ++node.ticks;
    changed();
    if (node.behaviour.on_tick) {
        const Within within{context_, context};
        node.behaviour.on_tick(node.node);
    }
}

void PythonService::Core::announce(const Made& node, const char* status, const fluxmq::Headers& context) {
    say("node." + node.node.id() + ".status", status, context);
}

void PythonService::Core::announce(const char* upper, const char* lower, const std::string& leaf,
                                   const fluxmq::Headers& context) {
    say("service." + id_ + '.' + leaf, options_.lower_case ? lower : upper, context);
}

void PythonService::Core::say(const std::string& topic, const fluxmq::Payload& payload) {
    say(topic, payload, context_ ? *context_ : fluxmq::Headers{});
}

void PythonService::Core::say(const std::string& topic, const fluxmq::Payload& payload,
                              const fluxmq::Headers& context) {
    if (alive())
        transport().publish(topic, payload, context);
}

const PythonService::Core::Made& PythonService::Core::latest(std::string_view node_id) const {
    for (auto node = made.rbegin(); node != made.rend(); ++node)
        if ((*node)->node.id() == node_id)
            return **node;
    throw fluxmq::Error{fluxmq::errc::unknown_node, "'" + std::string{node_id} + "'"};
}

PythonService::PythonService(std::string id, std::shared_ptr<fluxmq::Transport> transport,
                             PythonServiceOptions options)
    : core_{std::make_shared<Core>(std::move(id), std::move(transport), std::move(options))} {}

PythonService::~PythonService() { core_->drop(); }

void PythonService::on(std::string type, PythonBehaviour behaviour) {
    core_->behaviours.insert_or_assign(std::move(type), std::move(behaviour));
}

Task<> PythonService::run() { return core_->run(); }

void PythonService::publish(const std::string& topic, const fluxmq::Payload& payload) {
    core_->say(topic, payload);
}

void PythonService::kill() { core_->kill(); }

Task<> PythonService::close() { return core_->close(); }

const std::vector<std::string>& PythonService::configs() const noexcept { return core_->configs; }

std::vector<std::string> PythonService::nodes() const {
    std::vector<std::string> ids;
    for (const auto& node : core_->made)
        ids.push_back(node->node.id());
    return ids;
}

std::size_t PythonService::starts(std::string_view node_id) const {
    std::size_t starts = 0;
    for (const auto& node : core_->made)
        if (node->node.id() == node_id)
            starts += node->starts;
    return starts;
}

std::size_t PythonService::ticks(std::string_view node_id) const {
    std::size_t ticks = 0;
    for (const auto& node : core_->made)
        if (node->node.id() == node_id)
            ticks += node->ticks;
    return ticks;
}

std::vector<std::string> PythonService::messages(std::string_view node_id) const {
    std::vector<std::string> messages;
    for (const auto& node : core_->made)
        if (node->node.id() == node_id)
            messages.insert(messages.end(), node->messages.begin(), node->messages.end());
    return messages;
}

const boost::json::object& PythonService::settings(std::string_view node_id) const {
    return core_->latest(node_id).node.settings();
}

const std::vector<std::string>& PythonService::discarded() const noexcept { return core_->discarded; }

const std::vector<std::string>& PythonService::failures() const noexcept { return core_->failures(); }

const std::vector<std::string>& PythonService::log() const noexcept { return core_->log(); }

Task<> PythonService::until(std::string what, std::function<bool()> found) {
    return core_->until(std::move(what), std::move(found));
}

} // namespace fluxlib::testing
