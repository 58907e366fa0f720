// SPDX-License-Identifier: MIT
#include "command.hpp"
#include "completion.hpp"
#include "program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fluxctl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// What bash offers for the last of the words of a command line.
std::string offered(const std::string& words, int count) {
    const auto script = "source <(" + std::string{FLUXCTL} + " completion bash); COMP_WORDS=(" + words +
                        "); COMP_CWORD=" + std::to_string(count - 1) + "; _fluxctl; echo ${COMPREPLY[@]}";
    return test::shell("bash -c '" + script + "'").output;
}

TEST(Completion, bash_completes_commands_options_and_choices) {
    EXPECT_EQ(offered("fluxctl sta", 2), "status start\n");
    EXPECT_EQ(offered("fluxctl sub --r", 3), "--rate\n");
    EXPECT_EQ(offered("fluxctl --json sub --ser", 4), "--server\n"); // the global ones may follow
    EXPECT_EQ(offered("fluxctl completion z", 3), "zsh\n");
    EXPECT_THAT(offered("fluxctl --s", 2), HasSubstr("--server"));
}

TEST(Completion, the_other_shells_know_every_command_and_option) {
    CLI::App app{"", "fluxctl"};
    Context context;
    set_up(app, context);
    const auto zsh = zsh_completion(app);
    const auto fish = fish_completion(app);
    for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        const auto name = command->get_name();
        EXPECT_THAT(zsh, AllOf(HasSubstr("'" + name + ":"), HasSubstr(" " + name + ") _arguments ")));
        EXPECT_THAT(fish, HasSubstr(" -a " + name + " -d "));
        for (const auto* option : command->get_options())
            for (const auto& each : option->get_lnames()) {
                EXPECT_THAT(zsh, HasSubstr("'--" + each + "["));
                EXPECT_THAT(fish, HasSubstr(" -l " + each));
            }
    }
    EXPECT_THAT(zsh, HasSubstr("'1:what:(bash fish zsh)'"));
    EXPECT_THAT(fish, HasSubstr("-a 'bash fish zsh'"));
}

} // namespace
} // namespace fluxctl
