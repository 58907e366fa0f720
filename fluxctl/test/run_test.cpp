// SPDX-License-Identifier: MIT
// `fluxctl run` as a shell would call it.
#include <fluxmq/testing/nats_server.hpp>

#include "process.hpp"
#include "program.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <vector>

namespace fluxctl {
namespace {

namespace fs = std::filesystem;
using test::fluxctl;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class RunTest : public ::testing::Test {
protected:
    RunTest() {
        fs::create_directories(folder_);
        write("in.jsonl", "{\"t\": 25, \"city\": \"Bern\"}\n{\"t\": 5, \"city\": \"Oslo\"}\n");
    }
    ~RunTest() override { fs::remove_all(folder_); }

    std::string path(const std::string& name) const { return (folder_ / name).string(); }
    void write(const std::string& name, const std::string& text) const { std::ofstream{path(name)} << text; }
    std::string read(const std::string& name) const {
        std::ifstream file{path(name)};
        return {std::istreambuf_iterator<char>{file}, {}};
    }

    /// From a file, through a filter, into another file; `head` comes first.
    void write_flow(const std::string& head = {}) const {
        write("flow.yaml", head + R"(
name: weather
services:
  source:
    nodes:
      lines: {type: lines, settings: {path: )" +
                               path("in.jsonl") + R"(}}
  sink:
    nodes:
      warm: {type: filter, settings: {where: "t > 20"}}
      file: {type: json-lines, settings: {path: )" +
                               path("out.jsonl") + R"(}}
edges:
  - lines.out -> warm.in
  - warm.out -> file.in
)");
    }

    const fs::path folder_ = fs::temp_directory_path() / ("fluxctl_run_" + std::to_string(getpid()));
};

TEST_F(RunTest, a_flow_runs_without_a_broker_and_gives_its_account) {
    write_flow();
    const auto run = fluxctl("run " + path("flow.yaml") + " --for 2s");
    EXPECT_EQ(run.code, 0) << run.output;
    EXPECT_THAT(run.output,
                AllOf(HasSubstr("node lines: started"), HasSubstr("service sink: STOPPED"),
                      HasSubstr("service source: account: published=2 delivered=0"),
                      HasSubstr("service sink: account: published=1 delivered=3 dropped=0 pending=0")));
    EXPECT_EQ(read("out.jsonl"), "{\"t\":25,\"city\":\"Bern\"}\n");
}

TEST_F(RunTest, it_prints_json_for_scripts) {
    write_flow();
    test::shell("(" + std::string{FLUXCTL} + " --json run " + path("flow.yaml") + " --for 2s >" +
                path("out") + " 2>" + path("log") + ")");
    std::istringstream lines{read("out")};
    std::vector<std::string> seen;
    for (std::string line; std::getline(lines, line);) {
        const auto event = boost::json::parse(line).as_object();
        const auto* status = event.if_contains("status");
        seen.push_back(std::string{event.at("event").as_string()} + ' ' +
                       std::string{event.at("id").as_string()} + ' ' +
                       boost::json::serialize(status ? *status : event.at("delivered")));
    }
    EXPECT_THAT(seen, AllOf(Contains("node file \"started\""), Contains("account sink 3")));
}

TEST_F(RunTest, on_a_broker_it_does_the_same) {
    const fluxmq::testing::NatsServer server;
    write_flow();
    const auto run = fluxctl("run " + path("flow.yaml") + " --for 2s --transport " + server.url());
    EXPECT_EQ(run.code, 0) << run.output;
    EXPECT_EQ(read("out.jsonl"), "{\"t\":25,\"city\":\"Bern\"}\n") << run.output;
}

TEST_F(RunTest, without_the_broker_it_says_so) {
    write_flow();
    const auto run = fluxctl("run " + path("flow.yaml") + " --transport nats://127.0.0.1:1");
    EXPECT_EQ(run.code, 3) << run.output;
    EXPECT_THAT(run.output, HasSubstr("127.0.0.1:1"));
}

TEST_F(RunTest, services_that_have_lost_the_broker_end_together) {
    write_flow();
    boost::asio::io_context loop{1};
    test::run_to_end(loop, [&]() -> fluxlib::Task<> {
        fluxmq::testing::NatsServer server;
        test::Process program{loop, {FLUXCTL, "run", path("flow.yaml"), "--transport", server.url()}};
        co_await program.line_with("node lines: started");
        server.kill9();
        co_await program.line_with("disconnected");
        co_await program.line_with("disconnected"); // both
        program.kill(SIGINT);
        // Each waits for the broker, so one after the other would take as often as long.
        co_await program.line_with("the service ends");
        co_await program.line_with("the service ends");
        EXPECT_EQ(program.seen().find("the service has ended"), std::string::npos);
        const auto code = co_await program.end();
        EXPECT_EQ(code, 3);
    }());
}

TEST_F(RunTest, an_interrupt_ends_it_in_order) {
    write_flow();
    const auto run =
        test::shell(std::string{FLUXCTL} + " run " + path("flow.yaml") + " >" + path("log") +
                    " 2>&1 & until grep -q 'node lines: started' " + path("log") +
                    "; do sleep 0.02; done; kill -INT $!; wait $!; echo code $?; cat " + path("log"));
    EXPECT_THAT(run.output, AllOf(HasSubstr("code 0"), HasSubstr("service source: STOPPED"),
                                  HasSubstr("service sink: account:")));
}

TEST_F(RunTest, nodes_come_from_plugins) {
    const auto with_echo = [this](const std::string& plugins) {
        write("flow.yaml", plugins + "services:\n  s:\n    nodes:\n      e: {type: echo}\n");
    };
    const auto run = [this](const std::string& before, const std::string& after = {}) {
        return test::shell(before + " " + FLUXCTL + " run " + path("flow.yaml") + " --for 100ms " + after);
    };
    fs::copy_file(FLUXLIB_TEST_PLUGIN, path("echo.so"));

    with_echo("");
    const auto unknown = run("");
    EXPECT_EQ(unknown.code, 2) << unknown.output;
    EXPECT_THAT(unknown.output,
                AllOf(HasSubstr("flow.yaml:4:17: services.s.nodes.e.type: there is no node type 'echo'"),
                      HasSubstr("json-lines"), HasSubstr("--plugin"), Not(HasSubstr("STARTING"))));

    const auto by_option = run("", "--plugin " FLUXLIB_TEST_PLUGIN);
    EXPECT_EQ(by_option.code, 0) << by_option.output;
    const auto by_folder = run("FLUX_PLUGIN_PATH=" + folder_.string());
    EXPECT_EQ(by_folder.code, 0) << by_folder.output;
    with_echo("plugins: [echo.so]\n");
    const auto by_file = run("");
    EXPECT_EQ(by_file.code, 0) << by_file.output;
    const auto twice = run("", "--plugin " FLUXLIB_TEST_PLUGIN);
    EXPECT_EQ(twice.code, 2) << twice.output; // the same types in two files
    EXPECT_THAT(twice.output, AllOf(HasSubstr("echo.so"), HasSubstr("both have the node type 'echo'")));
}

TEST_F(RunTest, a_plugin_that_cannot_be_used_is_named) {
    write_flow();
    const auto lost = fluxctl("run " + path("flow.yaml") + " --plugin /nowhere/lost.so");
    EXPECT_EQ(lost.code, 2) << lost.output;
    EXPECT_THAT(lost.output, AllOf(HasSubstr("/nowhere/lost.so"), HasSubstr("No such file")));
    const auto old = fluxctl("run " + path("flow.yaml") + " --plugin " FLUXLIB_TEST_OLD_PLUGIN);
    EXPECT_EQ(old.code, 2) << old.output;
    EXPECT_THAT(old.output, HasSubstr("fluxlib 0.0.1, some compiler"));
}

TEST_F(RunTest, the_stock_nodes_are_a_plugin_too) {
    write_flow();
    const auto run = fluxctl("run " + path("flow.yaml") + " --for 2s --plugin " FLUX_STOCK_PLUGIN);
    EXPECT_EQ(run.code, 0) << run.output;
    EXPECT_EQ(read("out.jsonl"), "{\"t\":25,\"city\":\"Bern\"}\n");
}

TEST_F(RunTest, a_node_that_fails_makes_it_fail) {
    write_flow();
    fs::remove(path("in.jsonl"));
    const auto run = fluxctl("run " + path("flow.yaml") + " --for 100ms");
    EXPECT_EQ(run.code, 1) << run.output;
    EXPECT_THAT(run.output, AllOf(HasSubstr("in.jsonl"), HasSubstr("No such file")));
}

TEST_F(RunTest, wrong_settings_are_told_before_anything_starts) {
    write_flow();
    const auto text = read("flow.yaml");
    write("flow.yaml", std::string{text}.replace(text.find("t > 20"), 6, "t >> 2"));
    const auto run = fluxctl("run " + path("flow.yaml") + " --for 100ms");
    EXPECT_EQ(run.code, 2) << run.output;
    EXPECT_THAT(run.output, AllOf(HasSubstr("flow.yaml:9:28: services.sink.nodes.warm: "),
                                  HasSubstr("'where'"), HasSubstr("column 4"), Not(HasSubstr("STARTING"))));
}

TEST_F(RunTest, what_cannot_start_is_told_in_json) {
    write_flow("plugins: [lost.so]\n");
    const auto lost = fluxctl("--json run " + path("flow.yaml"));
    EXPECT_EQ(lost.code, 2) << lost.output;
    auto told = boost::json::parse(lost.output).as_object();
    EXPECT_EQ(told.at("line"), 0); // of the file as a whole
    EXPECT_THAT(std::string{told.at("what").as_string()}, HasSubstr("lost.so"));
    write("flow.yaml", "services:\n  s:\n    nodes:\n      e: {type: loger}\n");
    const auto unknown = fluxctl("--json run " + path("flow.yaml"));
    EXPECT_EQ(unknown.code, 2) << unknown.output;
    told = boost::json::parse(unknown.output).as_object();
    EXPECT_EQ(told.at("line"), 4);
    EXPECT_EQ(told.at("field"), "services.s.nodes.e.type");
    EXPECT_EQ(told.at("suggestion"), "did you mean 'logger'?");
}

// --- The file changes while the flow runs ------------------------------------------------------------------------

class RunReload : public RunTest {
protected:
    // A timer in one service, and what is given of the other; its loggers write what they get with their prefix.
    void write_flow(const std::string& nodes, const std::string& edges, const std::string& head = {}) const {
        auto text = "name: plant\nservices:\n  clock:\n    nodes:\n"
                    "      timer: {type: timer, settings: {interval: 20}}\n";
        write("flow.yaml", head + text + (nodes.empty() ? "" : "  logs:\n    nodes:\n" + nodes) + "edges: [" +
                               edges + "]\n");
    }
    static std::string logger(const std::string& id, const std::string& settings) {
        return "      " + id + ": {type: logger, settings: {" + settings + "}}\n";
    }

    // Runs `body` with a `fluxctl run` of the file, and ends that.
    void with_run(std::function<fluxlib::Task<>(test::Process&)> body, bool json = false) {
        boost::asio::io_context loop{1};
        test::run_to_end(loop, [&]() -> fluxlib::Task<> {
            std::vector<std::string> words{FLUXCTL, "run", path("flow.yaml")};
            if (json)
                words.emplace_back("--json");
            test::Process program{loop, std::move(words)};
            const std::string started = json ? R"("id":"timer","status":"started")" : "node timer: started";
            co_await program.line_with(started);
            co_await body(program);
            program.kill(SIGINT);
            const auto code = co_await program.end();
            EXPECT_EQ(code, 0) << program.seen();
        }());
    }

    // Messages go on as before.
    static fluxlib::Task<> expect_unchanged(test::Process& program) {
        co_await program.line_with("flow plant: unchanged");
        co_await program.line_with("two: {");
    }
};

TEST_F(RunReload, what_changes_is_taken_over_and_the_rest_runs_on) {
    write_flow("", "");
    with_run([&](test::Process& program) -> fluxlib::Task<> {
        write_flow(logger("log", "prefix: 'one: '"), "timer.out -> log.in");
        co_await program.line_with("flow plant: changed");
        co_await program.line_with("one: {"); // a timer that had nobody to tell
        write_flow(logger("log", "prefix: 'two: '"), "timer.out -> log.in");
        co_await program.line_with("flow plant: changed");
        co_await program.line_with("two: {");
        write_flow(logger("log", "prefix: 'two: '") + logger("more", "prefix: 'three: '"),
                   "'timer.out -> [log.in, more.in]'");
        co_await program.line_with("node more: started");
        co_await program.line_with("three: {");
        write_flow("", "");
        co_await program.line_with("service logs: STOPPED");
        const auto& seen = program.seen();
        for (const std::string once : {"node timer: created", "node log: created", "node log: stopped"})
            EXPECT_EQ(seen.find(once), seen.rfind(once)) << seen;
    });
}

TEST_F(RunReload, a_mistake_changes_nothing_and_is_told) {
    const std::string edge = "timer.out -> log.in";
    write_flow(logger("log", "prefix: 'two: '"), edge);
    with_run([&](test::Process& program) -> fluxlib::Task<> {
        write_flow("      log: {typ: logger}\n", edge);
        co_await program.line_with("flow.yaml:8:13: services.logs.nodes.log.typ: unknown key 'typ'");
        co_await expect_unchanged(program);
        write_flow(logger("log", "level: loud"), edge);
        co_await program.line_with("node 'log': field 'settings': field 'level' is 'loud'");
        co_await expect_unchanged(program);
        write_flow(logger("log", "prefix: 'two: '"), "timer.out -> log.inn");
        co_await program.line_with("node 'log': there is no input 'inn'; this type has 'in'");
        co_await expect_unchanged(program);
        write_flow(logger("log", "prefix: 'two: '") + "      more: {type: loger}\n", edge);
        co_await program.line_with("flow.yaml:9:20: services.logs.nodes.more.type: there is no node type "
                                   "'loger'; did you mean 'logger'?");
        co_await expect_unchanged(program);
        write_flow(logger("log", "prefix: 'two: '"), edge, "plugins: [lost.so]\n");
        co_await program.line_with("lost.so");
        co_await expect_unchanged(program);
        fs::remove(path("flow.yaml"));
        co_await program.line_with("cannot be read");
        co_await expect_unchanged(program);
        fs::copy_file(FLUXLIB_TEST_PLUGIN, path("found.so"));
        write_flow(logger("log", "prefix: 'four: '") + "      more: {type: echo}\n", edge,
                   "plugins: [found.so]\n");
        co_await program.line_with("node more: started");
        co_await program.line_with("flow plant: changed");
        co_await program.line_with("four: {");
    });
}

TEST_F(RunReload, what_a_node_refuses_is_told_with_its_line_in_json_too) {
    write_flow("", "");
    with_run(
        [&](test::Process& program) -> fluxlib::Task<> {
            write_flow(logger("log", "level: loud"), "timer.out -> log.in");
            const auto line = co_await program.line_with("loud");
            const auto told = boost::json::parse(line).as_object();
            EXPECT_EQ(told.at("line"), 8);
            EXPECT_EQ(told.at("field"), "services.logs.nodes.log");
            EXPECT_THAT(std::string{told.at("what").as_string()}, HasSubstr("field 'level' is 'loud'"));
            co_await program.line_with(R"({"event":"flow","id":"plant","status":"unchanged"})");
        },
        true);
}

TEST_F(RunReload, a_plugin_that_is_loaded_stays_whatever_becomes_of_its_file) {
    const std::string echo = "      e: {type: echo}\n";
    const std::string plugins = "plugins: [echo.so]\n";
    fs::copy_file(FLUXLIB_TEST_PLUGIN, path("echo.so"));
    write_flow(echo, "", plugins);
    with_run([&](test::Process& program) -> fluxlib::Task<> {
        fs::remove(path("echo.so"));
        write_flow(echo + "      more: {type: echo}\n", "", plugins);
        co_await program.line_with("flow plant: changed");
        write_flow(echo, "", "plugins: [echo.so, lost.so]\n");
        co_await program.line_with("there is no plugin '" + path("lost.so") + "'");
        co_await program.line_with("flow plant: unchanged");
    });
}

} // namespace
} // namespace fluxctl
