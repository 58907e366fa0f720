// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/config.hpp>

#include <chrono>
#include <exception>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// A flow file: services, their nodes, and edges between the nodes' ports, as data; no I/O.
namespace fluxctl::flow {

/// Where something stands in a file; both count from 1.
struct Place {
    int line = 0;
    int column = 0;
    friend bool operator==(const Place&, const Place&) = default;
};

/// `camera.image` in `camera.image -> detector.in`.
struct Port {
    std::string node;
    std::string alias;
};

struct Edge {
    Port from;
    Port to;
};

/// Whose SDK a service is written with, where that is known.
enum class Sdk {
    cpp,    ///< this one: applies a config by difference
    python, ///< fluxlib-py: appends the nodes of each config, and answers nothing
    go      ///< flux_go: makes all nodes anew at each config
};

/// As it is written in flow files and shown.
std::string_view to_string(Sdk sdk) noexcept;

/// How `up` starts the processes of a service.
struct Command {
    std::vector<std::string> words; ///< the program and its arguments; empty: `up` starts none
    std::map<std::string, std::string> environment; ///< in addition to that of `up`
    std::string directory;                          ///< empty: that of the flow file
    int replicas = 1;                               ///< processes with the same service id
    fluxlib::Supervision supervision;               ///< when a process that has ended is started again
    friend bool operator==(const Command&, const Command&) = default;
};

inline constexpr int max_replicas = 100;

struct Service {
    std::string id;
    std::vector<fluxlib::DataNode> nodes = {}; ///< with the topics of all edges: their config
    std::optional<Sdk> sdk = {};               ///< as the file says
    Command command = {};
};

/// Of a node in the file, for what only those find wrong who have its type.
struct NodePlace {
    Place type;
    Place settings; ///< of the node itself where it has none
};

struct Flow {
    std::string name;
    std::chrono::milliseconds clock{0}; ///< between two ticks of the GLOBAL clock; 0: none
    std::vector<std::string> plugins;   ///< paths of shared libraries with node types, as written
    std::vector<Service> services;
    std::vector<Edge> edges;
    std::map<std::string, NodePlace, std::less<>> places; ///< by node; none of a flow that was in no file
    std::set<std::string, std::less<>> go_nodes;          ///< those of services with `sdk: go`
};

/// Where the output of an edge publishes, and its input listens. Nodes of the Go SDK push on topics of their own.
std::string topic_of(const Flow& flow, const Port& output);

/// Where a node stands in the file, and how a Problem names it: `services.vision.nodes.camera`.
NodePlace place_of(const Flow& flow, std::string_view node);
std::string field_of(const Service& service, const fluxlib::DataNode& node);

/// For scripts: what a flow file means.
boost::json::value to_json(const Flow& flow);

/// What is wrong with a file, and what to do.
struct Problem {
    Place place;
    std::string field; ///< such as `services.vision.nodes.camera.timer`
    std::string what;
    std::string suggestion; ///< may be empty

    /// `flow.yaml:7:12: services.vision.nodes.camera.timer: ...`
    std::string text(std::string_view file) const;
    /// The same without the file and the place.
    std::string statement() const;
    boost::json::value json(std::string_view file) const;
    friend bool operator==(const Problem&, const Problem&) = default;
};

/// The most problems that are told, and the most bytes of a text in one.
inline constexpr std::size_t max_problems = 100;
inline constexpr std::size_t max_problem_text = 1000;

/// For people and scripts: by their place in the file, within those bounds, and without what would steer a terminal.
std::vector<Problem> presentable(std::vector<Problem> problems);

/// A flow that cannot be run, for mistakes in its file, or for what only those find who have the types of its nodes.
class Refused : public std::exception {
public:
    explicit Refused(std::vector<Problem> problems);
    const std::vector<Problem>& problems() const noexcept { return problems_; }
    /// A line for each, without the file.
    const char* what() const noexcept override { return text_.c_str(); }

private:
    std::vector<Problem> problems_;
    std::string text_;
};

struct Parsed {
    Flow flow; ///< meaningful when there is no problem
    std::vector<Problem> problems;
};

/// Reads all of it and finds every problem, not only the first.
Parsed parse(std::string_view yaml);

} // namespace fluxctl::flow
