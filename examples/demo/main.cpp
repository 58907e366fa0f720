// SPDX-License-Identifier: MIT
// The demo: three nodes that a manager configures, on the embedded bus or on a NATS server.
#include <fluxlib/testing/fake_manager.hpp>
#include <fluxmq/inproc.hpp>
#include <fluxmq/nats.hpp>

#include "configs.hpp"
#include "demo_service.hpp"
#include "lifecycle.hpp"
#include "options.hpp"
#include "screen.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <iostream>

namespace {

using namespace std::chrono_literals;
using demo::Options;
using demo::screen;

// One connection for the service, and one for its manager, as if they were on two machines.
struct Connections {
    std::shared_ptr<fluxmq::Transport> service;
    std::shared_ptr<fluxmq::Transport> manager;
};

fluxlib::Task<Connections> connect(const std::string& url) {
    if (url.empty()) {
        const auto bus = std::make_shared<fluxmq::InProcBus>();
        co_return Connections{std::make_shared<fluxmq::InProc>(bus), std::make_shared<fluxmq::InProc>(bus)};
    }
    fluxmq::NatsOptions options;
    options.reconnect_time_wait = 500ms; // where the server goes away: try again for a few seconds, then end
    options.max_reconnect_attempts = 10;
    const auto service = std::make_shared<fluxmq::Nats>(options);
    const auto manager = std::make_shared<fluxmq::Nats>(options);
    co_await service->connect(url);
    co_await manager->connect(url);
    screen().print("connected to " + service->server());
    co_return Connections{service, manager};
}

// On a server there may be other demos: the topics of this one begin with a name of its own.
std::string scope_of(const Options& options) {
    return options.transport.empty() ? "" : "demo-" + std::to_string(getpid());
}

// The config that the manager serves: the JSON as it is, with what the command line adds.
std::vector<fluxlib::DataNode> config_for(const Options& options, const std::string& scope) {
    const bool lines = !options.input.empty();
    auto nodes = fluxlib::parse_config(lines ? demo::lines_config : demo::load_config);
    if (lines)
        nodes.front().settings["path"] = options.input;
    const auto put_into_scope = [&](auto& ports) {
        for (auto& port : ports)
            for (auto& topic : port.topics)
                topic = scope.empty() ? topic : scope + "." + topic;
    };
    for (auto& node : nodes) {
        put_into_scope(node.inputs);
        put_into_scope(node.outputs);
    }
    return nodes;
}

fluxlib::ServiceOptions service_options(const Options& options) {
    fluxlib::ServiceOptions service;
    service.tick_interval = options.length.value_or(options.input.empty() ? 5s : 0s);
    return service;
}

// The last status does not get through where the server went away.
fluxlib::Task<> see_stopped(fluxlib::testing::FakeManager& manager, const Connections& transports,
                            const fluxlib::Service& service) {
    bool seen = transports.manager->connected();
    try {
        if (seen)
            co_await manager.wait_for_service(service.id(), service.status().stopped());
    } catch (const fluxmq::Error&) {
        seen = false;
    }
    if (!seen)
        screen().print("the manager did not see the service stop");
}

// What went wrong; empty when nothing did.
std::string problem_in(const demo::DemoService& service, const fluxlib::ExitReport& report) {
    const auto& account = report.account;
    if (!service.failure().empty())
        return service.failure();
    if (!report.drained)
        return "not every message was handled in time";
    if (account.published != account.delivered + account.dropped.total() + account.pending)
        return "messages were lost with the connection to the server";
    return {};
}

fluxlib::Task<> app(const Options& options) {
    const auto transports = co_await connect(options.transport);
    const auto scope = scope_of(options);
    const fluxmq::Topic topic{scope};
    const auto nodes = config_for(options, scope);

    demo::DemoService service{"demo", service_options(options)};
    service.attach(transports.service, topic);

    fluxlib::testing::FakeManager manager{transports.manager, topic};
    co_await manager.attach();
    manager.serve_config(service.id(), nodes);
    demo::Lifecycle lifecycle{transports.manager, topic};
    co_await lifecycle.watch(service.id());

    // The service asks for its config; the manager starts the nodes once they are there.
    co_await service.run();
    for (const auto& node : nodes)
        co_await manager.wait_for_node(node.id, "created");
    co_await manager.wait_for_service(service.id(), service.status().ready());
    manager.start(service.id());

    const auto report = co_await service.wait();
    co_await see_stopped(manager, transports, service);
    co_await lifecycle.finish();

    for (const auto& name : report.unfinished)
        screen().print("not finished in time: " + name);
    const auto drops = report.account.drops_line();
    screen().print(drops.empty() ? "dropped: nothing" : drops);
    screen().print(report.account.line());
    if (const auto problem = problem_in(service, report); !problem.empty())
        throw std::runtime_error{problem};
}

} // namespace

int main(int argc, char** argv) {
    spdlog::set_level(spdlog::level::off); // the screen shows what matters here
    try {
        const auto options = demo::parse_options(argc, argv);
        if (options.help) {
            std::cout << demo::usage;
            return 0;
        }
        return fluxlib::run(app(options));
    } catch (const demo::UsageError& error) {
        std::cerr << "demo: " << error.what() << "; demo --help explains them\n";
        return 2;
    }
}
