// SPDX-License-Identifier: MIT
// A service of another SDK in a process of its own, as the test kit imitates it: SERVICE_ID and NATS_URL say which, and
// where. It prints a line for each config, start and stop, and SIGTERM ends it at once, as it does those.
#include <fluxlib/task.hpp>
#include <fluxlib/testing/go_service.hpp>
#include <fluxlib/testing/python_service.hpp>
#include <fluxmq/nats.hpp>
#include <fluxmq/wakeup.hpp>

#include <CLI/CLI.hpp>
#include <boost/json/parse.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>

namespace {

using fluxlib::Task;
using fluxlib::testing::GoNode;
using fluxlib::testing::GoService;
using fluxlib::testing::GoServiceOptions;
using fluxlib::testing::PythonNode;
using fluxlib::testing::PythonService;
using fluxlib::testing::PythonServiceOptions;

struct Arguments {
    std::string sdk;
    PythonServiceOptions python;
    GoServiceOptions go;
};

std::string variable(const char* name, const std::string& otherwise) {
    const char* const value = std::getenv(name);
    return value ? value : otherwise;
}

void print(std::string_view line) { std::cout << line << std::endl; } // whoever reads waits for it

std::shared_ptr<fluxmq::Nats> connection() {
    fluxmq::NatsOptions options;
    options.servers = {variable("NATS_URL", "nats://localhost:4222")};
    return std::make_shared<fluxmq::Nats>(options);
}

// Each runs until its process is ended.

Task<> run_python(PythonServiceOptions options) {
    const auto transport = connection();
    const auto id = variable("SERVICE_ID", "UndefinedID");
    PythonService service{id, transport, std::move(options)};
    std::map<const PythonNode*, std::uint64_t> counts;
    service.on("source",
               {.on_tick = [&](PythonNode& node) { node.publish("out", std::to_string(++counts[&node])); }});
    service.on("relay", {.on_message = [](PythonNode& node, const fluxmq::Message& message) {
                   node.publish("out", message.payload());
               }});
    service.on("sink", {.on_message = [&](PythonNode& node, const fluxmq::Message& message) {
                   service.publish("seen." + node.id(), message.payload());
               }});
    co_await service.run();
    fluxmq::Wakeup never;
    co_await never.wait();
}

Task<int> run_go(GoServiceOptions options) {
    const auto transport = connection();
    const auto id = variable("SERVICE_ID", "");
    if (id.empty()) {
        std::cerr << "panic: SERVICE_ID is not set" << std::endl;
        co_return 2;
    }
    GoService service{id, transport, std::move(options)};
    std::map<const GoNode*, std::uint64_t> counts;
    service.on("source", {.on_tick = [&](GoNode& node) { node.push("out", ++counts[&node]); }});
    service.on("relay", {.on_input = [](GoNode& node, std::string_view, std::string_view payload) {
                   node.push("out", boost::json::parse(payload));
               }});
    service.on("sink", {.on_input = [&](GoNode& node, std::string_view, std::string_view payload) {
                   service.publish("seen." + node.id(), payload);
               }});
    co_await service.run();
    while (service.death().empty()) {
        auto dying = service.until("the end", [&] { return !service.death().empty(); });
        try {
            co_await std::move(dying);
        } catch (const fluxmq::Error&) {
            // It lives on.
        }
    }
    std::cerr << service.death() << std::endl;
    co_return 2; // as a panic of Go
}

} // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    int router_delay = 5;
    CLI::App app{"A service of the Python or Go SDK, imitated."};
    app.add_option("--sdk", arguments.sdk, "python or go")
        ->required()
        ->check(CLI::IsMember({"python", "go"}));
    app.add_flag("--lower-case", arguments.python.lower_case, "python: statuses in lower case");
    app.add_flag("--asks", arguments.python.asks_for_config, "python: asks for its config");
    app.add_flag("--says-ready", arguments.python.says_ready, "python: announces READY after a config");
    app.add_flag("--says-stopped", arguments.python.says_stopped,
                 "python: announces that nodes have stopped");
    app.add_flag("!--no-timer", arguments.python.reads_timer, "python: does not read timers");
    app.add_flag("!--no-ticks", arguments.go.ticks, "go: has no OnNodeTick");
    app.add_option("--router-delay", router_delay, "go: milliseconds between READY and the subscriptions")
        ->check(CLI::NonNegativeNumber);
    CLI11_PARSE(app, argc, argv);
    arguments.go.router_delay = std::chrono::milliseconds{router_delay};
    arguments.go.tells = print;
    arguments.python.tells = print;
    if (arguments.sdk == "go")
        return fluxlib::run(run_go(std::move(arguments.go)));
    return fluxlib::run(run_python(std::move(arguments.python)));
}
