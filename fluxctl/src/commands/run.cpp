// SPDX-License-Identifier: MIT
#include <fluxmq/error.hpp>
#include <fluxmq/inproc.hpp>
#include <fluxmq/nats.hpp>

#include "arguments.hpp"
#include "command.hpp"
#include "flow/watch.hpp"
#include "host.hpp"
#include "terminal.hpp"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <sstream>

namespace fluxctl {

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

struct Run {
    std::string file;
    std::vector<std::string> plugins;
    std::string transport = "inproc";
    std::chrono::milliseconds length{0}; ///< 0: without end
};

// --- What is printed: statuses and accounts on standard output, errors (and all else) by the log -----------------

std::string_view name_of(HostEvent::Kind kind) {
    switch (kind) {
    case HostEvent::Kind::service_status: return "service";
    case HostEvent::Kind::node_status: return "node";
    case HostEvent::Kind::error: return "error";
    case HostEvent::Kind::flow_changed:
    case HostEvent::Kind::flow_refused: return "flow";
    }
    return {};
}

void print_status(HostEvent::Kind kind, const std::string& id, const std::string& status, bool as_json) {
    if (as_json)
        print_json(json::object{{"event", name_of(kind)}, {"id", id}, {"status", status}});
    else
        print_line(fmt::format("{} {}: {}", name_of(kind), id, status));
}

// Of what has no place in the file.
void complain(const Run& run, const std::string& what, bool as_json) {
    flow::complain(run.file, std::vector<flow::Problem>(1, flow::Problem{{}, "", what, ""}), as_json);
}

void print_event(const HostEvent& event, const Run& run, bool as_json) {
    using enum HostEvent::Kind;
    switch (event.kind) {
    case service_status:
    case node_status: print_status(event.kind, event.id, event.text, as_json); break;
    case error:
        if (as_json)
            print_json(
                json::object{{"event", name_of(event.kind)}, {"service", event.id}, {"text", event.text}});
        break;
    case flow_changed: print_status(event.kind, event.id, "changed", as_json); break;
    case flow_refused:
        if (event.problems.empty())
            complain(run, event.text, as_json);
        else
            flow::complain(run.file, event.problems, as_json);
        print_status(event.kind, event.id, "unchanged", as_json);
        break;
    }
}

void print_account(const HostReport::Ended& ended, bool as_json) {
    const auto& account = ended.report.account;
    if (as_json)
        print_json(json::object{{"event", "account"},
                                {"id", ended.service},
                                {"published", account.published},
                                {"delivered", account.delivered},
                                {"dropped", account.dropped.total()},
                                {"pending", account.pending},
                                {"drained", ended.report.drained}});
    else
        print_line("service " + ended.service + ": " + account.line());
}

// --- What is run -------------------------------------------------------------------------------------------------

// Those of the command line and of the environment, which are the same for each flow.
void load_types(NodeTypes& types, const Run& run) {
    for (const auto& plugin : run.plugins)
        types.load(plugin);
    if (const char* path = std::getenv("FLUX_PLUGIN_PATH")) {
        std::istringstream folders{path};
        for (std::string each; std::getline(folders, each, ':');)
            if (!each.empty())
                types.load_folder(each);
    }
}

std::function<std::shared_ptr<fluxmq::Transport>()> transports(const std::string& name) {
    if (name == "inproc")
        return
            [bus = std::make_shared<fluxmq::InProcBus>()] { return std::make_shared<fluxmq::InProc>(bus); };
    return [name] {
        fluxmq::NatsOptions options;
        options.name = "fluxctl run";
        options.servers = {name};
        options.connect_deadline = std::chrono::milliseconds{2500};
        return std::make_shared<fluxmq::Nats>(options);
    };
}

// The log is for people: on standard error, whatever is printed.
void log_to_standard_error() {
    auto logger =
        std::make_shared<spdlog::logger>("fluxctl", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    logger->set_level(spdlog::get_level());
    spdlog::set_default_logger(std::move(logger));
}

// What the file wants to be run, its plugins added to `types`. Throws what is wrong with the file, or with them.
Wanted wanted_by(const flow::Watch& file, NodeTypes types) {
    auto parsed = file.parse();
    if (!parsed.problems.empty())
        throw flow::Refused{std::move(parsed.problems)};
    const auto folder = fs::path{file.path()}.parent_path();
    for (const auto& plugin : parsed.flow.plugins)
        types.load(folder / plugin);
    return Wanted{std::move(parsed.flow), std::move(types)};
}

fluxlib::Task<int> host_flow(const Context& context, const Run& run) {
    flow::Watch file{run.file};
    log_to_standard_error();
    HostOptions options;
    options.transport = transports(run.transport);
    if (run.length.count() > 0)
        options.run_for = run.length;
    options.on_event = [&](const HostEvent& event) { print_event(event, run, context.json); };
    NodeTypes types;
    std::unique_ptr<Host> host;
    options.next = [&]() -> std::optional<Wanted> {
        if (!file.look())
            return std::nullopt;
        return wanted_by(file, types);
    };
    try {
        load_types(types, run);
        host = std::make_unique<Host>(wanted_by(file, types), options);
    } catch (const flow::Refused& refused) {
        flow::complain(run.file, refused.problems(), context.json);
        co_return usage;
    } catch (const fluxmq::Error& error) {
        complain(run, error.what(), context.json);
        co_return usage;
    }
    boost::asio::signal_set signals{co_await boost::asio::this_coro::executor, SIGINT, SIGTERM};
    signals.async_wait([&](boost::system::error_code cancelled, int) {
        if (cancelled)
            return;
        signals.clear(); // a second one ends the process at once
        host->end();
    });
    const auto report = co_await host->run();
    for (const auto& ended : report.services)
        print_account(ended, context.json);
    if (report.failed)
        co_return failed;
    co_return report.disconnected ? unreachable : ok;
}

} // namespace

void add_run(CLI::App& app, Context& context) {
    const auto run = std::make_shared<Run>();
    auto* command = app.add_subcommand("run", "run all services of a flow in this process, without a broker");
    command->add_option("flow", run->file, "the flow file (docs/flow.md); a change of it is taken over")
        ->required();
    command->add_option(
        "-p,--plugin", run->plugins,
        "a shared library with node types; may be given several times. Those of the folders in "
        "FLUX_PLUGIN_PATH are loaded, too");
    command
        ->add_option("-t,--transport", run->transport,
                     "inproc for a bus within the process, or the URL of a NATS server")
        ->default_str(run->transport)
        ->check([](const std::string& name) {
            return name == "inproc" || name.starts_with("nats://") || name.starts_with("tls://")
                       ? std::string{}
                       : "'" + name + "' is neither inproc nor a URL such as nats://localhost:4222";
        });
    add_duration(*command, "--for", run->length, "how long, such as 500ms, 2s, 5m; else until Ctrl-C");
    command->footer("Example:\n  fluxctl run plant.yaml --plugin ./libmy_nodes.so");
    set_command(*command, context, run, &host_flow);
}

} // namespace fluxctl
