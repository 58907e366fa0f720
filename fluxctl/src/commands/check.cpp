// SPDX-License-Identifier: MIT
#include "command.hpp"
#include "flow/file.hpp"

#include <boost/json/serialize.hpp>

#include <iostream>

namespace fluxctl {

namespace {

std::string counted(std::size_t count, std::string_view noun) {
    return std::to_string(count) + ' ' + std::string{noun} + (count == 1 ? "" : "s");
}

fluxlib::Task<int> check(const Context& context, const std::string& path) {
    const auto [flow, problems] = flow::load(path);
    flow::print(std::cout, path, problems, context.json);
    if (!problems.empty())
        co_return usage;
    std::size_t nodes = 0;
    for (const auto& service : flow.services)
        nodes += service.nodes.size();
    if (context.json) {
        const boost::json::value found{{"file", path},
                                       {"ok", true},
                                       {"services", flow.services.size()},
                                       {"nodes", nodes},
                                       {"edges", flow.edges.size()}};
        std::cout << boost::json::serialize(found) << '\n';
    } else {
        std::cout << "ok: " << counted(flow.services.size(), "service") << ", " << counted(nodes, "node")
                  << ", " << counted(flow.edges.size(), "edge") << '\n';
    }
    co_return ok;
}

} // namespace

void add_check(CLI::App& app, Context& context) {
    const auto path = std::make_shared<std::string>();
    auto* command = app.add_subcommand("check", "look for mistakes in a flow file");
    command->add_option("flow", *path, "the flow file (docs/flow.md)")->required();
    command->footer("Example:\n  fluxctl check plant.yaml");
    set_command(*command, context, path, &check);
}

} // namespace fluxctl
