// SPDX-License-Identifier: MIT
#include <fluxmq/error.hpp>

#include "command.hpp"

#include <iostream>

namespace {

// An Error on its way to main(): what a script wants to tell apart.
int exit_code(const fluxmq::Error& error) {
    switch (error.kind()) {
    case fluxmq::errc::connect_failed:
    case fluxmq::errc::connect_timeout:
    case fluxmq::errc::not_connected:
    case fluxmq::errc::disconnected: return fluxctl::unreachable;
    case fluxmq::errc::timeout:
    case fluxmq::errc::no_responders: return fluxctl::no_answer;
    default: return fluxctl::failed;
    }
}

fluxlib::Task<int> carry_out(const fluxctl::Context& context) {
    try {
        co_return co_await context.command();
    } catch (const fluxmq::Error& error) {
        std::cerr << "fluxctl: " << error.what() << '\n';
        co_return exit_code(error);
    }
}

} // namespace

int main(int argc, char** argv) {
    fluxctl::Context context;
    CLI::App app{"Looks at, steers and runs Flux services and nodes.", "fluxctl"};
    app.set_version_flag("--version", FLUXCTL_VERSION);
    app.add_option("-s,--server", context.server, "the NATS server")
        ->envname("NATS_URL")
        ->default_str("nats://localhost:4222");
    app.add_flag("--json", context.json, "print JSON for scripts, one value a line");
    app.require_subcommand(0, 1); // without one the complaint would not name what was not understood
    app.fallthrough();            // the options above may follow the command
    fluxctl::add_check(app, context);
    fluxctl::add_graph(app, context);
    fluxctl::add_up(app, context);
    fluxctl::add_run(app, context);
    fluxctl::add_pub(app, context);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? fluxctl::ok : fluxctl::usage;
    }
    if (!context.command) {
        std::cerr << app.help();
        return fluxctl::usage;
    }
    return fluxlib::run(carry_out(context));
}
