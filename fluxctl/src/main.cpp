// SPDX-License-Identifier: MIT
#include <fluxmq/error.hpp>

#include "command.hpp"
#include "nearest.hpp"

#include <iostream>

namespace {

// An Error on its way to main(): what a script wants to tell apart.
int exit_code(const fluxmq::Error& error) {
    switch (error.kind()) {
    case fluxmq::errc::invalid_topic:
    case fluxmq::errc::invalid_header:
    case fluxmq::errc::invalid_url: return fluxctl::usage;
    case fluxmq::errc::connect_failed:
    case fluxmq::errc::connect_timeout:
    case fluxmq::errc::not_connected:
    case fluxmq::errc::disconnected:
    case fluxmq::errc::closed: return fluxctl::unreachable;
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

// Without a command, CLI11 would only say that a word was not expected.
bool names_unknown_command(const CLI::App& app, const std::vector<std::string>& rest) {
    return app.get_subcommands().empty() && !rest.empty() && !rest.front().starts_with('-');
}

void suggest_command(const CLI::App& app, const std::string& word) {
    std::vector<std::string> known;
    for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
        known.push_back(command->get_name());
    const auto meant = fluxctl::nearest(word, known);
    std::cerr << "fluxctl: there is no command '" << word << "'"
              << (meant.empty() ? std::string{} : "; did you mean '" + meant + "'?")
              << "\nfluxctl --help lists all.\n";
}

} // namespace

int main(int argc, char** argv) {
    fluxctl::Context context;
    CLI::App app{"Looks at, steers and runs Flux services and nodes.", "fluxctl"};
    app.set_version_flag("--version", FLUXCTL_VERSION);
    fluxctl::set_up(app, context);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ExtrasError& error) {
        const auto rest = app.remaining();
        if (!names_unknown_command(app, rest))
            app.exit(error);
        else
            suggest_command(app, rest.front());
        return fluxctl::usage;
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? fluxctl::ok : fluxctl::usage;
    }
    if (!context.command) {
        std::cerr << app.help();
        return fluxctl::usage;
    }
    return fluxlib::run(carry_out(context));
}
