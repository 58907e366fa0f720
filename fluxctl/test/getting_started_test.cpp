// SPDX-License-Identifier: MIT
// docs/getting-started.md, command by command, as a reader goes through it.
//
// The commands of a block of `sh` run to their end and succeed. A block of `text` after it has lines that are printed,
// in this order, with others between them; `...` stands for anything, and a date or time for any other. A comment before
// a block says more:
//
//   file: NAME          it is written to that file
//   terminal            the command goes on in a terminal of its own, until the end of the page
//   terminal: COMMAND   these lines come in the terminal of that command
//   installs            tests/install/run.sh installs instead
//   builds FILE         tests/install/run.sh runs these commands; here FILE is what this build has in its place
#include <fluxmq/testing/nats_server.hpp>

#include "../../fluxlib/test/pages.hpp"
#include "process.hpp"
#include "program.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <regex>

namespace fluxctl::test {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using fluxlib::Task;
using fluxlib::test::Block;
using fluxlib::test::trimmed;

// Whatever the lines stand for that the page shows as this one.
std::regex pattern_of(const std::string& line) {
    static const std::regex special{R"([.^$|()\[\]{}*+?\\])"};
    static const std::regex dots{R"(\\\.\\\.\\\.)"};
    static const std::regex date{R"(\d{4}-\d\d-\d\d)"};
    static const std::regex time{R"(\d\d:\d\d:\d\d\\\.\d{3})"};
    auto pattern = std::regex_replace(line, special, R"(\$&)");
    pattern = std::regex_replace(pattern, dots, ".*");
    pattern = std::regex_replace(pattern, date, R"(\d{4}-\d\d-\d\d)");
    return std::regex{std::regex_replace(pattern, time, R"(\d\d:\d\d:\d\d\.\d{3})")};
}

// What follows `word` at the beginning of a block's comment.
std::optional<std::string> after(const Block& block, std::string_view word) {
    if (!block.comment.starts_with(word))
        return {};
    return trimmed(std::string_view{block.comment}.substr(word.size()));
}

// A reader with a home, a path and a port of their own.
class GettingStarted : public ::testing::Test {
protected:
    GettingStarted() {
        fs::create_directories(bin_);
        fs::create_symlink(FLUXCTL, bin_ / "fluxctl");
        // The page has the usual port, and this test one of its own.
        std::ofstream{bin_ / "nats-server"}
            << "#!/bin/sh\nPATH=${PATH#*:}\nexec nats-server --addr 127.0.0.1 --port " << port_ << '\n';
        fs::permissions(bin_ / "nats-server", fs::perms::owner_all);
        setenv("HOME", home_.c_str(), 1);
        setenv("PATH", (bin_.string() + ':' + std::getenv("PATH") + ":/usr/sbin").c_str(), 1);
        setenv("NATS_URL", ("nats://" + address_).c_str(), 1);
    }
    ~GettingStarted() override { fs::remove_all(home_); }

    // The page, and then Ctrl-C in each terminal, the last one first.
    Task<> read_page() {
        for (const auto& block :
             fluxlib::test::blocks_of(fluxlib::test::read_file("docs/getting-started.md"))) {
            SCOPED_TRACE("docs/getting-started.md:" + std::to_string(block.line_number));
            if (block.language == "text")
                co_await see(block);
            else
                co_await leave_command();
            if (const auto file = after(block, "file:"))
                std::ofstream{where() / *file} << block.text();
            else if (const auto built = after(block, "builds "))
                put_in_place(*built);
            else if (block.language == "sh" && block.comment != "installs")
                begin(block);
            if (HasFailure())
                co_return;
        }
        co_await leave_command();
        for (auto terminal = terminals_.rbegin(); terminal != terminals_.rend(); ++terminal) {
            terminal->process->kill(SIGINT);
            const auto code = co_await terminal->process->end();
            EXPECT_EQ(code, 0) << terminal->command << ":\n" << terminal->process->seen();
        }
    }

    asio::io_context loop_{1};

private:
    struct Terminal {
        std::string command;
        std::unique_ptr<Process> process;
    };

    // The folder that the last commands have left the reader in.
    fs::path where() const {
        std::ifstream file{folder_file_};
        std::string folder;
        return std::getline(file, folder) ? fs::path{folder} : home_;
    }

    void begin(const Block& block) {
        const bool goes_on = block.comment == "terminal";
        EXPECT_TRUE(goes_on || block.comment.empty()) << "'" << block.comment << "' is not known";
        auto commands = std::regex_replace(block.text(), std::regex{"localhost:4222"}, address_);
        commands = "cd '" + where().string() + "'\n" + (goes_on ? "exec " : "") + commands;
        if (!goes_on)
            commands += "pwd >'" + folder_file_.string() + "'\n";
        auto process =
            std::make_unique<Process>(loop_, std::vector<std::string>{"/bin/sh", "-e", "-c", commands});
        if (goes_on)
            terminals_.push_back({trimmed(block.text()), std::move(process)});
        else
            command_ = std::move(process);
    }

    // Lines of the command before the block, or of the terminal that it names.
    Task<> see(const Block& block) {
        auto* process = command_             ? command_.get()
                        : terminals_.empty() ? nullptr
                                             : terminals_.back().process.get();
        if (const auto named = after(block, "terminal:"))
            for (const auto& terminal : terminals_)
                if (terminal.command == *named)
                    process = terminal.process.get();
        if (!process) {
            ADD_FAILURE() << "no command prints this";
            co_return;
        }
        for (const auto& line : block.lines) {
            const auto fits = [pattern = pattern_of(line)](const std::string& printed) {
                return std::regex_match(printed, pattern);
            };
            auto printed = process->line(line, fits);
            co_await std::move(printed);
        }
    }

    Task<> leave_command() {
        if (!command_)
            co_return;
        const auto command = std::move(command_);
        const auto code = co_await command->end();
        EXPECT_EQ(code, 0) << command->seen();
    }

    // What the reader has built by now.
    void put_in_place(const std::string& file) const {
        const auto path = home_ / "flux-tour" / file;
        fs::create_directory(path.parent_path());
        fs::create_symlink(path.extension() == ".so" ? FLUXCTL_TEMPLATE_NODE : FLUXCTL_TEMPLATE_SERVICE,
                           path);
    }

    const fs::path home_ =
        fs::temp_directory_path() / ("fluxctl_getting_started_" + std::to_string(getpid()));
    const fs::path bin_ = home_ / "bin";
    const fs::path folder_file_ = home_ / "folder";
    const std::uint16_t port_ = fluxmq::testing::NatsServer::free_port();
    const std::string address_ = "127.0.0.1:" + std::to_string(port_);
    std::unique_ptr<Process> command_;
    std::vector<Terminal> terminals_;
};

TEST_F(GettingStarted, every_command_runs_and_prints_what_the_page_shows) {
    ASSERT_EQ(shell("PATH=${PATH#*:}; command -v nats-server").code, 0) // beside the one of this test
        << "nats-server is neither in PATH nor in /usr/sbin; Debian: apt-get install nats-server";
    run_to_end(loop_, read_page());
}

} // namespace
} // namespace fluxctl::test
