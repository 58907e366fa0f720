// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/config.hpp>

#include <chrono>
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
    std::vector<fluxlib::DataNode>
        nodes; ///< with the topics of all edges: what a manager sends as their config
};

struct Flow {
    std::string name;
    std::chrono::milliseconds clock{0}; ///< between two ticks of the GLOBAL clock; 0: none
    std::vector<std::string> plugins;   ///< paths of shared libraries with node types, as written
    std::vector<Service> services;
    std::vector<Edge> edges;
};

/// Where the output of an edge publishes, and its input listens.
std::string topic_of(const Flow& flow, const Port& output);

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
    boost::json::value json(std::string_view file) const;
    friend bool operator==(const Problem&, const Problem&) = default;
};

struct Parsed {
    Flow flow; ///< meaningful when there is no problem
    std::vector<Problem> problems;
};

/// Reads all of it and finds every problem, not only the first.
Parsed parse(std::string_view yaml);

} // namespace fluxctl::flow
