// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/task.hpp>

#include <CLI/CLI.hpp>

#include <functional>
#include <string>

namespace fluxctl {

/// What a script can tell from the exit code.
enum Exit : int {
    ok = 0,
    failed = 1,      ///< the command was carried out, and did not succeed
    usage = 2,       ///< the command line or a file it names is wrong
    unreachable = 3, ///< there is no broker
    no_answer = 4    ///< the broker is there, and nobody answered
};

/// What the command line says, for all commands.
struct Context {
    std::string server; ///< a NATS URL
    bool json = false;  ///< one JSON value a line on standard output, and nothing else there
    /// The chosen command, set by its callback and awaited by main(): its result is the exit code.
    std::function<fluxlib::Task<int>()> command;
};

/// A command of several words has a function each; main() calls them in the order of --help.
void add_check(CLI::App& app, Context& context);
void add_graph(CLI::App& app, Context& context);
void add_up(CLI::App& app, Context& context);
void add_run(CLI::App& app, Context& context);
void add_pub(CLI::App& app, Context& context);

} // namespace fluxctl
