// SPDX-License-Identifier: MIT
#include "command.hpp"

namespace fluxctl {

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
