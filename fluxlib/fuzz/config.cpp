// SPDX-License-Identifier: MIT
// A config is read or refused; written and read again it is the same, and differs in nothing from itself.
#include <fluxlib/config.hpp>

#include <fluxmq/error.hpp>

#include "target.hpp"

#include <boost/json/serialize.hpp>

#include <string>
#include <utility>
#include <vector>

using fluxlib::DataNode;
using fluxmq::errc;
using fluxmq::fuzz::require;

namespace {

// Boost.JSON reads a fraction a last digit off, so settings may differ from what was written.
std::vector<DataNode> without_settings(std::vector<DataNode> nodes) {
    for (auto& node : nodes)
        node.settings.clear();
    return nodes;
}

void check(const std::vector<DataNode>& nodes) {
    const auto same = fluxlib::diff_config(nodes, nodes);
    require(same.destroy.empty() && same.change.empty() && same.create.empty(), "a config is as it is");
    require(fluxlib::diff_config({}, nodes).create == nodes, "all is new where nothing was");
    require(fluxlib::diff_config(nodes, {}).destroy.size() == nodes.size(),
            "all goes where nothing is wanted");
    const auto again = fluxlib::parse_config(boost::json::serialize(fluxlib::to_json(nodes)));
    require(without_settings(again) == without_settings(nodes),
            "a config that was written is read as it was");
}

} // namespace

void fuzz_config(std::string_view input) {
    std::vector<DataNode> nodes;
    try {
        nodes = fluxlib::parse_config(input);
    } catch (const fluxmq::Error& error) {
        require(error.kind() == errc::malformed_json || error.kind() == errc::invalid_config,
                "what is no config is malformed or invalid");
        return;
    }
    check(nodes);
}
