// SPDX-License-Identifier: MIT
#include "flow/graph.hpp"

#include "command.hpp"
#include "flow/file.hpp"

#define BOOST_PROCESS_USE_STD_FS 1
#include <boost/asio/io_context.hpp>
#include <boost/json/serialize.hpp>
#include <boost/process.hpp>

#include <fstream>
#include <future>
#include <iostream>
#include <optional>

namespace fluxctl {

namespace {

namespace process = boost::process;

struct Graph {
    std::string path;
    std::string format = "mermaid";
    std::string output;
};

// None, and the reason on standard error, where Graphviz cannot do it.
std::optional<std::string> svg_of(const std::string& dot) {
    const auto program = process::search_path("dot");
    if (program.empty()) {
        std::cerr
            << "fluxctl: SVG needs Graphviz, and there is no 'dot' in PATH; install the package graphviz, or "
               "use --format dot\n";
        return {};
    }
    boost::asio::io_context loop;
    std::future<std::string> svg;
    process::child child{program, "-Tsvg", process::std_in<boost::asio::buffer(dot), process::std_out> svg,
                         loop};
    loop.run();
    child.wait();
    if (child.exit_code() != 0) {
        std::cerr << "fluxctl: 'dot -Tsvg' failed with exit code " << child.exit_code() << '\n';
        return {};
    }
    return svg.get();
}

fluxlib::Task<int> draw(const Context& context, const Graph& graph) {
    const auto [flow, problems] = flow::load(graph.path);
    if (!problems.empty()) {
        flow::complain(graph.path, problems, context.json);
        co_return usage;
    }
    auto text = context.json                ? boost::json::serialize(flow::to_json(flow)) + '\n'
                : graph.format == "mermaid" ? flow::to_mermaid(flow)
                                            : flow::to_dot(flow);
    if (!context.json && graph.format == "svg") {
        if (auto svg = svg_of(text))
            text = std::move(*svg);
        else
            co_return failed;
    }
    if (graph.output.empty()) {
        std::cout << text;
        co_return ok;
    }
    std::ofstream file{graph.output};
    if (!(file << text << std::flush)) {
        std::cerr << "fluxctl: '" << graph.output << "' cannot be written\n";
        co_return failed;
    }
    co_return ok;
}

} // namespace

void add_graph(CLI::App& app, Context& context) {
    const auto graph = std::make_shared<Graph>();
    auto* command = app.add_subcommand("graph", "draw a flow file; --json prints what it means instead");
    command->add_option("flow", graph->path, "the flow file (docs/flow.md)")->required();
    command->add_option("--format", graph->format, "mermaid, dot or svg (by Graphviz)")
        ->check(CLI::IsMember({"mermaid", "dot", "svg"}))
        ->capture_default_str();
    command->add_option("-o,--output", graph->output, "a file to write; standard output without it");
    command->footer("Example:\n  fluxctl graph plant.yaml --format svg -o plant.svg");
    set_command(*command, context, graph, &draw);
}

} // namespace fluxctl
