// SPDX-License-Identifier: MIT
#include "completion.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

namespace fluxctl {

namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App*) { return true; });
}

struct Option {
    std::vector<std::string> names; // with their dashes
    std::vector<std::string> longs; // without
    std::vector<std::string> shorts;
    std::string description;
    bool takes_value;
};

std::vector<Option> options_of(const CLI::App& app) {
    std::vector<Option> options;
    for (const auto* option : app.get_options()) {
        Option made{{},
                    option->get_lnames(),
                    option->get_snames(),
                    option->get_description(),
                    option->get_items_expected_max() > 0};
        for (const auto& name : made.shorts)
            made.names.push_back("-" + name);
        for (const auto& name : made.longs)
            made.names.push_back("--" + name);
        if (!made.names.empty()) // else it is an argument
            options.push_back(std::move(made));
    }
    return options;
}

// Those of the command itself, and the global ones, which may follow it.
std::vector<Option> options_after(const CLI::App& app, const CLI::App& command) {
    auto options = options_of(command);
    for (auto& option : options_of(app))
        if (option.names != std::vector<std::string>{"-h", "--help"} &&
            option.names != std::vector<std::string>{"--version"})
            options.push_back(std::move(option));
    return options;
}

// What may stand in place of the arguments: commands within this one, and the words of a choice, which CLI11 shows as
// "{bash,fish,zsh}" in the type's name.
std::vector<std::string> words_of(const CLI::App& command) {
    std::vector<std::string> words;
    for (const auto* nested : commands_of(command))
        words.push_back(nested->get_name());
    for (const auto* option : command.get_options()) {
        if (!option->get_lnames().empty() || !option->get_snames().empty())
            continue;
        const auto type = option->get_type_name();
        const auto open = type.find('{');
        const auto close = type.find('}', open);
        if (open == std::string::npos || close == std::string::npos)
            continue;
        for (const auto& word : CLI::detail::split(type.substr(open + 1, close - open - 1), ','))
            words.push_back(word);
    }
    return words;
}

std::vector<std::string> all_names(const std::vector<Option>& options) {
    std::vector<std::string> names;
    for (const auto& option : options)
        names.insert(names.end(), option.names.begin(), option.names.end());
    return names;
}

std::string escaped(std::string_view text, std::string_view special) {
    std::string out;
    for (const char c : text) {
        if (special.find(c) != std::string_view::npos)
            out += '\\';
        out += c;
    }
    return out;
}

// Within single quotes; a single quote itself ends them for a moment.
std::string shell_quoted(std::string_view text) {
    std::string out{"'"};
    for (const char c : text)
        c == '\'' ? out += R"('\'')" : out += c;
    return out + '\'';
}

// `'--rate[print the rate]'`, of _arguments.
std::vector<std::string> zsh_arguments(const std::vector<Option>& options) {
    std::vector<std::string> arguments;
    for (const auto& option : options)
        for (const auto& name : option.names)
            arguments.push_back(shell_quoted(name + '[' + escaped(option.description, "[]:\\") + ']' +
                                             (option.takes_value ? ":value:" : "")));
    return arguments;
}

} // namespace

std::string bash_completion(const CLI::App& app) {
    std::vector<std::string> names;
    std::string cases;
    for (const auto* command : commands_of(app)) {
        names.push_back(command->get_name());
        auto words = words_of(*command);
        for (auto& name : all_names(options_after(app, *command)))
            words.push_back(std::move(name));
        cases += fmt::format("        {}) words=\"{}\" ;;\n", command->get_name(), fmt::join(words, " "));
    }
    return fmt::format(R"(# bash completion of {0}; use it by: source <({0} completion bash)
_{0}() {{
    local i command="" words=""
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${{COMP_WORDS[i]}}" in
        {1}) command="${{COMP_WORDS[i]}}"; break ;;
        esac
    done
    case "$command" in
        "") words="{2} {3}" ;;
{4}    esac
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _{0} {0}
)",
                       app.get_name(), fmt::join(names, "|"), fmt::join(names, " "),
                       fmt::join(all_names(options_of(app)), " "), cases);
}

std::string zsh_completion(const CLI::App& app) {
    std::string commands;
    std::string cases;
    for (const auto* command : commands_of(app)) {
        commands += "        " +
                    shell_quoted(command->get_name() + ':' + escaped(command->get_description(), ":\\")) +
                    '\n';
        auto arguments = zsh_arguments(options_after(app, *command));
        if (const auto words = words_of(*command); !words.empty())
            arguments.push_back(shell_quoted(fmt::format("1:what:({})", fmt::join(words, " "))));
        cases += fmt::format("        {}) _arguments {} '*: :_files' ;;\n", command->get_name(),
                             fmt::join(arguments, " "));
    }
    return fmt::format(R"(#compdef {0}
# zsh completion of {0}; use it by: source <({0} completion zsh)
_{0}() {{
    local curcontext="$curcontext" state line
    typeset -A opt_args
    local -a commands=(
{1}    )
    _arguments -C {2} '1: :->command' '*:: :->rest'
    case $state in
    command) _describe command commands ;;
    rest)
        case $words[1] in
{3}        esac ;;
    esac
}}
compdef _{0} {0}
)",
                       app.get_name(), commands, fmt::join(zsh_arguments(options_of(app)), " "), cases);
}

std::string fish_completion(const CLI::App& app) {
    const auto& name = app.get_name();
    auto script = fmt::format("# fish completion of {0}; use it by: {0} completion fish | source\n", name);
    const auto add = [&](const std::string& condition, const std::vector<Option>& options) {
        for (const auto& option : options) {
            script += fmt::format("complete -c {} -n {}", name, shell_quoted(condition));
            for (const auto& each : option.shorts)
                script += " -s " + each;
            for (const auto& each : option.longs)
                script += " -l " + each;
            script += (option.takes_value ? " -r -d " : " -d ") +
                      shell_quoted(escaped(option.description, "\\")) + '\n';
        }
    };
    add("__fish_use_subcommand", options_of(app));
    for (const auto* command : commands_of(app)) {
        script += fmt::format("complete -c {} -n '__fish_use_subcommand' -f -a {} -d {}\n", name,
                              command->get_name(), shell_quoted(escaped(command->get_description(), "\\")));
        const auto condition = "__fish_seen_subcommand_from " + command->get_name();
        add(condition, options_after(app, *command));
        if (const auto words = words_of(*command); !words.empty())
            script += fmt::format("complete -c {} -n {} -f -a {}\n", name, shell_quoted(condition),
                                  shell_quoted(fmt::format("{}", fmt::join(words, " "))));
    }
    return script;
}

} // namespace fluxctl
