// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/task.hpp>
#include <fluxmq/error.hpp>

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>

namespace fluxctl {

/// What a script can tell from the exit code.
enum Exit : int {
    ok = 0,
    failed = 1,      ///< the command was carried out, and did not succeed
    usage = 2,       ///< the command line or a file it names is wrong
    unreachable = 3, ///< no connection to a broker
    no_answer = 4    ///< the broker is there, and nobody answered
};

/// For an Error that ends a command.
Exit exit_code(const fluxmq::Error& error) noexcept;

/// What the command line says, for all commands.
struct Context {
    std::string server = "nats://localhost:4222"; ///< a NATS URL
    bool json = false; ///< one JSON value a line on standard output, and nothing else there
    /// The chosen command, set by its callback and awaited by main(): its result is the exit code.
    std::function<fluxlib::Task<int>()> command;
};

/// When `command` is the chosen one, `run` is what main() awaits, with what its options were parsed into.
template <class Options>
void set_command(CLI::App& command, Context& context, std::shared_ptr<Options> options,
                 fluxlib::Task<int> (*run)(const Context&, const Options&)) {
    command.callback([&context, options, run] {
        context.command = [&context, options, run] { return run(context, *options); };
    });
}

/// Each command has a function; set_up() calls them in the order of --help.
void add_new(CLI::App& app, Context& context);
void add_check(CLI::App& app, Context& context);
void add_graph(CLI::App& app, Context& context);
void add_up(CLI::App& app, Context& context);
void add_run(CLI::App& app, Context& context);
void add_ls(CLI::App& app, Context& context);
void add_info(CLI::App& app, Context& context);
void add_top(CLI::App& app, Context& context);
void add_status(CLI::App& app, Context& context);
void add_start(CLI::App& app, Context& context);
void add_stop(CLI::App& app, Context& context);
void add_restart(CLI::App& app, Context& context);
void add_set(CLI::App& app, Context& context);
void add_pub(CLI::App& app, Context& context);
void add_sub(CLI::App& app, Context& context);
void add_request(CLI::App& app, Context& context);
void add_hz(CLI::App& app, Context& context);
void add_bench(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_completion(CLI::App& app, Context& context);

/// The whole command line: options and commands.
void set_up(CLI::App& app, Context& context);

} // namespace fluxctl
