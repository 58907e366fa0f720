// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/supervision.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What a manager configures (docs/protocol.md, "Config"), as data; no I/O.
namespace fluxlib {

struct DataInput {
    std::string alias = {};
    std::vector<std::string> topics = {}; ///< wildcards allowed
    friend bool operator==(const DataInput&, const DataInput&) = default;
};

struct DataOutput {
    std::string alias = {};
    std::vector<std::string> topics = {};
    friend bool operator==(const DataOutput&, const DataOutput&) = default;
};

enum class TimerType {
    none,  ///< no ticks
    local, ///< ticks at `interval` while the node is started
    global ///< ticks with the manager's clock
};

struct DataTimer {
    TimerType type = TimerType::none;
    std::chrono::milliseconds interval{0}; ///< more than 0 for `local`; not used by the others
    friend bool operator==(const DataTimer&, const DataTimer&) = default;
};

struct DataNode {
    std::string id = {};
    std::string name = {};               ///< for people
    std::string type = {};               ///< what the service knows its class by
    std::optional<DataTimer> timer = {}; ///< without one, the node ticks when ServiceOptions::has_global_tick
    boost::json::object settings = {};
    std::vector<DataInput> inputs = {};
    std::vector<DataOutput> outputs = {};
    std::optional<Supervision> supervision = {}; ///< in place of NodeOptions::supervision
    friend bool operator==(const DataNode&, const DataNode&) = default;
};

/// Reads a config: a JSON array of nodes, or an object with the array under "nodes".
/// Throws Error{malformed_json} or Error{invalid_config} that names the node and the field.
std::vector<DataNode> parse_config(std::string_view json);

/// The other way: what parse_config() reads, and the same again. Every node has a `timer`, for the other SDKs fail
/// without it; that of a node without one has the member `"unset": true`.
boost::json::value to_json(const DataNode& node);
boost::json::value to_json(std::span<const DataNode> nodes);

/// What turns one config into another.
struct ConfigPlan {
    std::vector<std::string> destroy; ///< ids that are gone or have another type, in the order they were in
    std::vector<DataNode> change;     ///< that stay and differ: settings, ports, timer, supervision, name
    std::vector<DataNode> create;     ///< new nodes, and those that have another type
};

ConfigPlan diff_config(std::span<const DataNode> current, std::span<const DataNode> wanted);

} // namespace fluxlib
