// SPDX-License-Identifier: MIT
#include "command.hpp"

namespace fluxctl {

Exit exit_code(const fluxmq::Error& error) noexcept {
    switch (error.kind()) {
    case fluxmq::errc::invalid_topic:
    case fluxmq::errc::invalid_header:
    case fluxmq::errc::invalid_url: return usage;
    case fluxmq::errc::connect_failed:
    case fluxmq::errc::connect_timeout:
    case fluxmq::errc::protocol_error: // it and the next two come only while connecting
    case fluxmq::errc::tls_failed:
    case fluxmq::errc::authorization_failed:
    case fluxmq::errc::not_connected:
    case fluxmq::errc::disconnected:
    case fluxmq::errc::closed: return unreachable;
    case fluxmq::errc::timeout:
    case fluxmq::errc::no_responders: return no_answer;
    default: return failed;
    }
}

void set_up(CLI::App& app, Context& context) {
    app.add_option("-s,--server", context.server, "the NATS server")
        ->type_name("URL")
        ->envname("NATS_URL")
        ->capture_default_str();
    app.add_flag("--json", context.json, "print JSON for scripts, one value a line");
    app.require_subcommand(0, 1); // without one the complaint would not name what was not understood
    app.fallthrough();            // the options above may follow the command
    add_new(app, context);
    add_check(app, context);
    add_graph(app, context);
    add_up(app, context);
    add_run(app, context);
    add_ls(app, context);
    add_info(app, context);
    add_top(app, context);
    add_status(app, context);
    add_start(app, context);
    add_stop(app, context);
    add_restart(app, context);
    add_set(app, context);
    add_pub(app, context);
    add_sub(app, context);
    add_request(app, context);
    add_hz(app, context);
    add_bench(app, context);
    add_doctor(app, context);
    add_completion(app, context);
    app.footer("fluxctl COMMAND --help shows an example.");
}

} // namespace fluxctl
