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

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// nats.py keeps headers in a dictionary, and gives none where it fails to read one of them.
fluxmq::Headers read_headers(const fluxmq::Headers& headers) {
    fluxmq::Headers last;
    for (const auto& [name, value] : headers) {
        if (!is_ascii(name) || !is_ascii(value))
            return {};
        last.set(name, value);
    }
    return last;
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

PythonNode::PythonNode(DataNode entry, Send send)
    : entry_{std::move(entry)}, settings_{entry_.settings}, send_{std::move(send)} {}

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

// Those of the config are no dictionary, so an empty one takes their place.
void PythonNode::merge(const boost::json::object& settings) {
    if (!std::exchange(has_own_settings_, true))
        settings_.clear();
    for (const auto& [key, value] : settings)
        settings_[key] = value;
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
        bool runs = false;
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
    std::vector<std::shared_ptr<Made>> made;

private:
    using Nodes = std::vector<std::shared_ptr<Made>>;
    // `context` is what Python has in a context variable: the headers that go onto what is published meanwhile.
    using Hook = std::function<Task<>(const fluxmq::Message&, const fluxmq::Headers& context)>;

    Task<> hear(const std::string& topic, const Hook& hook);
    Task<> handle(const fluxmq::Message& message, const Hook& hook);
    Hook ignore() const;
    Task<> on_config(const fluxmq::Message& message, const fluxmq::Headers& context);
    Task<Nodes> read_config(const fluxmq::Message& message);
    Task<> on_start(const fluxmq::Message& message, const fluxmq::Headers& context);
    Task<> on_stop(const fluxmq::Message& message, const fluxmq::Headers& context);
    Task<std::shared_ptr<Made>> make(const boost::json::object& entry);
    Nodes named(const std::string& id) const;
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
    bool reads_configs_ = true;
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
        {options_.standard_topic ? "node." + id_ + ".restart" : service + "restart", ignore()},
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

// A queue is read by one task, which ends with what its handler throws. A callback is called again.
Task<> PythonService::Core::handle(const fluxmq::Message& message, const Hook& hook) {
    if (!options_.callbacks) {
        const fluxmq::Headers none;
        co_await hook(message, none);
        co_return;
    }
    const auto context = read_headers(message.headers());
    try {
        co_await hook(message, context);
    } catch (const std::exception& error) {
        fail(message.topic(), error);
    }
}

// One subscription makes the nodes, and another one has the hook of the user, who announces READY there. Nodes announce
// their statuses by tasks, which come after both.
Task<> PythonService::Core::on_config(const fluxmq::Message& message, const fluxmq::Headers& context) {
    Nodes nodes;
    if (reads_configs_) {
        configs.emplace_back(message.text());
        try {
            auto reading = read_config(message);
            nodes = co_await std::move(reading);
        } catch (const std::exception& error) {
            reads_configs_ = options_.callbacks;
            fail(message.topic(), error);
        }
    }
    if (options_.says_ready)
        announce("READY", "ready", "status", context);
    for (const auto& node : nodes)
        announce(*node, "created", context);
    changed();
}

Task<PythonService::Core::Nodes> PythonService::Core::read_config(const fluxmq::Message& message) {
    const auto config = boost::json::parse(message.text());
    const auto* entries = config.if_array();
    if (const auto* object = config.if_object()) {
        const auto* nodes = object->if_contains("nodes");
        entries = nodes ? nodes->if_array() : nullptr;
    }
    const auto count = entries ? entries->size() : 0;
    note("config " + std::to_string(count) + " nodes");
    Nodes nodes;
    for (std::size_t i = 0; i < count; ++i) {
        try {
            auto making = make((*entries)[i].as_object());
            auto node = co_await std::move(making);
            nodes.push_back(std::move(node));
        } catch (const std::exception& error) {
            fail(message.topic(), error); // it is logged there, and the node is missing
        }
    }
    co_return nodes;
}

Task<std::shared_ptr<PythonService::Core::Made>> PythonService::Core::make(const boost::json::object& entry) {
    auto read = read_entry(entry);
    if (read.id.empty())
        throw std::runtime_error{"an entry has no attribute 'id'"};
    if (options_.reads_timer)
        read.timer = python_timer(entry);
    const auto found = behaviours.find(read.type);
    const auto send = [this](const std::string& topic, const fluxmq::Payload& payload) {
        say(topic, payload);
    };
    const auto node =
        std::make_shared<Made>(Made{{std::move(read), send},
                                    found == behaviours.end() ? PythonBehaviour{} : found->second,
                                    false,
                                    0,
                                    0,
                                    {}});
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
    co_return node;
}

PythonService::Core::Nodes PythonService::Core::named(const std::string& id) const {
    Nodes nodes;
    for (const auto& node : made)
        if (id == "*" || id == node->node.id())
            nodes.push_back(node);
    return nodes;
}

Task<> PythonService::Core::on_start(const fluxmq::Message& message, const fluxmq::Headers& context) {
    const std::string id{message.text()};
    const auto nodes = named(id);
    for (const auto& node : nodes)
        co_await start(node, context);
    if (options_.says_active)
        announce("ACTIVE", "active", "status", context);
    for (const auto& node : nodes)
        announce(*node, "started", context);
    note("start " + id);
}

Task<> PythonService::Core::start(const std::shared_ptr<Made>& node, const fluxmq::Headers& context) {
    const Hook hook = [this, node](const auto& m, const auto& c) { return on_input(node, m, c); };
    for (const auto& input : node->node.entry().inputs)
        for (const auto& literal : input.topics)
            co_await hear(literal, hook);
    node->runs = true;
    ++node->starts;
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
    note("stop " + id);
    const auto nodes = named(id);
    if (!options_.says_stopped && !nodes.empty())
        throw std::runtime_error{"a node has no attribute 'input_topics'"};
    for (const auto& node : nodes)
        node->runs = false;
    if (options_.says_active &&
        std::none_of(made.begin(), made.end(), [](const auto& node) { return node->runs; }))
        announce("PAUSED", "paused", "status", context);
    for (const auto& node : nodes)
        announce(*node, "stopped", context);
    co_return;
}

Task<> PythonService::Core::on_settings(std::shared_ptr<Made> node, std::string_view text) {
    boost::system::error_code failed;
    const auto value = boost::json::parse(text, failed);
    if (!failed)
        node->node.merge(value.is_object() ? value.get_object() : boost::json::object{});
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

const std::vector<std::string>& PythonService::failures() const noexcept { return core_->failures(); }

const std::vector<std::string>& PythonService::log() const noexcept { return core_->log(); }

Task<> PythonService::until(std::string what, std::function<bool()> found) {
    return core_->until(std::move(what), std::move(found));
}

} // namespace fluxlib::testing
