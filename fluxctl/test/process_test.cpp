// SPDX-License-Identifier: MIT
// Processes as `up` starts them: real ones, of the shell.
#include "up/process.hpp"

#include <boost/asio/io_context.hpp>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <optional>

namespace fluxctl::up {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Whether a process runs; what was killed and not yet collected by its new parent does not.
bool runs(const std::string& id) {
    std::ifstream status{"/proc/" + id + "/stat"};
    std::string text;
    std::getline(status, text);
    return !text.empty() && text.find(") Z") == std::string::npos;
}

// A process, what it has printed, and how it has ended.
class RunningProcess {
public:
    explicit RunningProcess(std::string script, std::map<std::string, std::string> environment = {},
                            std::string directory = "/")
        : RunningProcess{
              Program{{"sh", "-c", std::move(script)}, std::move(environment), std::move(directory)}} {}
    explicit RunningProcess(const Program& program)
        : process{std::make_unique<Process>(
              loop, program,
              ProcessListener{[this](std::string line) { lines.push_back(std::move(line)); },
                              [this](Ending how) { ending = std::move(how); }})} {}

    void run_until_line(const std::string& text) {
        run([this, text] { return std::find(lines.begin(), lines.end(), text) != lines.end(); });
    }
    // The kernel takes a moment.
    void run_until_gone(const std::string& id) {
        run([id] { return !runs(id); });
    }
    Ending run_to_end() {
        run([this] { return ending.has_value(); });
        return ending.value_or(Ending{.error = "it has not ended"});
    }

    boost::asio::io_context loop;
    std::vector<std::string> lines;
    std::optional<Ending> ending;
    std::unique_ptr<Process> process;

private:
    template <class Done>
    void run(Done done) {
        const auto deadline = std::chrono::steady_clock::now() + 60s;
        while (!done() && std::chrono::steady_clock::now() < deadline) {
            loop.restart();
            loop.run_one_for(1ms);
        }
        EXPECT_TRUE(done());
    }
};

TEST(Process, hands_on_what_it_prints_and_how_it_ends) {
    RunningProcess one{"echo $NAME; pwd; echo problem >&2; printf rest; exit 3", {{"NAME", "a b"}}, "/tmp"};
    EXPECT_GT(one.process->id(), 0);
    const auto ending = one.run_to_end();
    EXPECT_EQ(to_string(ending), "exit code 3");
    EXPECT_THAT(one.lines, ElementsAre("a b", "/tmp", "problem", "rest"));
}

TEST(Process, that_cannot_be_started_says_why) {
    RunningProcess missing{Program{{"no-such-program"}, {}, "/"}};
    EXPECT_EQ(missing.process->id(), 0);
    EXPECT_EQ(to_string(missing.run_to_end()),
              "'no-such-program' cannot be started in '/': No such file or directory");
    RunningProcess forbidden{Program{{"./passwd"}, {}, "/etc"}};
    EXPECT_THAT(to_string(forbidden.run_to_end()), HasSubstr("Permission denied"));
    RunningProcess nowhere{Program{{"sh"}, {}, "/no/such/folder"}};
    EXPECT_THAT(to_string(nowhere.run_to_end()), StartsWith("'sh' cannot be started in '/no/such/folder'"));
}

TEST(Process, a_program_with_a_slash_is_looked_for_from_its_directory) {
    RunningProcess one{Program{{"bin/sh", "-c", "echo here"}, {}, "/usr"}};
    one.run_to_end();
    EXPECT_THAT(one.lines, ElementsAre("here"));
}

TEST(Process, ends_by_a_signal) {
    RunningProcess one{"echo up; exec sleep 1000"};
    one.run_until_line("up");
    one.process->terminate();
    EXPECT_EQ(to_string(one.run_to_end()), "signal 15 (Terminated)");
}

TEST(Process, that_ignores_sigterm_is_killed_after_a_while) {
    RunningProcess one{"trap '' TERM; echo up; while :; do sleep 1000; done"};
    one.run_until_line("up");
    one.process->terminate();
    EXPECT_THAT(to_string(one.run_to_end()), StartsWith("signal 9 (Killed)"));
}

TEST(Process, what_it_leaves_behind_is_killed) {
    RunningProcess one{"sleep 1000 & echo $!; exit 0"};
    const auto ending = one.run_to_end();
    EXPECT_EQ(to_string(ending), "exit code 0, and what it had left behind was killed");
    ASSERT_EQ(one.lines.size(), 1u);
    one.run_until_gone(one.lines.front());
}

TEST(Process, what_it_has_waited_for_is_not_left_behind) {
    RunningProcess one{"sleep 0 & wait; true | true; exit 0"};
    EXPECT_EQ(to_string(one.run_to_end()), "exit code 0");
}

TEST(Process, one_that_has_left_its_group_and_holds_the_output_is_not_waited_for) {
    RunningProcess one{"trap 'exit 0' USR1\n"
                       "setsid sh -c \"echo \\$\\$; kill -USR1 $$; exec sleep 1000\" &\n"
                       "while :; do wait; done"};
    one.run_to_end();
    ASSERT_EQ(one.lines.size(), 1u);
    ::kill(std::stoi(one.lines.front()), SIGKILL);
}

TEST(Process, a_flood_of_output_is_bounded_and_holds_nothing_up) {
    RunningProcess one{"yes 2>/dev/null | head -n 200000"};
    EXPECT_EQ(to_string(one.run_to_end()), "exit code 0");
    EXPECT_LT(one.lines.size(), 100'000u);
    EXPECT_THAT(one.lines, Contains(HasSubstr("lines left out: more than 1000 within a second")));
}

TEST(Process, inherits_no_connection_of_this_process) {
    const int file = ::open("/etc/hostname", O_RDONLY); // without close-on-exec
    RunningProcess one{"ls -1 /proc/self/fd | wc -l"};
    one.run_to_end();
    ::close(file);
    EXPECT_THAT(one.lines, ElementsAre("4")); // in, out, error, and the folder
}

TEST(Process, is_killed_when_it_is_destroyed) {
    RunningProcess one{"trap '' TERM; echo up; exec sleep 1000"};
    one.run_until_line("up");
    const auto id = std::to_string(one.process->id());
    one.process.reset();
    one.run_until_gone(id);
    EXPECT_FALSE(one.ending);
}

TEST(Process, knows_whether_a_debugger_holds_it) {
    RunningProcess one{"exec sleep 1000"};
    EXPECT_FALSE(one.process->is_traced());
}

} // namespace
} // namespace fluxctl::up
