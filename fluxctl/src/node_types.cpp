// SPDX-License-Identifier: MIT
#include "node_types.hpp"

#include <fluxmq/error.hpp>

#include "nearest.hpp"

#include <algorithm>

namespace fluxctl {

namespace fs = std::filesystem;
using fluxmq::errc;
using fluxmq::Error;

NodeTypes::NodeTypes() {
    for (const auto& type : fluxlib::registered_node_types())
        types_.emplace(type.name, Entry{type, {}});
}

void NodeTypes::load(const fs::path& file) {
    const auto& [plugin, origin] = open(file);
    for (const auto& type : plugin.types()) {
        auto& entry = types_[std::string{type.name}];
        if (!entry.origin.empty() && entry.origin != origin)
            throw Error{errc::invalid_config, "the plugins '" + entry.origin.string() + "' and '" +
                                                  origin.string() + "' both have the node type '" +
                                                  std::string{type.name} + "'; load one of them"};
        entry = {type, origin};
    }
}

const NodeTypes::Opened& NodeTypes::open(const fs::path& file) {
    const auto path = fs::absolute(file);
    if (const auto known = opened_->find(path); known != opened_->end())
        return known->second;
    std::error_code failed;
    auto origin = fs::canonical(path, failed);
    if (failed)
        throw Error{errc::invalid_config, "there is no plugin '" + file.string() + "': " + failed.message() +
                                              "; build it, or correct its path"};
    auto plugin = fluxlib::Plugin::load(path);
    plugin.keep(); // nodes of it may live until the end
    return opened_->emplace(path, Opened{std::move(plugin), std::move(origin)}).first->second;
}

void NodeTypes::load_folder(const fs::path& folder) {
    std::error_code failed;
    std::vector<fs::path> files;
    for (fs::directory_iterator each{folder, failed}, end; !failed && each != end; each.increment(failed))
        if (each->path().extension() == ".so")
            files.push_back(each->path());
    if (failed)
        throw Error{errc::invalid_config,
                    "the plugin folder '" + folder.string() + "' cannot be read: " + failed.message()};
    std::sort(files.begin(), files.end());
    for (const auto& file : files)
        load(file);
}

std::vector<flow::Problem> NodeTypes::check(const flow::Flow& flow) const {
    const auto known = names();
    const auto suggestion = [&](const std::string& unknown) {
        const auto text = suggest(unknown, known);
        return text.ends_with('?')
                   ? text
                   : text + (known.empty() ? "types" : "; others") +
                         " come from plugins (--plugin, FLUX_PLUGIN_PATH, or 'plugins' in the "
                         "flow file)";
    };
    std::vector<flow::Problem> problems;
    for (const auto& service : flow.services)
        for (const auto& node : service.nodes)
            if (!types_.contains(node.type))
                problems.push_back({flow::place_of(flow, node.id).type,
                                    flow::field_of(service, node) + ".type",
                                    "there is no node type '" + node.type + "'", suggestion(node.type)});
    return problems;
}

std::unique_ptr<fluxlib::Node> NodeTypes::make(fluxlib::Service& service,
                                               const fluxlib::DataNode& data) const {
    const auto found = types_.find(data.type);
    if (found == types_.end())
        throw Error{errc::unknown_node_type, "node '" + data.id + "' has type '" + data.type + "'"};
    return found->second.type.make(service, data);
}

std::vector<std::string> NodeTypes::names() const {
    std::vector<std::string> all;
    for (const auto& [name, entry] : types_)
        all.push_back(name);
    return all;
}

} // namespace fluxctl
