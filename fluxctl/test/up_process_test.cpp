// SPDX-License-Identifier: MIT
// `fluxctl up` with the commands of a flow file: processes that behave, and processes that do not.
#include "up_fixture.hpp"

#include <boost/json/parse.hpp>

#include <csignal>

namespace fluxctl::test {
namespace {

using ::testing::AllOf;
using ::testing::Not;

class UpProcesses : public UpFixture {
protected:
    // A flow of one service without nodes, which this script of the shell runs.
    void write_script(const std::string& script, const std::string& more = "") const {
        write("services:\n  one:\n    command:\n      - sh\n      - -c\n      - |-\n        " + script +
              '\n' + more + "    nodes: {}\n");
    }
    static Task<> end_up(Process& program) {
        program.kill(SIGINT);
        const auto code = co_await program.end();
        EXPECT_EQ(code, 0) << program.seen();
    }
};

TEST_F(UpProcesses, a_command_gets_its_service_id_its_server_and_its_environment) {
    std::filesystem::create_directory(folder / "sub");
    write_script("echo \"$SERVICE_ID $NATS_URL $LEVEL $SERVICE_REPLICA.\"; pwd; cat; exec sleep 1000",
                 "    environment: {LEVEL: 3}\n    directory: sub\n");
    run([&]() -> Task<> {
        const auto program = up();
        co_await program->line_with("one | one " + server.url() + " 3 .");
        co_await program->line_with("one | " + (folder / "sub").string());
        co_await end_up(*program);
        EXPECT_THAT(program->seen(), HasSubstr("flow flow process ended: one (signal 15 (Terminated))"));
    }());
}

TEST_F(UpProcesses, a_service_that_crashes_is_started_again_and_gets_its_nodes) {
    write("services: {one: {command: [" + std::string{FLUXCTL_TEST_WORKER} +
          "], supervision: on-failure, nodes: {a: {type: sink}}}}\n");
    run([&]() -> Task<> {
        const auto program = up();
        for (int i = 0; i < 2; ++i) {
            const auto started = co_await program->line_with("flow flow process started: one (process id ");
            co_await program->line_with("one/a started");
            ::kill(std::stoi(started.substr(started.rfind(' '))), SIGKILL);
            co_await program->line_with("flow flow process ended: one (signal 9 (Killed))");
            co_await program->line_with("flow flow starts again: one (in ");
        }
        co_await program->line_with("one/a started");
        co_await end_up(*program);
        EXPECT_THAT(program->seen(), AllOf(HasSubstr("one PAUSED"), HasSubstr("one STOPPED"),
                                           HasSubstr("flow flow process ended: one (exit code 0)")));
    }());
}

TEST_F(UpProcesses, one_that_fails_again_and_again_is_given_up_and_an_edit_tries_it_again) {
    const auto policy = "    supervision: {restart: on-failure, mostRestarts: 2, backoff: 1ms}\n";
    write_script("exit 7", policy);
    run([&]() -> Task<> {
        const auto program = up();
        co_await program->line_with("flow flow process ended: one (exit code 7)");
        co_await program->line_with("flow flow gives up: one (2 restarts within 60s)");
        write_script("echo right; exec sleep 1000", policy);
        co_await program->line_with("one | right");
        co_await end_up(*program);
    }());
}

TEST_F(UpProcesses, one_that_cannot_be_started_says_why_and_the_others_go_on) {
    write("services:\n"
          "  bad: {command: [./no-such-program], nodes: {}}\n"
          "  good: {command: [" +
          std::string{FLUXCTL_TEST_WORKER} + "], nodes: {a: {type: sink}}}\n");
    run([&]() -> Task<> {
        const auto program = up();
        co_await program->line_with(
            "flow flow process not started: bad ('./no-such-program' cannot be started in '" +
            folder.string());
        co_await program->line_with("good/a started");
        co_await end_up(*program);
    }());
}

TEST_F(UpProcesses, one_that_hangs_is_killed_and_started_again_where_the_policy_says_so) {
    write("services: {one: {command: [" + std::string{FLUXCTL_TEST_WORKER} +
          "], supervision: always, nodes: {a: {type: sink}}}}\n");
    run([&]() -> Task<> {
        const auto program = up();
        const auto started = co_await program->line_with("flow flow process started: one (process id ");
        co_await program->line_with("one/a started");
        ::kill(std::stoi(started.substr(started.rfind(' '))), SIGSTOP);
        co_await program->line_with("flow flow gone: one");
        co_await program->line_with("flow flow kills a process that hangs: one");
        co_await program->line_with("flow flow process ended: one (signal 9 (Killed))");
        co_await program->line_with("one/a started");
        co_await end_up(*program);
    }());
}

TEST_F(UpProcesses, one_that_floods_its_output_ignores_sigterm_and_leaves_children_ends_all_the_same) {
    write_script("trap '' TERM; sleep 1000 & echo child $!; while :; do yes | head -n 100000; done");
    run([&]() -> Task<> {
        const auto program = up();
        const auto child = co_await program->line_with("one | child ");
        co_await program->line_with("lines left out: more than 1000 within a second");
        co_await end_up(*program);
        EXPECT_THAT(program->seen(), HasSubstr("flow flow process ended: one (signal 9 (Killed)"));
        const auto id = std::stoi(child.substr(child.rfind(' ')));
        while (::kill(id, 0) == 0) { // it is killed, and its new parent has to collect it
            std::ifstream state{"/proc/" + std::to_string(id) + "/stat"};
            std::string text;
            std::getline(state, text);
            if (text.empty() || text.find(") Z") != std::string::npos)
                break;
        }
    }());
}

TEST_F(UpProcesses, a_third_signal_ends_up_at_once) {
    write_script("trap 'echo told' TERM; echo up; while :; do sleep 1; done");
    run([&]() -> Task<> {
        const auto program = up();
        co_await program->line_with("one | up");
        program->kill(SIGINT);
        co_await program->line_with("one | told");
        program->kill(SIGINT); // signals of one kind that wait together are one
        program->kill(SIGTERM);
        const auto code = co_await program->end();
        EXPECT_EQ(code, 1) << program->seen();
    }());
}

TEST_F(UpProcesses, what_a_script_has_started_gets_time_to_end_in_order) {
    write_script(
        "sh -c 'trap \"echo ends in order; exit\" TERM; echo up; while :; do sleep 0.1; done' & wait");
    run([&]() -> Task<> {
        const auto program = up();
        co_await program->line_with("one | up");
        co_await end_up(*program);
        EXPECT_THAT(program->seen(), AllOf(HasSubstr("one | ends in order"),
                                           HasSubstr("process ended: one (signal 15 (Terminated))")));
    }());
}

TEST_F(UpProcesses, strangers_cannot_end_it_by_what_they_send) {
    write("services: {one: {command: [" + std::string{FLUXCTL_TEST_WORKER} +
          "], nodes: {a: {type: sink}}}}\n");
    run([&]() -> Task<> {
        const auto program = up();
        co_await program->line_with("one/a started");
        const auto connection = transport();
        co_await connection->connect();
        connection->publish("fluxctl.up.services", "no reply topic");
        connection->publish("service.one.get_config", "\xff");
        connection->publish("service.one.status", "\x1b[31m");
        co_await program->line_with("one  [31m");
        co_await end_up(*program);
        co_await connection->close();
    }());
}

TEST_F(UpProcesses, replicas_run_with_one_id_and_are_told_apart) {
    write("services: {one: {command: [" + std::string{FLUXCTL_TEST_WORKER} +
          "], replicas: 2, supervision: on-failure, nodes: {a: {type: sink}}}}\n");
    run([&]() -> Task<> {
        const auto program = up();
        const auto started = co_await program->line_with("flow flow process started: one#2 (process id ");
        for (const auto* line : {"one#1/a started", "one#2/a started"})
            while (program->seen().find(line) == std::string::npos)
                co_await program->line_with("");
        ::kill(std::stoi(started.substr(started.rfind(' '))), SIGKILL);
        co_await program->line_with("flow flow process ended: one#2 (signal 9 (Killed))");
        co_await program->line_with("flow flow process started: one#2");
        co_await program->line_with("one#2/a started");
        co_await end_up(*program);
        EXPECT_THAT(program->seen(), AllOf(HasSubstr("one#1 STOPPED"), HasSubstr("one#2 STOPPED")));
        EXPECT_THAT(program->seen(), Not(HasSubstr("process ended: one#1 (signal")));
    }());
}

TEST_F(UpProcesses, without_a_broker_its_processes_end_all_the_same) {
    write("services: {one: {command: [" + std::string{FLUXCTL_TEST_WORKER} +
          "], nodes: {a: {type: sink}}}}\n");
    run([&]() -> Task<> {
        const auto program = up();
        co_await program->line_with("one/a started");
        server.kill9();
        co_await program->line_with("flow flow broker lost");
        co_await end_up(*program);
        EXPECT_THAT(program->seen(), HasSubstr("flow flow process ended: one"));
    }());
}

TEST_F(UpProcesses, scripts_read_what_happens_as_json) {
    write_script("echo hello; exit 3");
    run([&]() -> Task<> {
        const auto program = up({"--json"});
        const auto output = boost::json::parse(co_await program->line_with("\"output\"")).as_object();
        EXPECT_EQ(output.at("service"), "one");
        EXPECT_EQ(output.at("output"), "hello");
        const auto ended = boost::json::parse(co_await program->line_with("process ended")).as_object();
        EXPECT_EQ(ended.at("event"), "process ended");
        EXPECT_EQ(ended.at("services"), (boost::json::array{"one"}));
        EXPECT_EQ(ended.at("detail"), "exit code 3");
        co_await end_up(*program);
    }());
}

} // namespace
} // namespace fluxctl::test
