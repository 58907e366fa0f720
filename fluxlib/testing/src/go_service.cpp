// SPDX-License-Identifier: MIT
#include <fluxlib/testing/go_service.hpp>

#include <fluxmq/error.hpp>

#include "peer.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

namespace fluxlib::testing {

namespace {

constexpr auto ack_wait = std::chrono::milliseconds{5'000}; // of nats.go
constexpr auto uuid_header = "_watermill_message_uuid";

// watermill-nats passes over some names, and has room for one value of each other.
bool has_two_values(const fluxmq::Headers& headers) {
    static constexpr std::array<std::string_view, 6> passed_over{uuid_header,
                                                                 "Nats-Msg-Id",
                                                                 "Nats-Expected-Last-Msg-Id",
                                                                 "Nats-Expected-Stream",
                                                                 "Nats-Expected-Last-Subject-Sequence",
                                                                 "Nats-Expected-Last-Sequence"};
    std::set<std::string_view> names;
    for (const auto& [name, value] : headers)
        if (std::find(passed_over.begin(), passed_over.end(), name) == passed_over.end() &&
            !names.insert(name).second)
            return true;
    return false;
}

// Go's names and no others.
std::optional<DataTimer> go_timer(const boost::json::object& entry) {
    const auto* value = entry.if_contains("timer");
    if (!value || value->is_null())
        return std::nullopt;
    const auto& timer = value->as_object();
    DataTimer read;
    if (const auto* type = timer.if_contains("type"); type && *type == "LOCAL")
        read.type = TimerType::local;
    else if (type && *type == "GLOBAL")
        read.type = TimerType::global;
    if (const auto* interval = timer.if_contains("intervalMs"); interval && !interval->is_null())
        read.interval = std::chrono::milliseconds{interval->to_number<std::int64_t>()};
    return read;
}

} // namespace

GoNode::GoNode(DataNode entry, Send send)
    : entry_{std::move(entry)}, settings_{entry_.settings}, send_{std::move(send)} {}

void GoNode::push(std::string_view port, const boost::json::value& data) {
    send_("node/" + id() + '/' + std::string{port}, data);
}

class GoService::Core final : public Peer {
public:
    Core(std::string id, std::shared_ptr<fluxmq::Transport> transport, GoServiceOptions options)
        : Peer{std::move(transport), options.clock, options.tells}, id_{std::move(id)},
          service_{"service." + id_ + '.'}, options_{std::move(options)} {}

    // A node, and what is recorded of it.
    struct Made {
        GoNode node;
        GoBehaviour behaviour;
        std::size_t ticks = 0;
        std::vector<std::string> messages;
    };

    Task<> run();
    void say(const std::string& topic, const fluxmq::Payload& payload);
    std::size_t starts_lost() const;

    std::map<std::string, GoBehaviour> behaviours;
    std::vector<std::string> configs;
    std::vector<std::string> starts;
    std::vector<Acknowledgement> acknowledgements;
    std::vector<std::string> discarded;
    std::string death;
    std::vector<std::shared_ptr<Made>> nodes; // of the latest config
    std::vector<std::shared_ptr<Made>> made;  // ever

private:
    using Work = std::function<void(const fluxmq::Message&)>;
    struct Route {
        std::string name; // of the handler; the router panics when it has that already
        std::string topic;
        Work work;
    };
    class Panic : public std::runtime_error {
    public:
        using runtime_error::runtime_error;
    };

    Task<> handle(const fluxmq::Message& message, const Work& work);
    Task<> acknowledge(const fluxmq::Message& message);
    void on_config(const fluxmq::Message& message);
    std::vector<Route> apply(std::string_view config);
    void add_service_routes(std::vector<Route>& routes);
    void add_node_routes(std::vector<Route>& routes, const std::shared_ptr<Made>& node);
    Task<> run_router(std::shared_ptr<Peer> self, std::vector<Route> routes);
    Task<> subscribe(const std::vector<Route>& routes);
    Task<> tick_forever(std::shared_ptr<Peer> self, std::shared_ptr<Made> node);
    void tick(Made& node);
    void announce(const char* status);
    void die(const std::string& why);

    std::string id_;
    std::string service_; // its topics begin with it
    GoServiceOptions options_;
    std::string status_ = "STARTING";
    std::uint64_t published_ = 0;
    std::uint64_t routers_ = 0;
    std::vector<std::shared_ptr<Ear>> router_;
    std::vector<std::shared_ptr<Ear>> start_ears_; // of all routers
    std::shared_ptr<Ear> all_starts_;              // what comes on that topic, with a router or without
};

Task<> GoService::Core::run() {
    co_await open();
    Handler count = [this](const fluxmq::Message&) -> Task<> {
        changed();
        co_return;
    };
    auto counting = listen(service_ + "start", std::move(count));
    all_starts_ = co_await std::move(counting);
    announce("CONNECTED");
    if (options_.asks_early)
        say(service_ + "get_config", id_);
    co_await clock().sleep_for(options_.config_delay);
    const Work work = [this](const fluxmq::Message& message) { on_config(message); };
    Handler handler = [this, work](const fluxmq::Message& message) { return handle(message, work); };
    auto listening = listen(service_ + "set_config", std::move(handler));
    const auto ear = co_await std::move(listening);
    if (!options_.asks_early)
        say(service_ + "get_config", id_);
}

Task<> GoService::Core::handle(const fluxmq::Message& message, const Work& work) {
    if (has_two_values(message.headers())) {
        discarded.emplace_back(message.topic());
        changed();
        co_return;
    }
    bool failed = false;
    try {
        work(message);
    } catch (const std::exception& error) {
        failed = true;
        fail(message.topic(), error);
    }
    changed();
    if (message.reply().empty() || !alive())
        co_return;
    if (failed)
        transport().publish(message.reply(), "-NAK");
    else
        co_await acknowledge(message);
}

Task<> GoService::Core::acknowledge(const fluxmq::Message& message) {
    const auto began = clock().now();
    bool answered = false;
    try {
        const std::string topic{message.reply()};
        const fluxmq::Payload ack("+ACK"); // in braces it would be a JSON array
        auto asking = transport().request(topic, ack, ack_wait);
        const auto answer = co_await std::move(asking);
        answered = true;
    } catch (const fluxmq::Error&) {
        answered = false; // and it goes on with the next message
    }
    const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(clock().now() - began);
    acknowledgements.push_back({std::string{message.topic()}, answered, waited});
    changed();
}

void GoService::Core::on_config(const fluxmq::Message& message) {
    configs.emplace_back(message.text());
    ++routers_;
    for (const auto& ear : std::exchange(router_, {}))
        ear->drop();
    std::vector<Route> routes;
    try {
        routes = apply(message.text());
    } catch (const Panic& panic) {
        die("panic: " + std::string{panic.what()});
        return;
    } catch (const std::exception& error) {
        die("failed to unmarshal config: " + std::string{error.what()});
        return;
    }
    note("config " + std::to_string(nodes.size()) + " nodes");
    spawn(run_router(shared_from_this(), std::move(routes)));
}

std::vector<GoService::Core::Route> GoService::Core::apply(std::string_view config) {
    const auto parsed = boost::json::parse(config);
    std::vector<DataNode> entries; // all are read before the first is used
    for (const auto& item : parsed.as_array()) {
        const auto& entry = item.as_object();
        entries.push_back(read_entry(entry));
        entries.back().timer = go_timer(entry);
    }
    std::vector<Route> routes;
    add_service_routes(routes);
    nodes.clear();
    const auto send = [this](const std::string& topic, const boost::json::value& data) {
        say(topic, boost::json::serialize(data));
    };
    for (auto& entry : entries) {
        const auto found = behaviours.find(entry.type);
        const auto node = std::make_shared<Made>(
            Made{{std::move(entry), send}, found == behaviours.end() ? GoBehaviour{} : found->second, 0, {}});
        nodes.push_back(node);
        made.push_back(node);
        add_node_routes(routes, node);
    }
    std::set<std::string_view> names;
    for (const auto& route : routes)
        if (!names.insert(route.name).second)
            throw Panic{"handler with name " + route.name + " already exists"};
    return routes;
}

void GoService::Core::add_service_routes(std::vector<Route>& routes) {
    routes.push_back({"flux.request_status", service_ + "request_status",
                      [this](const auto&) { say(service_ + "status", status_); }});
    routes.push_back({"flux.ide_status", "ide.status", [](const fluxmq::Message& message) {
                          boost::json::parse(message.text()).as_object();
                      }});
    routes.push_back({"flux.on_start", service_ + "start", [this](const fluxmq::Message& message) {
                          starts.emplace_back(message.text());
                          note("start " + starts.back());
                          announce("READY");
                      }});
    routes.push_back({"flux.on_stop", service_ + "stop", [this](const fluxmq::Message& message) {
                          note("stop " + std::string{message.text()});
                          announce("PAUSED");
                      }});
    routes.push_back({"flux.on_restart", service_ + "restart", [this](const auto&) {
                          announce("PAUSED");
                          note("restart");
                          announce("READY");
                      }});
    if (options_.hears_errors) // the topic lacks the id of the service, and is none
        routes.push_back({"flux.on_error", "service..error", [](const auto&) {}});
}

void GoService::Core::add_node_routes(std::vector<Route>& routes, const std::shared_ptr<Made>& node) {
    const auto& entry = node->node.entry();
    routes.push_back(
        {"flux.node.on_start." + entry.id, "node/" + entry.id + "/event/start", [this, node](const auto&) {
             note("start event " + node->node.id());
             if (node->behaviour.on_start)
                 node->behaviour.on_start(node->node);
         }});
    routes.push_back(
        {"flux.node.on_stop." + entry.id, "node/" + entry.id + "/event/stop", [this, node](const auto&) {
             note("stop event " + node->node.id());
             if (node->behaviour.on_stop)
                 node->behaviour.on_stop(node->node);
         }});
    if (options_.ticks) {
        if (!entry.timer)
            throw Panic{"invalid memory address or nil pointer dereference (node '" + entry.id +
                        "' has no timer)"};
        if (entry.timer->type == TimerType::local)
            spawn(tick_forever(shared_from_this(), node));
        else if (entry.timer->type == TimerType::global)
            routes.push_back({"flux.node.on_tick." + entry.id, "service/tick",
                              [this, node](const auto&) { tick(*node); }});
    }
    for (const auto& input : entry.inputs)
        for (const auto& topic : input.topics)
            routes.push_back({"flux.node.on_subscribe." + topic, topic,
                              [node, port = input.alias](const fluxmq::Message& message) {
                                  node->messages.emplace_back(message.text());
                                  if (node->behaviour.on_input)
                                      node->behaviour.on_input(node->node, port, message.text());
                              }});
    routes.push_back({"flux.node." + entry.id + ".set_settings", "node." + entry.id + ".set_settings",
                      [node](const fluxmq::Message& message) {
                          auto settings = boost::json::parse(message.text());
                          if (!settings.is_object())
                              throw std::runtime_error{"could not unmarshal payload"};
                          node->node.replace(std::move(settings));
                      }});
}

// READY is what a plugin of the router does, and plugins come before handlers.
Task<> GoService::Core::run_router(std::shared_ptr<Peer> self, std::vector<Route> routes) {
    const auto router = routers_;
    announce("READY");
    if (options_.before_router)
        co_await options_.before_router();
    else
        co_await clock().sleep_for(options_.router_delay);
    if (!self->alive() || router != routers_)
        co_return; // another config has come
    try {
        co_await subscribe(routes);
    } catch (const std::exception& error) {
        if (self->alive())
            die("failed to run router: " + std::string{error.what()});
    }
}

Task<> GoService::Core::subscribe(const std::vector<Route>& routes) {
    const auto router = routers_;
    for (const auto& route : routes) {
        Handler handler = [this, work = route.work](const fluxmq::Message& message) {
            return handle(message, work);
        };
        auto listening = listen(route.topic, std::move(handler));
        const auto ear = co_await std::move(listening);
        if (!alive() || router != routers_) {
            ear->drop();
            co_return;
        }
        router_.push_back(ear);
        if (route.name == "flux.on_start")
            start_ears_.push_back(ear);
    }
    note("router runs");
}

// For as long as the process lives: no later config ends it.
Task<> GoService::Core::tick_forever(std::shared_ptr<Peer> self, std::shared_ptr<Made> node) {
    while (self->alive()) {
        try {
            tick(*node);
        } catch (const std::exception& error) {
            fail("tick of node '" + node->node.id() + "'", error); // it is logged there
        }
        const auto interval = std::max(node->node.entry().timer->interval, std::chrono::milliseconds{1});
        co_await clock().sleep_for(interval);
    }
}

void GoService::Core::tick(Made& node) {
    ++node.ticks;
    changed();
    if (node.behaviour.on_tick)
        node.behaviour.on_tick(node.node);
}

void GoService::Core::announce(const char* status) {
    say(service_ + "status", status);
    status_ = status;
}

void GoService::Core::say(const std::string& topic, const fluxmq::Payload& payload) {
    if (!alive())
        return;
    fluxmq::Headers headers;
    headers.add(uuid_header, id_ + '-' + std::to_string(++published_));
    transport().publish(topic, payload, headers);
}

void GoService::Core::die(const std::string& why) {
    death = why;
    note("dead: " + why);
    kill();
}

// By what the inlets have counted when it arrived: a start may still wait for its handler.
std::size_t GoService::Core::starts_lost() const {
    if (!all_starts_)
        return 0;
    std::uint64_t taken = 0;
    for (const auto& ear : start_ears_) {
        const auto counters = ear->inlet->counters();
        taken += counters.received - counters.dropped.total(); // dropped: it waited when the config came
    }
    // A moment may lie between the two counts of one message.
    return std::max(all_starts_->inlet->counters().received, taken) - taken;
}

GoService::GoService(std::string id, std::shared_ptr<fluxmq::Transport> transport, GoServiceOptions options)
    : core_{std::make_shared<Core>(std::move(id), std::move(transport), std::move(options))} {}

GoService::~GoService() { core_->drop(); }

void GoService::on(std::string type, GoBehaviour behaviour) {
    core_->behaviours.insert_or_assign(std::move(type), std::move(behaviour));
}

Task<> GoService::run() { return core_->run(); }

void GoService::push(std::string_view node_id, std::string_view port, const boost::json::value& data) {
    core_->say("node/" + std::string{node_id} + '/' + std::string{port}, boost::json::serialize(data));
}

void GoService::publish(const std::string& topic, const fluxmq::Payload& payload) {
    core_->say(topic, payload);
}

void GoService::kill() { core_->kill(); }

Task<> GoService::close() { return core_->close(); }

const std::vector<std::string>& GoService::configs() const noexcept { return core_->configs; }

std::vector<std::string> GoService::nodes() const {
    std::vector<std::string> ids;
    for (const auto& node : core_->nodes)
        ids.push_back(node->node.id());
    return ids;
}

const std::vector<std::string>& GoService::starts() const noexcept { return core_->starts; }

std::size_t GoService::starts_lost() const { return core_->starts_lost(); }

std::size_t GoService::ticks(std::string_view node_id) const {
    std::size_t ticks = 0;
    for (const auto& node : core_->made)
        if (node->node.id() == node_id)
            ticks += node->ticks;
    return ticks;
}

std::vector<std::string> GoService::messages(std::string_view node_id) const {
    std::vector<std::string> messages;
    for (const auto& node : core_->made)
        if (node->node.id() == node_id)
            messages.insert(messages.end(), node->messages.begin(), node->messages.end());
    return messages;
}

const boost::json::value& GoService::settings(std::string_view node_id) const {
    for (const auto& node : core_->nodes)
        if (node->node.id() == node_id)
            return node->node.settings();
    throw fluxmq::Error{fluxmq::errc::unknown_node, "'" + std::string{node_id} + "'"};
}

const std::vector<GoService::Acknowledgement>& GoService::acknowledgements() const noexcept {
    return core_->acknowledgements;
}

const std::vector<std::string>& GoService::discarded() const noexcept { return core_->discarded; }

const std::vector<std::string>& GoService::failures() const noexcept { return core_->failures(); }

const std::string& GoService::death() const noexcept { return core_->death; }

const std::vector<std::string>& GoService::log() const noexcept { return core_->log(); }

Task<> GoService::until(std::string what, std::function<bool()> found) {
    return core_->until(std::move(what), std::move(found));
}

} // namespace fluxlib::testing
