// SPDX-License-Identifier: MIT
#include "completion.hpp"

#include "command.hpp"

#include <iostream>
#include <map>

namespace fluxctl {

namespace {

using Script = std::string (*)(const CLI::App&);
const std::map<std::string, Script> scripts{
    {"bash", bash_completion}, {"zsh", zsh_completion}, {"fish", fish_completion}};

fluxlib::Task<int> print_script(const CLI::App& app, Script script) {
    std::cout << script(app);
    co_return ok;
}

} // namespace

void add_completion(CLI::App& app, Context& context) {
    const auto shell = std::make_shared<std::string>();
    auto* command =
        app.add_subcommand("completion", "print a script that lets a shell complete this command");
    std::vector<std::string> shells;
    for (const auto& [name, script] : scripts)
        shells.push_back(name);
    command->add_option("shell", *shell, "which one")->required()->check(CLI::IsMember(shells));
    command->footer("Example, for ~/.bashrc:\n  source <(fluxctl completion bash)");
    command->callback([shell, &app, &context] {
        context.command = [script = scripts.at(*shell), &app] { return print_script(app, script); };
    });
}

} // namespace fluxctl
