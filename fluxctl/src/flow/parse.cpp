// SPDX-License-Identifier: MIT
#include <fluxmq/subject.hpp>

#include "flow/document.hpp"
#include "flow/flow.hpp"
#include "nearest.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <initializer_list>
#include <limits>
#include <map>

namespace fluxctl::flow {

namespace {

using Kind = Element::Kind;
using std::chrono::milliseconds;

// Beyond these nobody reads on.
constexpr std::size_t max_shown = 60;
constexpr std::size_t max_edges = max_elements; // an edge of many inputs is one value
constexpr milliseconds longest_duration{1'000'000'000'000};

std::string shown(std::string_view text) {
    return "'" + std::string{text.substr(0, max_shown)} + (text.size() > max_shown ? "...'" : "'");
}

std::string_view trimmed(std::string_view text) {
    const auto begin = std::min(text.find_first_not_of(" \t\n"), text.size());
    text.remove_prefix(begin);
    return text.substr(0, text.find_last_not_of(" \t\n") + 1);
}

std::string lower(std::string_view text) {
    std::string result{text};
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    return result;
}

std::string join(const std::string& field, std::string_view name) {
    return (field.empty() ? "" : field + ".") + std::string{name.substr(0, max_shown)};
}

// What keeps `text` from being one token of a topic, and an end of an edge.
std::string token_problem(std::string_view text) {
    if (auto why = fluxmq::publish_problem(text); !why.empty())
        return why;
    if (const auto at = text.find_first_of("./,[]>*"); at != std::string_view::npos)
        return std::string{"it has '"} + text[at] + "', which topics and edges need for themselves";
    return {};
}

std::string dashed(std::string_view text) {
    std::string result{text};
    std::replace_if(
        result.begin(), result.end(),
        [](unsigned char c) {
            return c <= ' ' || c == 0x7f ||
                   std::string_view{"./,[]>*"}.find(static_cast<char>(c)) != std::string_view::npos;
        },
        '-');
    return result;
}

// Of a map: what stands behind a key, and where.
struct Member {
    std::string name;
    Place key;
    Place place; // of the value
    const Element* value;
    std::string field;
};

class Reader {
public:
    explicit Reader(Parsed& parsed) : flow_{parsed.flow}, problems_{parsed.problems} {}

    void read(const Element& root) {
        const auto members = members_of({"flow", root.place, root.place, &root, ""});
        check_known(members, {"name", "clock", "plugins", "services", "edges"});
        flow_.name = "flow";
        if (const auto* name = find(members, "name"))
            if (const auto text = text_of(*name)) {
                flow_.name = *text;
                if (const auto why = token_problem(*text); !why.empty())
                    report(name->place, name->field, shown(*text) + " cannot begin topics: " + why,
                           "write '" + dashed(*text) + "'");
            }
        if (const auto* clock = find(members, "clock"))
            if (const auto text = text_of(*clock))
                flow_.clock = duration(*clock, *text).value_or(milliseconds{0});
        has_clock_ = find(members, "clock") && find(members, "clock")->value->kind != Kind::null;
        if (const auto* plugins = find(members, "plugins"))
            for (const auto& path : texts_of(*plugins))
                flow_.plugins.push_back(path.name);
        read_services(root, find(members, "services"));
        if (const auto* edges = find(members, "edges"))
            read_edges(*edges);
        check_go_inputs();
    }

    void report(Place place, std::string field, std::string what, std::string suggestion = {}) {
        if (problems_.size() < max_problems)
            problems_.push_back({place, std::move(field), std::move(what), std::move(suggestion)});
    }

    // Whether it is worth while to look for a suggestion.
    bool full() const { return problems_.size() >= max_problems; }

private:
    // Where a node stands in flow_.services.
    struct NodeAt {
        std::size_t service;
        std::size_t node;
        int line;
    };

    // --- Maps, lists and texts ------------------------------------------------------------------------

    void expected(const Member& at, std::string_view what, std::string suggestion = {}) {
        report(
            at.place, at.field,
            "expected " + std::string{what} + ", got " +
                (at.value->kind == Kind::scalar ? shown(at.value->text) : std::string{at.value->kind_name()}),
            std::move(suggestion));
    }

    // What a map holds; nothing of what is no map. Keys that occur twice, or are no texts, are left out.
    std::vector<Member> members_of(const Member& at) {
        std::vector<Member> members;
        if (at.value->kind != Kind::map) {
            if (at.value->kind == Kind::list)
                expected(at, "a map (`key: value` lines)", "remove the '- ' before each");
            else
                expected(at, "a map (`key: value` lines)");
            return members;
        }
        std::map<std::string_view, int> lines;
        for (const auto& entry : at.value->entries) {
            if (entry.key->kind != Kind::scalar) {
                report(entry.place(), at.field, "a key is " + std::string{entry.key->kind_name()},
                       "a key is a text: put it into quotes");
                continue;
            }
            const auto& name = entry.key->text;
            const auto [first, is_new] = lines.emplace(name, entry.key->place.line);
            if (!is_new)
                report(entry.key->place, join(at.field, name),
                       "the key " + shown(name) + " occurs twice, first in line " +
                           std::to_string(first->second),
                       "remove or rename one");
            else
                members.push_back(
                    {name, entry.key->place, entry.place(), entry.value.get(), join(at.field, name)});
        }
        return members;
    }

    // The same for what may be left empty.
    std::vector<Member> optional_members_of(const Member& at) {
        return at.value->kind == Kind::null ? std::vector<Member>{} : members_of(at);
    }

    void check_known(const std::vector<Member>& members, std::initializer_list<std::string_view> known) {
        for (const auto& member : members)
            if (!full() && std::find(known.begin(), known.end(), member.name) == known.end())
                report(member.key, member.field, "unknown key " + shown(member.name),
                       suggest(member.name, {known.begin(), known.end()}));
    }

    static const Member* find(const std::vector<Member>& members, std::string_view name) {
        const auto found =
            std::find_if(members.begin(), members.end(), [&](const Member& m) { return m.name == name; });
        return found == members.end() ? nullptr : &*found;
    }

    // None, and no problem, where nothing stands.
    std::optional<std::string> text_of(const Member& at) {
        if (at.value->kind == Kind::scalar)
            return at.value->text;
        if (at.value->kind != Kind::null)
            expected(at, "a text");
        return {};
    }

    // A text, or a list of them: each as the name of a Member.
    std::vector<Member> texts_of(const Member& at) {
        if (at.value->kind == Kind::scalar)
            return {{at.value->text, at.key, at.place, at.value, at.field}};
        std::vector<Member> texts;
        if (at.value->kind == Kind::map)
            expected(at, "a text or a list of texts");
        for (const auto& item : at.value->items) {
            const Member element{item->text, item->place, item->place, item.get(),
                                 at.field + "[" + std::to_string(&item - at.value->items.data()) + "]"};
            if (item->kind == Kind::scalar)
                texts.push_back(element);
            else
                expected(element, "a text");
        }
        return texts;
    }

    // --- Durations and timers -------------------------------------------------------------------------

    std::optional<milliseconds> duration(const Member& at, std::string_view text) {
        std::uint64_t count = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
        const std::string_view unit{end, text.data() + text.size()};
        static const std::map<std::string_view, std::uint64_t> units{{"ms", 1}, {"s", 1000}, {"m", 60'000}};
        const auto known = units.find(unit);
        if (end == text.data() || known == units.end()) {
            std::string suggestion = "write 40ms, 2s or 1m";
            if (end != text.data() && unit.empty())
                suggestion = "write " + std::string{text} + "ms for milliseconds";
            else if (end != text.data() && units.contains(lower(trimmed(unit))))
                suggestion = "write " + std::to_string(count) + lower(trimmed(unit));
            report(at.place, at.field, shown(text) + " is no duration", suggestion);
            return {};
        }
        const auto limit = static_cast<std::uint64_t>(longest_duration.count());
        if (error != std::errc{} || count > limit / known->second) {
            report(at.place, at.field, shown(text) + " is too long", "durations go up to 30 years");
            return {};
        }
        if (count == 0) {
            report(at.place, at.field, "the duration is 0", "write at least 1ms, or leave it out");
            return {};
        }
        return milliseconds{count * known->second};
    }

    std::optional<fluxlib::DataTimer> global_timer(const Member& at) {
        if (!has_clock_)
            report(at.place, at.field, "the timer is global, and the flow has no clock: it would never tick",
                   "add `clock: 100ms` to the flow");
        return fluxlib::DataTimer{fluxlib::TimerType::global, milliseconds{0}};
    }

    std::optional<fluxlib::DataTimer> timer(const Member& at) {
        if (at.value->kind == Kind::map)
            return timer_map(at);
        const auto text = text_of(at);
        if (!text)
            return {};
        if (lower(*text) == "global")
            return global_timer(at);
        if (lower(*text) == "none")
            return fluxlib::DataTimer{};
        if (text->empty() || std::isalpha(static_cast<unsigned char>(text->front()))) {
            report(at.place, at.field, shown(*text) + " is no timer",
                   "write a duration such as 40ms, or global, or none");
            return {};
        }
        const auto interval = duration(at, *text);
        return interval ? std::optional{fluxlib::DataTimer{fluxlib::TimerType::local, *interval}}
                        : std::nullopt;
    }

    // As a manager sends it.
    std::optional<fluxlib::DataTimer> timer_map(const Member& at) {
        const auto members = members_of(at);
        check_known(members, {"type", "intervalMs"});
        const auto* type = find(members, "type");
        const auto* interval = find(members, "intervalMs");
        const auto name = type ? text_of(*type) : std::nullopt;
        if (!name) {
            report(at.place, join(at.field, "type"), "it is missing", "write LOCAL, GLOBAL or NONE");
            return {};
        }
        if (lower(*name) == "none")
            return fluxlib::DataTimer{};
        if (lower(*name) == "global")
            return global_timer(*type);
        if (lower(*name) != "local") {
            report(type->place, type->field, "unknown type " + shown(*name),
                   suggest(*name, {"LOCAL", "GLOBAL", "NONE"}));
            return {};
        }
        const auto text = interval ? text_of(*interval) : std::nullopt;
        if (!text) {
            report(at.place, join(at.field, "intervalMs"), "it is missing, and a LOCAL timer needs it",
                   "write milliseconds, such as 40");
            return {};
        }
        const auto value = core_value(*text);
        if (!value || !value->is_int64() || value->get_int64() < 1 ||
            value->get_int64() > longest_duration.count()) {
            report(interval->place, interval->field, shown(*text) + " is no number of milliseconds",
                   "write a whole number of at least 1");
            return {};
        }
        return fluxlib::DataTimer{fluxlib::TimerType::local, milliseconds{value->get_int64()}};
    }

    // --- Services and nodes ---------------------------------------------------------------------------

    void read_services(const Element& root, const Member* services) {
        if (!services) {
            if (root.kind == Kind::map)
                report(root.place, "services", "it is missing",
                       "a flow has services with nodes; see docs/flow.md");
            return;
        }
        const auto members = members_of(*services);
        if (services->value->kind == Kind::map && services->value->entries.empty())
            report(services->place, services->field, "there is no service", "add one");
        for (const auto& member : members) {
            if (const auto why = fluxmq::publish_problem(member.name); !why.empty())
                report(member.key, member.field,
                       shown(member.name) + " cannot be the id of a service: " + why,
                       "write '" + dashed(member.name) + "'");
            read_service(member);
        }
    }

    void read_service(const Member& at) {
        const auto members = members_of(at);
        check_known(members,
                    {"nodes", "sdk", "command", "environment", "directory", "replicas", "supervision"});
        flow_.services.push_back({.id = at.name});
        auto& service = flow_.services.back();
        if (const auto* sdk = find(members, "sdk"))
            service.sdk = read_sdk(*sdk);
        read_command(members, service.command);
        const auto* nodes = find(members, "nodes");
        if (!nodes) {
            if (at.value->kind == Kind::map)
                report(at.key, join(at.field, "nodes"), "it is missing",
                       "write `nodes: {}` for a service without nodes");
            return;
        }
        for (const auto& member : members_of(*nodes))
            read_node(member);
    }

    std::optional<Sdk> read_sdk(const Member& at) {
        static const std::map<std::string_view, Sdk> known{
            {"cpp", Sdk::cpp}, {"python", Sdk::python}, {"go", Sdk::go}};
        const auto text = text_of(at);
        if (!text)
            return {};
        const auto found = known.find(*text);
        if (found != known.end())
            return found->second;
        report(at.place, at.field, "there is no SDK " + shown(*text),
               suggest(*text, {"cpp", "python", "go"}));
        return {};
    }

    // How `up` starts the processes of a service: `command`, and what only makes sense beside it.
    void read_command(const std::vector<Member>& members, Command& command) {
        const auto* words = find(members, "command");
        if (words)
            read_words(*words, command);
        for (const auto& member : members) {
            if (member.name != "environment" && member.name != "directory" && member.name != "replicas" &&
                member.name != "supervision")
                continue;
            if (!words)
                report(member.key, member.field, "it is of no use without `command`",
                       "add the command that starts the service, such as [python3, service.py]");
            else if (member.name == "environment")
                read_environment(member, command);
            else if (member.name == "directory")
                command.directory = text_of(member).value_or("");
            else if (member.name == "replicas")
                command.replicas = whole_number(member, max_replicas).value_or(1);
            else
                command.supervision = service_supervision(member);
        }
    }

    void read_words(const Member& at, Command& command) {
        if (at.value->kind != Kind::list) {
            expected(at, "a list", "write the program and its arguments, such as [python3, service.py]");
            return;
        }
        for (const auto& word : texts_of(at))
            command.words.push_back(word.name);
        if (at.value->items.empty() || (!command.words.empty() && command.words.front().empty()))
            report(at.place, at.field, "there is no program to start",
                   "write the program and its arguments, such as [python3, service.py]");
        for (const auto& word : command.words)
            check_no_zero(at, word);
    }

    // What a program is started with ends at a zero byte.
    void check_no_zero(const Member& at, std::string_view text) {
        if (text.find('\0') != std::string_view::npos)
            report(at.place, at.field, "it has a zero byte", "remove it");
    }

    void read_environment(const Member& at, Command& command) {
        for (const auto& member : optional_members_of(at)) {
            if (member.name.empty() || member.name.find('=') != std::string::npos)
                report(member.key, member.field, shown(member.name) + " cannot be the name of a variable",
                       "use letters, digits and '_'");
            else if (member.name == "SERVICE_ID" || member.name == "SERVICE_REPLICA")
                report(member.key, member.field, "`up` sets it", "remove it");
            else if (const auto text = text_of(member))
                command.environment[member.name] = *text;
            check_no_zero(member, member.value->text);
            check_no_zero(member, member.name);
        }
    }

    std::optional<int> whole_number(const Member& at, int most) {
        const auto text = text_of(at);
        if (!text)
            return {};
        const auto value = core_value(*text);
        if (value && value->is_int64() && value->get_int64() > 0 && value->get_int64() <= most)
            return static_cast<int>(value->get_int64());
        expected(at, "a whole number of at least 1" + (most == std::numeric_limits<int>::max()
                                                           ? std::string{}
                                                           : " and at most " + std::to_string(most)));
        return {};
    }

    // Of a process: it has no hooks, and does not throw.
    fluxlib::Supervision service_supervision(const Member& at) {
        if (at.value->kind == Kind::map)
            for (const auto& entry : at.value->entries)
                if (entry.key->kind == Kind::scalar &&
                    (entry.key->text == "failOnThrow" || entry.key->text == "hookTimeout"))
                    report(entry.key->place, join(at.field, entry.key->text),
                           "a service has no hooks of its own", "set it for a node");
        return supervision(at).value_or(fluxlib::Supervision{});
    }

    void read_node(const Member& at) {
        auto& nodes = flow_.services.back().nodes;
        if (flow_.services.back().sdk == Sdk::go)
            flow_.go_nodes.insert(at.name);
        if (const auto why = token_problem(at.name); !why.empty())
            report(at.key, at.field, shown(at.name) + " cannot be the id of a node: " + why,
                   "write '" + dashed(at.name) + "'");
        const auto [first, is_new] =
            nodes_.emplace(at.name, NodeAt{flow_.services.size() - 1, nodes.size(), at.key.line});
        if (is_new)
            node_names_.push_back(at.name);
        else
            report(at.key, at.field,
                   "the node id " + shown(at.name) + " occurs twice, first in line " +
                       std::to_string(first->second.line),
                   "ids are unique over all services: rename one");
        fluxlib::DataNode node{.id = at.name};
        const auto members = optional_members_of(at);
        check_known(members, {"type", "name", "settings", "timer", "inputs", "outputs", "supervision"});
        const auto* type = find(members, "type");
        read_type(at, type, node);
        if (const auto* name = find(members, "name"))
            node.name = text_of(*name).value_or("");
        if (const auto* timer_at = find(members, "timer"))
            node.timer = timer(*timer_at);
        const auto* settings = find(members, "settings");
        if (settings)
            for (const auto& member : optional_members_of(*settings))
                node.settings[member.name] = json(member);
        flow_.places.emplace(at.name,
                             NodePlace{type ? type->place : at.key, settings ? settings->key : at.key});
        if (const auto* inputs = find(members, "inputs"))
            node.inputs = ports<fluxlib::DataInput>(*inputs, fluxmq::subscribe_problem, "");
        if (const auto* outputs = find(members, "outputs"))
            node.outputs = ports<fluxlib::DataOutput>(*outputs, fluxmq::publish_problem,
                                                      "publish on a topic without wildcards");
        if (const auto* supervision_at = find(members, "supervision"))
            node.supervision = supervision(*supervision_at);
        nodes.push_back(std::move(node));
    }

    // A policy by its name, or a map with that and more.
    std::optional<fluxlib::Supervision> supervision(const Member& at) {
        fluxlib::Supervision result;
        if (at.value->kind == Kind::null)
            return {};
        if (at.value->kind == Kind::scalar) {
            read_restart(at, result);
            return result;
        }
        const auto members = members_of(at);
        check_known(members, {"restart", "failOnThrow", "backoff", "longestBackoff", "mostRestarts", "window",
                              "hookTimeout"});
        for (const auto& member : members) {
            const auto text = text_of(member);
            if (!text)
                continue;
            const auto value = core_value(*text);
            if (member.name == "restart")
                read_restart(member, result);
            else if (member.name == "failOnThrow" && value && value->is_bool())
                result.fail_on_throw = value->get_bool();
            else if (member.name == "failOnThrow")
                expected(member, "true or false");
            else if (member.name == "mostRestarts")
                result.most_restarts =
                    whole_number(member, std::numeric_limits<int>::max()).value_or(result.most_restarts);
            else
                for (const auto& [name, length] : lengths)
                    if (member.name == name)
                        result.*length = duration(member, *text).value_or(result.*length);
        }
        return result;
    }

    void read_restart(const Member& at, fluxlib::Supervision& supervision) {
        using fluxlib::Restart;
        static const std::map<std::string_view, Restart> policies{
            {"never", Restart::never}, {"on-failure", Restart::on_failure}, {"always", Restart::always}};
        const auto found = policies.find(at.value->text);
        if (found == policies.end())
            report(at.place, at.field, "there is no restart policy " + shown(at.value->text),
                   suggest(at.value->text, {"never", "on-failure", "always"}));
        else
            supervision.restart = found->second;
    }

    static constexpr std::pair<std::string_view, milliseconds fluxlib::Supervision::*> lengths[] = {
        {"backoff", &fluxlib::Supervision::backoff},
        {"longestBackoff", &fluxlib::Supervision::longest_backoff},
        {"window", &fluxlib::Supervision::window},
        {"hookTimeout", &fluxlib::Supervision::hook_timeout}};

    void read_type(const Member& at, const Member* type, fluxlib::DataNode& node) {
        if (!type) {
            if (at.value->kind == Kind::map || at.value->kind == Kind::null)
                report(at.key, join(at.field, "type"), "it is missing",
                       "name the class of the node, as it is registered in its service");
            return;
        }
        node.type = text_of(*type).value_or("");
        if (node.type.empty() && (type->value->kind == Kind::null || type->value->kind == Kind::scalar))
            report(type->place, type->field, "it is empty",
                   "name the class of the node, as it is registered in its service");
    }

    template <class Port>
    std::vector<Port> ports(const Member& at, std::string (*topic_problem)(std::string_view),
                            const std::string& without_wildcards) {
        std::vector<Port> ports;
        for (const auto& member : optional_members_of(at)) {
            check_alias(member.key, member.field, member.name);
            ports.push_back({.alias = member.name});
            for (const auto& topic : texts_of(member)) {
                if (const auto why = topic_problem(topic.name); !why.empty())
                    report(topic.place, topic.field, shown(topic.name) + " is not a valid topic: " + why,
                           fluxmq::has_wildcard(topic.name) ? without_wildcards : "");
                else if (add_topic(ports.back().topics, topic.name))
                    continue;
                else
                    report(topic.place, topic.field, "the topic " + shown(topic.name) + " occurs twice",
                           "remove one");
            }
        }
        return ports;
    }

    void check_alias(Place place, const std::string& field, const std::string& alias) {
        if (const auto why = token_problem(alias); !why.empty())
            report(place, field, shown(alias) + " cannot be the name of a port: " + why,
                   "write '" + dashed(alias) + "'");
    }

    static bool add_topic(std::vector<std::string>& topics, const std::string& topic) {
        if (std::find(topics.begin(), topics.end(), topic) != topics.end())
            return false;
        topics.push_back(topic);
        return true;
    }

    // Settings as JSON.
    boost::json::value json(const Member& at) {
        switch (at.value->kind) {
        case Kind::null: return nullptr;
        case Kind::scalar: {
            if (!at.value->plain)
                return boost::json::value(at.value->text);
            auto value = core_value(at.value->text);
            if (!value)
                report(at.place, at.field, "JSON has no such number as " + shown(at.value->text),
                       "put it into quotes, or use another one");
            return value.value_or(nullptr);
        }
        case Kind::list: {
            boost::json::array array;
            for (const auto& item : at.value->items)
                array.push_back(json({"", item->place, item->place, item.get(),
                                      at.field + "[" + std::to_string(array.size()) + "]"}));
            return array;
        }
        case Kind::map: break;
        }
        boost::json::object object;
        for (const auto& member : members_of(at))
            object[member.name] = json(member);
        return object;
    }

    // --- Edges ----------------------------------------------------------------------------------------

    // A piece of the text of an edge.
    struct Piece {
        std::string_view text;
        Place place;
        const std::string& field;

        Piece part(std::size_t begin, std::size_t count = std::string_view::npos) const {
            const auto raw = text.substr(begin, count);
            const auto inner = trimmed(raw);
            const auto skipped = inner.empty() ? 0 : static_cast<std::size_t>(inner.data() - text.data());
            return {inner, {place.line, place.column + static_cast<int>(skipped)}, field};
        }
    };

    void read_edges(const Member& at) {
        if (at.value->kind == Kind::null)
            return;
        if (at.value->kind != Kind::list) {
            expected(at, "a list of edges", "write lines such as `- camera.image -> detector.in`");
            return;
        }
        for (const auto& item : at.value->items) {
            const Member edge{"", item->place, item->place, item.get(),
                              at.field + "[" + std::to_string(&item - at.value->items.data()) + "]"};
            if (item->kind == Kind::scalar)
                read_edge(edge);
            else
                expected(edge, "an edge", "write `node.output -> node.input`");
        }
    }

    void read_edge(const Member& at) {
        Place place = at.place;
        place.column += at.value->plain ? 0 : 1; // the quote
        const Piece edge{at.value->text, place, at.field};
        const auto arrow = edge.text.find("->");
        if (arrow == std::string_view::npos) {
            report(at.place, at.field, shown(edge.text) + " has no '->'",
                   "write `node.output -> node.input`");
            return;
        }
        if (edge.text.find("->", arrow + 2) != std::string_view::npos) {
            report(at.place, at.field, shown(edge.text) + " has more than one '->'",
                   "write an edge for each");
            return;
        }
        const auto left = edge.part(0, arrow);
        const auto right = edge.part(arrow + 2);
        if (left.text.empty())
            report(at.place, at.field, "the edge comes from nowhere", "write `node.output` before the '->'");
        if (right.text.empty())
            report(at.place, at.field, "the edge goes nowhere", "write `node.input` after the '->'");
        const auto from = left.text.empty() ? std::nullopt : port(left);
        for (const auto& target : right.text.empty() ? std::vector<Piece>{} : targets(right))
            if (const auto to = port(target); from && to)
                add_edge({*from, *to}, target);
    }

    // `a.in`, or `[a.in, b.in]`.
    std::vector<Piece> targets(const Piece& right) {
        if (right.text.front() != '[' && right.text.find(',') == std::string_view::npos)
            return {right};
        if (right.text.front() != '[' || right.text.back() != ']') {
            report(right.place, right.field, shown(right.text) + " is no list of inputs",
                   "write `[a.in, b.in]`");
            return {};
        }
        const auto list = right.part(1, right.text.size() - 2);
        std::vector<Piece> pieces;
        for (std::size_t begin = 0; begin <= list.text.size();) {
            const auto comma = std::min(list.text.find(',', begin), list.text.size());
            pieces.push_back(list.part(begin, comma - begin));
            begin = comma + 1;
        }
        if (std::any_of(pieces.begin(), pieces.end(),
                        [](const Piece& piece) { return piece.text.empty(); })) {
            report(right.place, right.field, "an input in " + shown(right.text) + " is empty",
                   "write `[a.in, b.in]`");
            return {};
        }
        return pieces;
    }

    std::optional<Port> port(const Piece& piece) {
        const auto dot = piece.text.find('.');
        Port port{std::string{piece.text.substr(0, dot)}, ""};
        const bool known = nodes_.contains(port.node);
        if (!known)
            report(piece.place, piece.field, "there is no node " + shown(port.node),
                   full() ? "" : suggest(port.node, node_names_));
        if (dot == std::string_view::npos) {
            if (known)
                report(piece.place, piece.field, shown(piece.text) + " is a node, and an edge joins ports",
                       "write `" + port.node + ".` and the name of an output or input");
            return {};
        }
        port.alias = piece.text.substr(dot + 1);
        if (const auto why = token_problem(port.alias); !why.empty()) {
            report(piece.place, piece.field, shown(port.alias) + " cannot be the name of a port: " + why,
                   "write `node.port`");
            return {};
        }
        return known ? std::optional{port} : std::nullopt;
    }

    void add_edge(const Edge& edge, const Piece& at) {
        const auto topic = topic_of(flow_, edge.from);
        if (const auto why = fluxmq::publish_problem(topic);
            !why.empty() && token_problem(flow_.name).empty()) {
            report(at.place, at.field, "the topic of the edge is not valid: " + why, "use shorter names");
            return;
        }
        const auto [first, is_new] =
            edge_lines_.emplace(std::pair{topic, edge.to.node + '.' + edge.to.alias}, at.place.line);
        if (!is_new) {
            report(at.place, at.field,
                   "the edge occurs twice, first in line " + std::to_string(first->second), "remove one");
            return;
        }
        if (flow_.edges.size() == max_edges) {
            report(at.place, at.field, "there are more than " + std::to_string(max_edges) + " edges",
                   "split the flow");
            return;
        }
        add_topic(port_of(node_of(edge.from).outputs, edge.from.alias).topics, topic);
        add_topic(port_of(node_of(edge.to).inputs, edge.to.alias).topics, topic);
        flow_.edges.push_back(edge);
    }

    // Its router takes one handler for a topic, and ends the process at a second one.
    void check_go_inputs() {
        for (const auto& service : flow_.services) {
            if (service.sdk != Sdk::go)
                continue;
            std::map<std::string_view, std::string> heard; // by topic
            for (const auto& node : service.nodes)
                for (const auto& input : node.inputs)
                    for (const auto& topic : input.topics) {
                        const auto name = node.id + '.' + input.alias;
                        if (const auto [first, is_new] = heard.emplace(topic, name); !is_new)
                            report(place_of(flow_, node.id).type, field_of(service, node),
                                   "the input " + shown(name) + " listens to " + shown(topic) + ", as " +
                                       shown(first->second) + " does: a Go service dies of it",
                                   "let one node of the service listen, or move one to another service");
                    }
        }
    }

    fluxlib::DataNode& node_of(const Port& port) {
        const auto& at = nodes_.at(port.node);
        return flow_.services[at.service].nodes[at.node];
    }

    template <class DataPort>
    static DataPort& port_of(std::vector<DataPort>& ports, const std::string& alias) {
        const auto found = std::find_if(ports.begin(), ports.end(),
                                        [&](const DataPort& port) { return port.alias == alias; });
        if (found != ports.end())
            return *found;
        ports.push_back({.alias = alias});
        return ports.back();
    }

    Flow& flow_;
    std::vector<Problem>& problems_;
    bool has_clock_ = false;
    std::map<std::string, NodeAt> nodes_;
    std::vector<std::string> node_names_;
    std::map<std::pair<std::string, std::string>, int> edge_lines_; // by topic and input
};

} // namespace

Parsed parse(std::string_view yaml) {
    auto document = read_yaml(yaml);
    Parsed parsed{{}, std::move(document.problems)};
    Reader reader{parsed};
    if (document.root && document.root->kind != Kind::null)
        reader.read(*document.root);
    else if (parsed.problems.empty())
        reader.report({1, 1}, "", "the file is empty", "a flow has services with nodes; see docs/flow.md");
    parsed.problems = presentable(std::move(parsed.problems));
    return parsed;
}

} // namespace fluxctl::flow
