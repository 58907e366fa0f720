// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/config.hpp>

#include <chrono>
#include <exception>
#include <map>
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

struct Service {
    std::string id;
    std::vector<fluxlib::DataNode> nodes; ///< with the topics of all edges: their config
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
};

/// Where the output of an edge publishes, and its input listens.
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
