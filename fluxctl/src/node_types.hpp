// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/plugin.hpp>

#include "flow/flow.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace fluxctl {

/// The node types there are: those that are linked into this program, and those of plugins, which win. Copies share what
/// they load: each path is opened once, and whatever becomes of the file then, its types are the same until the end.
class NodeTypes {
public:
    NodeTypes();

    /// Adds those of a plugin; a second time has no effect. Throws as fluxlib::Plugin::load(), and
    /// Error{invalid_config} when there is no such file, or two plugins have the same type.
    void load(const std::filesystem::path& plugin);
    /// All plugins (`*.so`) of a folder. Throws as load(), also when there is no such folder.
    void load_folder(const std::filesystem::path& folder);

    /// The nodes of other types, each with a suggestion.
    std::vector<flow::Problem> check(const flow::Flow& flow) const;

    /// Throws Error{unknown_node_type}, and what the node's constructor throws.
    std::unique_ptr<fluxlib::Node> make(fluxlib::Service& service, const fluxlib::DataNode& data) const;

    std::vector<std::string> names() const;

private:
    struct Entry {
        fluxlib::NodeType type;
        std::filesystem::path origin; // of a plugin; empty for this program
    };
    struct Opened {
        fluxlib::Plugin plugin;
        std::filesystem::path origin;
    };
    const Opened& open(const std::filesystem::path& plugin);

    std::map<std::string, Entry, std::less<>> types_;
    using OpenedByPath = std::map<std::filesystem::path, Opened>;
    std::shared_ptr<OpenedByPath> opened_ = std::make_shared<OpenedByPath>();
};

} // namespace fluxctl
