// SPDX-License-Identifier: MIT
// docs/fluxctl.md has every command, and its examples are command lines that the program takes.
#include "../../fluxlib/test/pages.hpp"
#include "command.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace fluxctl {
namespace {

const std::string& page() {
    static const std::string text = fluxlib::test::read_file("docs/fluxctl.md");
    return text;
}

// The words of each call of fluxctl in a line of a shell, without its name; quotes as a shell knows them.
std::vector<std::vector<std::string>> calls_in(const std::string& line) {
    std::vector<std::vector<std::string>> calls;
    std::vector<std::string> words;
    std::string word;
    bool any = false;
    char quote = 0;
    const auto end_word = [&] {
        if (any)
            words.push_back(std::exchange(word, {}));
        any = false;
    };
    const auto end_call = [&] {
        end_word();
        const auto name = std::find(words.begin(), words.end(), "fluxctl");
        if (name != words.end())
            calls.emplace_back(name + 1, words.end());
        words.clear();
    };
    for (const char c : line) {
        if (quote != 0 ? c == quote : c == '\'' || c == '"') {
            quote = quote != 0 ? 0 : c;
            any = true;
        } else if (quote == 0 && c == ' ') {
            end_word();
        } else if (quote == 0 && c == '#' && !any) {
            break;
        } else if (quote == 0 && std::string_view{"|&;<>()"}.find(c) != std::string_view::npos) {
            end_call();
        } else {
            word += c;
            any = true;
        }
    }
    end_call();
    return calls;
}

TEST(FluxctlDoc, has_a_section_with_an_example_for_every_command) {
    CLI::App app{"", "fluxctl"};
    Context context;
    set_up(app, context);
    std::set<std::string> examples;
    for (const auto& block : fluxlib::test::blocks_of(page()))
        if (block.language == "sh")
            for (const auto& line : block.lines)
                for (const auto& call : calls_in(line))
                    examples.insert(call.begin(), call.end());
    for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        const auto& name = command->get_name();
        EXPECT_NE(page().find("\n## `" + name + "`"), std::string::npos) << name << " has no section";
        EXPECT_TRUE(examples.contains(name)) << name << " has no example";
        EXPECT_NE(command->get_footer().find("fluxctl " + name), std::string::npos)
            << name << " --help has no example";
    }
}

TEST(FluxctlDoc, each_example_is_a_command_line_that_the_program_takes) {
    for (const auto& block : fluxlib::test::blocks_of(page())) {
        if (block.language != "sh")
            continue;
        for (const auto& line : block.lines)
            for (auto call : calls_in(line)) {
                CLI::App app{"", "fluxctl"};
                Context context;
                set_up(app, context);
                std::reverse(call.begin(), call.end()); // as CLI11 wants them
                try {
                    app.parse(call);
                    EXPECT_TRUE(context.command) << line;
                } catch (const CLI::CallForHelp&) {
                } catch (const CLI::Error& error) {
                    ADD_FAILURE() << line << ": " << error.what();
                }
            }
    }
}

} // namespace
} // namespace fluxctl
