// SPDX-License-Identifier: MIT
#include <fluxmq/error.hpp>

#include "command.hpp"
#include "nearest.hpp"

#include <iostream>

namespace {

fluxlib::Task<int> carry_out(const fluxctl::Context& context) {
    try {
        co_return co_await context.command();
    } catch (const fluxmq::Error& error) {
        std::cerr << "fluxctl: " << error.what() << '\n';
        co_return fluxctl::exit_code(error);
    }
}

// Without a command, CLI11 would only say that a word was not expected.
bool names_unknown_command(const CLI::App& app, const std::vector<std::string>& rest) {
    return app.get_subcommands().empty() && !rest.empty() && !rest.front().starts_with('-');
}

std::string question(const std::string& meant) {
    return meant.empty() ? std::string{} : "; did you mean '" + meant + "'?";
}

void suggest_command(const CLI::App& app, const std::string& word) {
    std::vector<std::string> known;
    for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
        known.push_back(command->get_name());
    std::cerr << "fluxctl: there is no command '" << word << "'" << question(fluxctl::nearest(word, known))
              << "\nfluxctl --help lists all.\n";
}

// CLI11 itself would name the words in reverse order.
void complain_of(const CLI::App& app, const std::vector<std::string>& rest) {
    const auto chosen = app.get_subcommands();
    const auto& command = chosen.empty() ? app : *chosen.front();
    std::vector<std::string> known; // without their dashes
    for (const auto* each : {&app, &command})
        for (const auto* option : each->get_options())
            known.insert(known.end(), option->get_lnames().begin(), option->get_lnames().end());
    std::cerr << "fluxctl: not expected:";
    for (const auto& word : rest)
        std::cerr << ' ' << word;
    const auto& first = rest.front();
    if (first.starts_with("--"))
        if (const auto meant = fluxctl::nearest(first.substr(2, first.find('=') - 2), known); !meant.empty())
            std::cerr << question("--" + meant);
    std::cerr << "\nfluxctl " << (chosen.empty() ? "" : command.get_name() + ' ')
              << "--help shows what is.\n";
}

} // namespace

int main(int argc, char** argv) {
    fluxctl::Context context;
    CLI::App app{"Looks at, steers and runs Flux services and nodes.", "fluxctl"};
    app.set_version_flag("--version", FLUXCTL_VERSION);
    fluxctl::set_up(app, context);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ExtrasError&) {
        const auto rest = app.remaining(true);
        if (names_unknown_command(app, rest))
            suggest_command(app, rest.front());
        else
            complain_of(app, rest);
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
