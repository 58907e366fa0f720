// SPDX-License-Identifier: MIT
#include <fluxlib/config.hpp>

#include <fluxmq/error.hpp>
#include <fluxmq/json.hpp>
#include <fluxmq/subject.hpp>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

namespace fluxlib {

namespace json = boost::json;
using fluxmq::errc;
using fluxmq::Error;

BOOST_DESCRIBE_ENUM(Restart, never, on_failure, always)

namespace {

constexpr std::int64_t longest_ms = 1'000'000'000'000;

// Supervision with the names of the wire.
struct WrittenSupervision {
    Restart restart;
    bool failOnThrow;
    std::int64_t backoffMs;
    std::int64_t longestBackoffMs;
    int mostRestarts;
    std::int64_t windowMs;
    std::int64_t hookTimeoutMs;

    WrittenSupervision(const Supervision& from = {})
        : restart{from.restart}, failOnThrow{from.fail_on_throw}, backoffMs{from.backoff.count()},
          longestBackoffMs{from.longest_backoff.count()}, mostRestarts{from.most_restarts},
          windowMs{from.window.count()}, hookTimeoutMs{from.hook_timeout.count()} {}
};
BOOST_DESCRIBE_STRUCT(WrittenSupervision, (),
                      (restart, failOnThrow, backoffMs, longestBackoffMs, mostRestarts, windowMs,
                       hookTimeoutMs))

[[noreturn]] void refuse(const std::string& where, const std::string& why) {
    throw Error{errc::invalid_config, where + ": " + why};
}

std::string shown(const json::value& value) {
    const std::string text = json::serialize(value);
    return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

// One object of the config, with the words to name it in an error.
class Reader {
public:
    Reader(const json::value& value, std::string where) : where_{std::move(where)} {
        if (!value.is_object())
            refuse(where_, "expected an object, got " + shown(value));
        object_ = &value.get_object();
    }

    const std::string& where() const noexcept { return where_; }
    const json::value* find(std::string_view key) const { return object_->if_contains(key); }

    std::string text(std::string_view key) const {
        const auto* value = find(key);
        if (!value || value->is_null())
            return {};
        if (!value->is_string())
            refuse(field(key), "expected a string, got " + shown(*value));
        return std::string{value->get_string()};
    }

    // The elements of an array; none when the key is absent.
    const json::array& elements(std::string_view key) const {
        static const json::array none;
        const auto* value = find(key);
        if (!value || value->is_null())
            return none;
        if (!value->is_array())
            refuse(field(key), "expected an array, got " + shown(*value));
        return value->get_array();
    }

    std::string field(std::string_view key) const { return where_ + ": field '" + std::string{key} + "'"; }

private:
    std::string where_;
    const json::object* object_;
};

template <class Port>
std::vector<Port> read_ports(const Reader& node, std::string_view key, bool wildcards) {
    std::vector<Port> ports;
    for (const auto& element : node.elements(key)) {
        const Reader reader{element, node.field(key) + " [" + std::to_string(ports.size()) + "]"};
        Port port{.alias = reader.text("alias")};
        if (port.alias.empty())
            refuse(reader.field("alias"), "it is missing or empty");
        if (std::any_of(ports.begin(), ports.end(),
                        [&](const Port& other) { return other.alias == port.alias; }))
            refuse(reader.field("alias"), "'" + port.alias + "' occurs twice");
        for (const auto& topic : reader.elements("topics")) {
            if (!topic.is_string())
                refuse(reader.field("topics"), "expected strings, got " + shown(topic));
            port.topics.emplace_back(topic.get_string());
            const auto why = wildcards ? fluxmq::subscribe_problem(port.topics.back())
                                       : fluxmq::publish_problem(port.topics.back());
            if (!why.empty())
                refuse(reader.field("topics"), "'" + port.topics.back() + "' is not a valid topic: " + why);
        }
        ports.push_back(std::move(port));
    }
    return ports;
}

TimerType read_timer_type(const Reader& timer) {
    auto type = timer.text("type");
    std::transform(type.begin(), type.end(), type.begin(), [](unsigned char c) { return std::tolower(c); });
    if (type == "local" || type == "interval") // Python's word for it
        return TimerType::local;
    if (type == "global")
        return TimerType::global;
    if (type == "none" || type.empty())
        return TimerType::none;
    refuse(timer.field("type"), "expected GLOBAL, LOCAL or NONE, got \"" + type + "\"");
}

DataTimer read_timer(const json::value& value, const std::string& where) {
    const Reader reader{value, where};
    DataTimer timer{.type = read_timer_type(reader)};
    for (const auto* key : {"intervalMs", "interval"}) {
        const auto* interval = reader.find(key);
        if (!interval)
            continue;
        const double length = interval->is_number() ? interval->to_number<double>() : -1;
        // Boost.JSON reads 0e999 as NaN, which is neither less nor more.
        if (!(length >= 0 && length <= static_cast<double>(longest_ms)))
            refuse(reader.field(key), "expected milliseconds, got " + shown(*interval));
        timer.interval = std::chrono::milliseconds{static_cast<std::int64_t>(length)};
        break;
    }
    if (timer.type == TimerType::local && timer.interval.count() <= 0)
        refuse(reader.field("intervalMs"), "a LOCAL timer needs an interval of at least 1 ms");
    return timer;
}

// What to_json() writes for a node without a timer.
bool is_unset(const json::value& timer) {
    const auto* unset = timer.get_object().if_contains("unset");
    return unset && unset->is_bool() && unset->get_bool();
}

Supervision read_supervision(const json::value& value, const std::string& where) {
    WrittenSupervision written;
    try {
        written = fluxmq::from_json<WrittenSupervision>(value, fluxmq::Missing::keep_default);
    } catch (const Error& error) {
        refuse(where, error.what());
    }
    const auto length = [&](std::int64_t ms, const char* name) {
        if (ms < 0 || ms > longest_ms)
            refuse(where + "." + name, "expected milliseconds, got " + std::to_string(ms));
        return std::chrono::milliseconds{ms};
    };
    if (written.mostRestarts < 1)
        refuse(where + ".mostRestarts", "expected at least 1, got " + std::to_string(written.mostRestarts));
    return {.restart = written.restart,
            .fail_on_throw = written.failOnThrow,
            .backoff = length(written.backoffMs, "backoffMs"),
            .longest_backoff = length(written.longestBackoffMs, "longestBackoffMs"),
            .most_restarts = written.mostRestarts,
            .window = length(written.windowMs, "windowMs"),
            .hook_timeout = length(written.hookTimeoutMs, "hookTimeoutMs")};
}

// Boost.JSON reads 1e999 as infinity and 0e999 as NaN, which are no JSON when they are written again.
void check_numbers(const Reader& reader, const json::value& value, const std::string& path) {
    if (value.is_double() && !std::isfinite(value.get_double()))
        refuse(reader.field(path), "a number in it is too large");
    if (value.is_object())
        for (const auto& member : value.get_object())
            check_numbers(reader, member.value(), path + "." + std::string{member.key()});
    if (value.is_array())
        for (const auto& element : value.get_array())
            check_numbers(reader, element, path);
}

DataNode read_node(const json::value& value, std::size_t index) {
    const Reader unnamed{value, "node [" + std::to_string(index) + "]"};
    DataNode node{.id = unnamed.text("id")};
    if (node.id.empty())
        refuse(unnamed.field("id"), "it is missing or empty");
    const Reader reader{value, "node '" + node.id + "'"};
    if (const auto why = fluxmq::publish_problem(node.id); !why.empty())
        refuse(reader.field("id"), "it cannot be part of a topic: " + why);
    node.name = reader.text("name");
    node.type = reader.text("type");
    if (const auto* timer = reader.find("timer"); timer && !timer->is_null())
        if (const auto read = read_timer(*timer, reader.field("timer")); !is_unset(*timer))
            node.timer = read;
    if (const auto* settings = reader.find("settings"); settings && !settings->is_null()) {
        if (!settings->is_object())
            refuse(reader.field("settings"), "expected an object, got " + shown(*settings));
        check_numbers(reader, *settings, "settings");
        node.settings = settings->get_object();
    }
    node.inputs = read_ports<DataInput>(reader, "inputs", true);
    node.outputs = read_ports<DataOutput>(reader, "outputs", false);
    if (const auto* supervision = reader.find("supervision"); supervision && !supervision->is_null())
        node.supervision = read_supervision(*supervision, reader.field("supervision"));
    return node;
}

json::array to_json(const std::vector<std::string>& texts) { return json::array(texts.begin(), texts.end()); }

std::string_view to_string(TimerType type) {
    switch (type) {
    case TimerType::local: return "LOCAL";
    case TimerType::global: return "GLOBAL";
    case TimerType::none: break;
    }
    return "NONE";
}

// Never left out: the Go SDK ends the process for a node without it, and the Python SDK leaves the node out.
json::object timer_to_json(const std::optional<DataTimer>& timer) {
    const auto written = timer.value_or(DataTimer{});
    json::object object{{"type", to_string(written.type)},
                        {"intervalMs", written.interval.count()}, // Go's name for it, and Python's
                        {"interval", written.interval.count()}};
    if (!timer)
        object["unset"] = true; // for services of this SDK, where such a node may follow the manager's clock
    return object;
}

template <class Port>
json::array ports_to_json(const std::vector<Port>& ports) {
    json::array array;
    for (const auto& port : ports)
        array.push_back(json::object{{"alias", port.alias}, {"topics", to_json(port.topics)}});
    return array;
}

} // namespace

std::vector<DataNode> parse_config(std::string_view text) {
    const auto config = fluxmq::parse_json(text, "config");
    const json::array* entries = config.if_array();
    if (const auto* object = config.if_object()) {
        const auto* nodes = object->if_contains("nodes");
        entries = nodes ? nodes->if_array() : nullptr;
    }
    if (!entries)
        refuse("config", "expected an array of nodes or {\"nodes\": [...]}, got " + shown(config));
    std::vector<DataNode> nodes;
    std::set<std::string> ids;
    for (const auto& entry : *entries) {
        nodes.push_back(read_node(entry, nodes.size()));
        if (!ids.insert(nodes.back().id).second)
            refuse("node '" + nodes.back().id + "'", "the id occurs twice");
    }
    return nodes;
}

json::value to_json(const DataNode& node) {
    json::object object{{"id", node.id}, {"name", node.name}, {"type", node.type}};
    object["timer"] = timer_to_json(node.timer);
    object["settings"] = node.settings;
    object["inputs"] = ports_to_json(node.inputs);
    object["outputs"] = ports_to_json(node.outputs);
    if (node.supervision) // the other SDKs do not know it
        object["supervision"] = json::value_from(WrittenSupervision{*node.supervision});
    return object;
}

json::value to_json(std::span<const DataNode> nodes) {
    json::array array;
    for (const auto& node : nodes)
        array.push_back(to_json(node));
    return array;
}

ConfigPlan diff_config(std::span<const DataNode> current, std::span<const DataNode> wanted) {
    std::unordered_map<std::string_view, const DataNode*> wanted_by_id;
    for (const auto& node : wanted)
        wanted_by_id.emplace(node.id, &node);
    std::unordered_map<std::string_view, const DataNode*> kept;
    ConfigPlan plan;
    for (const auto& node : current) {
        const auto found = wanted_by_id.find(node.id);
        if (found != wanted_by_id.end() && found->second->type == node.type)
            kept.emplace(node.id, &node);
        else
            plan.destroy.push_back(node.id);
    }
    for (const auto& node : wanted) {
        const auto found = kept.find(node.id);
        if (found == kept.end())
            plan.create.push_back(node);
        else if (*found->second != node)
            plan.change.push_back(node);
    }
    return plan;
}

} // namespace fluxlib
