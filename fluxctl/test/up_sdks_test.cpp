// SPDX-License-Identifier: MIT
// `fluxctl up` beside services of the Python and Go SDKs, as the test kit imitates them, on a real server. Each test is
// named for what is true of the SDK.
#include <fluxlib/testing/go_service.hpp>
#include <fluxlib/testing/python_service.hpp>
#include <fluxmq/wakeup.hpp>

#include "up/managed_service.hpp"
#include "up_fixture.hpp"

#include <csignal>
#include <cstdlib>

namespace fluxctl::test {
namespace {

using fluxlib::testing::GoService;
using fluxlib::testing::GoServiceOptions;
using fluxlib::testing::PythonService;
using fluxlib::testing::PythonServiceOptions;
using ::testing::ElementsAre;
using ::testing::Not;

class UpBesideSdks : public UpFixture {
protected:
    // A service of another SDK in a process of its own, as a flow file says it.
    static std::string peer(const std::string& arguments) {
        return std::string{"command: ["} + FLUXCTL_TEST_PEER + ", " + arguments + "]";
    }
    std::unique_ptr<Process> peer_process(const std::string& id, std::vector<std::string> arguments) {
        std::vector<std::string> words{"/usr/bin/env", "SERVICE_ID=" + id, "NATS_URL=" + server.url(),
                                       FLUXCTL_TEST_PEER};
        words.insert(words.end(), arguments.begin(), arguments.end());
        return std::make_unique<Process>(loop, std::move(words));
    }
    Result tool(const std::string& arguments) const {
        return fluxctl("--server " + server.url() + ' ' + arguments);
    }
    static Task<> end_up(Process& program) {
        program.kill(SIGINT);
        const auto code = co_await program.end();
        EXPECT_EQ(code, 0) << program.seen();
    }
};

constexpr auto python_flow = "services: {py: {nodes: {a: {type: relay}}}}\n";
constexpr auto go_flow = "services: {go: {nodes: {a: {type: sink, timer: 10ms}}}}\n";

// --- Python --------------------------------------------------------------------------------------------------

TEST_F(UpBesideSdks, python_appends_nodes_so_it_gets_one_config_for_each_start) {
    write(python_flow);
    run([&]() -> Task<> {
        auto program = up();
        co_await program->line_with("flow flow up");
        PythonService py{"py", transport()};
        co_await py.run();
        co_await program->line_with("py/a started");
        write("services: {py: {nodes: {a: {type: other}}}}\n");
        co_await program->line_with("flow flow needs a restart: py");
        co_await end_up(*program);
        program = up(); // another manager
        co_await program->line_with("flow flow waits for: py");
        py.publish("node.a.status", "my own status"); // so it is there
        co_await program->line_with("py/a my own status");
        write(python_flow);
        co_await program->line_with("flow flow needs a restart: py");
        EXPECT_EQ(py.configs().size(), 1u);
        EXPECT_EQ(py.starts("a"), 1u);
        co_await py.close();
        PythonService again{"py", transport()};
        co_await again.run();
        co_await program->line_with("py/a started");
        EXPECT_EQ(again.configs().size(), 1u);
        EXPECT_THAT(again.nodes(), ElementsAre("a"));
        co_await end_up(*program);
        co_await again.close();
    }());
}

TEST_F(UpBesideSdks, python_that_asks_in_lower_case_gets_one_config_and_one_start) {
    write(python_flow);
    run([&]() -> Task<> {
        const auto program = up();
        co_await program->line_with("flow flow up");
        PythonServiceOptions options;
        options.lower_case = true;
        options.asks_for_config = true;
        options.says_ready = true;
        PythonService py{"py", transport(), options};
        co_await py.run();
        co_await program->line_with("py ready");
        co_await program->line_with("py/a started");
        EXPECT_EQ(py.configs().size(), 1u);
        EXPECT_EQ(py.starts("a"), 1u);
        EXPECT_THAT(program->seen(), HasSubstr("py connected"));
        co_await end_up(*program);
        co_await py.close();
    }());
}

TEST_F(UpBesideSdks, python_never_says_ready_so_it_is_named_and_started) {
    write("services: {py: {nodes: {a: {type: relay}, b: {type: relay}}}}\n");
    run([&]() -> Task<> {
        const auto program = up();
        co_await program->line_with("flow flow up");
        const auto connection = transport();
        co_await connection->connect();
        connection->publish("service.py.status", "CONNECTED"); // of one that makes no nodes at all
        co_await program->line_with("flow flow waits for READY: py");
        co_await program->line_with("flow flow starts without READY: py");
        co_await end_up(*program);
        co_await connection->close();
    }());
}

TEST_F(UpBesideSdks, a_broker_that_restarts_leaves_python_as_it_is) {
    write(python_flow);
    run([&]() -> Task<> {
        const auto program = up();
        co_await program->line_with("flow flow up");
        const auto connection = transport();
        fluxmq::Wakeup back;
        connection->on_event([&](const fluxmq::ConnectionEvent& event) {
            if (event.state == fluxmq::ConnectionState::reconnected)
                back.notify();
        });
        PythonService py{"py", connection};
        co_await py.run();
        co_await program->line_with("py/a started");
        server.kill9();
        co_await program->line_with("flow flow broker lost");
        server.start();
        co_await program->line_with("flow flow broker back");
        co_await back.wait();
        EXPECT_THAT(tool("status py --wait 100ms").output, HasSubstr("CONNECTED")); // up goes on
        EXPECT_EQ(py.configs().size(), 1u);
        EXPECT_EQ(py.starts("a"), 1u);
        co_await end_up(*program);
        EXPECT_THAT(program->seen(), Not(HasSubstr("waits for: py")));
        co_await py.close();
    }());
}

// --- Go ------------------------------------------------------------------------------------------------------

TEST_F(UpBesideSdks, go_says_ready_before_it_listens_so_its_start_is_repeated) {
    write(go_flow);
    run([&]() -> Task<> {
        const auto program = up();
        co_await program->line_with("flow flow up");
        fluxmq::Wakeup listen;
        GoServiceOptions options;
        options.before_router = [&] { return listen.wait(); };
        GoService go{"go", transport(), options};
        co_await go.run();
        co_await go.until("a lost start", [&] { return go.starts_lost() > 0; });
        listen.notify();
        co_await go.until("a start", [&] { return !go.starts().empty(); });
        EXPECT_EQ(go.configs().size(), 1u);
        EXPECT_EQ(go.death(), "");
        co_await end_up(*program);
        EXPECT_THAT(program->seen(), HasSubstr("go PAUSED"));
        co_await go.close();
    }());
}

TEST_F(UpBesideSdks, go_makes_its_nodes_anew_at_an_edit_and_they_are_started_again) {
    write(go_flow);
    run([&]() -> Task<> {
        const auto program = up();
        co_await program->line_with("flow flow up");
        GoService go{"go", transport()};
        co_await go.run();
        co_await go.until("a start", [&] { return !go.starts().empty(); });
        write("services: {go: {nodes: {a: {type: sink}, b: {type: sink}}}}\n"); // without timers
        co_await go.until("another start", [&] { return go.starts().size() > 1; });
        EXPECT_THAT(go.nodes(), ElementsAre("a", "b"));
        EXPECT_EQ(go.configs().size(), 2u);
        EXPECT_EQ(go.death(), "");
        co_await end_up(*program);
        co_await go.close();
    }());
}

TEST_F(UpBesideSdks, global_nodes_of_each_sdk_tick_once_for_each_tick) {
    write("clock: 20ms\n"
          "services:\n"
          "  py: {nodes: {p: {type: t, timer: global}}}\n"
          "  go: {nodes: {g: {type: t, timer: global}}}\n"
          "  cpp: {nodes: {c: {type: worker, timer: global}}}\n");
    run([&]() -> Task<> {
        auto cpp = service("cpp");
        co_await cpp->run();
        std::size_t clock = 0;
        std::size_t ticked = 0;
        const auto count_clock = [&](const fluxlib::Message&) { ++clock; };
        const auto count_ticked = [&](const fluxlib::Message&) { ++ticked; };
        co_await cpp->subscribe_handler("service/tick", count_clock);
        co_await cpp->subscribe_handler("ticked.c", count_ticked);
        const auto program = up();
        co_await program->line_with("flow flow up");
        const auto of_python = transport();
        const auto of_go = transport();
        PythonService py{"py", of_python};
        GoService go{"go", of_go};
        co_await py.run();
        co_await go.run();
        co_await program->line_with("cpp/c started");
        co_await py.until("a tick", [&] { return py.ticks("p") > 0; });
        co_await go.until("a tick", [&] { return go.ticks("g") > 0; });
        const auto before = clock;
        const auto c = ticked;
        const auto p = py.ticks("p");
        const auto g = go.ticks("g");
        co_await go.until("60 ticks", [&] { return go.ticks("g") >= g + 60; });
        write("services:\n"
              "  py: {nodes: {p: {type: t, timer: none}}}\n"
              "  go: {nodes: {g: {type: t, timer: none}}}\n"
              "  cpp: {nodes: {c: {type: worker, timer: none}}}\n"); // no clock any more
        co_await program->line_with("flow flow changed");
        co_await of_python->flush(); // what was published before has come
        co_await of_go->flush();
        co_await cpp->transport().flush();
        // A few were on their way when the counts were taken; ours may leave out ticks where it is busy.
        const auto ticks = clock - before + 10;
        EXPECT_GE(py.ticks("p") - p + 20, clock - before);
        for (const auto count : {py.ticks("p") - p, go.ticks("g") - g, ticked - c})
            EXPECT_LE(count, ticks);
        co_await end_up(*program);
        co_await end(cpp);
        co_await py.close();
        co_await go.close();
    }());
}

// --- Other commands ------------------------------------------------------------------------------------------

TEST_F(UpBesideSdks, start_stop_set_and_restart_act_on_python_and_go_services) {
    write("services:\n"
          "  py: {nodes: {a: {type: relay}}}\n"
          "  go: {nodes: {b: {type: sink}}}\n");
    run([&]() -> Task<> {
        const auto program = up();
        co_await program->line_with("flow flow up");
        const auto py = peer_process("py", {"--sdk", "python", "--says-stopped"});
        const auto go = peer_process("go", {"--sdk", "go"});
        co_await py->line_with("start *");
        co_await go->line_with("start *");
        EXPECT_EQ(tool("stop py a").code, 0);
        co_await py->line_with("stop a");
        const auto started = tool("start py a");
        EXPECT_EQ(started.code, 0) << started.output;
        EXPECT_THAT(started.output, HasSubstr("node a  started"));
        co_await py->line_with("start a");
        const auto stopped = tool("stop go");
        EXPECT_EQ(stopped.code, 0) << stopped.output;
        EXPECT_THAT(stopped.output, HasSubstr("service go  PAUSED"));
        co_await go->line_with("stop *");
        EXPECT_EQ(tool("start go").code, 0);
        co_await go->line_with("start *");
        EXPECT_EQ(tool("restart go").code, 0);
        co_await go->line_with("restart");
        EXPECT_EQ(tool("set a width=640").code, 0);
        co_await end_up(*program);
    }());
}

TEST_F(UpBesideSdks, status_ls_and_top_show_what_up_has_heard_of_who_cannot_answer) {
    write("services:\n"
          "  py: {nodes: {a: {type: relay}}}\n"
          "  go: {nodes: {b: {type: sink}}}\n"
          "  cpp: {nodes: {c: {type: worker}}}\n");
    run([&]() -> Task<> {
        EXPECT_EQ(tool("status py --wait 100ms").code, 4);
        const auto program = up();
        co_await program->line_with("flow flow up");
        const auto py = peer_process("py", {"--sdk", "python"});
        const auto go = peer_process("go", {"--sdk", "go"});
        co_await py->line_with("start *");
        co_await program->line_with("py/a started");
        co_await go->line_with("start *");
        const auto one = tool("status py --wait 100ms");
        EXPECT_EQ(one.code, 0) << one.output;
        EXPECT_THAT(one.output, HasSubstr("CONNECTED  (does not answer; heard by fluxctl up)"));
        const auto all = tool("status --json --wait 2s");
        EXPECT_THAT(all.output, HasSubstr(R"({"service":"go","status":"READY"})"));
        EXPECT_THAT(all.output, HasSubstr(R"({"service":"py","status":null,"heard":"CONNECTED"})"));
        EXPECT_THAT(all.output, Not(HasSubstr("cpp"))); // does not run: up has heard nothing of it
        const auto list = tool("ls");
        EXPECT_EQ(list.code, 0);
        EXPECT_THAT(list.output, HasSubstr("does not answer; fluxctl up has heard: CONNECTED"));
        const auto info = tool("info py");
        EXPECT_THAT(info.output, HasSubstr("node a  started"));
        const auto top = tool("top --once --json");
        EXPECT_THAT(top.output, HasSubstr(R"({"service":"py","node":"a","status":"started","heard":true})"));
        co_await end_up(*program);
        EXPECT_EQ(tool("ls").code, 4); // nobody remembers
    }());
}

// --- A flow of all three -------------------------------------------------------------------------------------

// Numbers that a source counts up from 1, as they arrive at the end of the flow; a filter may have multiplied them.
class Counting {
public:
    static constexpr std::int64_t factor = 1'000'000;

    explicit Counting(std::shared_ptr<fluxlib::Queue> queue) : queue_{std::move(queue)} {}

    Task<> next() {
        const auto message = co_await queue_->get();
        raw_ = std::stoll(std::string{message.text()});
        number_ = raw_ % factor == 0 ? raw_ / factor : raw_;
    }

    // So many in a row: none is lost, and none comes twice.
    Task<> in_order(int count) {
        for (int i = 0; i < count; ++i) {
            const auto last = number_;
            co_await next();
            EXPECT_EQ(number_, last + 1);
        }
    }

    // The same until the filter does what it was told to, too.
    Task<> in_order_until(bool multiplied) {
        do {
            co_await in_order(1);
        } while ((raw_ % factor == 0) != multiplied);
    }

    // After a disturbance that may lose some: until enough have come in a row.
    Task<> settle() {
        for (int in_a_row = 0; in_a_row < 20;) {
            const auto last = number_;
            co_await next();
            in_a_row = number_ == last + 1 ? in_a_row + 1 : 0;
        }
    }

private:
    std::shared_ptr<fluxlib::Queue> queue_;
    std::int64_t raw_ = 0;
    std::int64_t number_ = 0;
};

// Of the process of `service` that `up` has started last.
pid_t process_id(const std::string& seen, const std::string& service) {
    const auto line = "process started: " + service + " (process id ";
    return std::stoi(seen.substr(seen.rfind(line) + line.size()));
}

// FLUXCTL_MIXED_ROUNDS makes it longer: a round takes some 10 s.
TEST_F(UpBesideSdks, a_mixed_flow_survives_an_edit_a_kill_of_each_process_and_a_broker_restart) {
    const auto* const more = std::getenv("FLUXCTL_MIXED_ROUNDS");
    const int rounds = more ? std::atoi(more) : 1;
    const auto flow = [](std::int64_t factor) {
        return "name: plant\n"
               "services:\n"
               "  py:\n    " +
               peer("--sdk, python, --asks") +
               "\n    supervision: {restart: on-failure, mostRestarts: 1000}\n"
               "    nodes: {source: {type: source, timer: 10ms}}\n"
               "  cpp:\n    command: [" +
               FLUXCTL_TEST_WORKER +
               "]\n    supervision: {restart: on-failure, mostRestarts: 1000}\n"
               "    nodes: {filter: {type: times, settings: {factor: " +
               std::to_string(factor) +
               "}}}\n"
               "  go:\n    " +
               peer("--sdk, go") +
               "\n    supervision: {restart: on-failure, mostRestarts: 1000}\n"
               "    nodes: {sink: {type: sink}}\n"
               "edges: [source.out -> filter.in, filter.out -> sink.in]\n";
    };
    write(flow(1));
    run(
        [&]() -> Task<> {
            auto watcher = service("watcher");
            co_await watcher->run();
            auto queue = co_await watcher->subscribe("seen.sink");
            Counting counting{std::move(queue)};
            const auto program = up();
            co_await program->line_with("flow plant process started: go"); // the last one
            for (int round = 0; round < rounds; ++round) {
                co_await counting.settle();
                co_await counting.in_order(50);
                write(flow(Counting::factor));
                co_await counting.in_order_until(true);
                write(flow(1));
                co_await counting.in_order_until(false);
                for (const std::string name : {"py", "cpp", "go"}) {
                    ::kill(process_id(program->seen(), name), SIGKILL);
                    co_await program->line_with("flow plant process ended: " + name + " (signal 9 (Killed))");
                    co_await program->line_with("flow plant starts again: " + name);
                    co_await program->line_with("flow plant process started: " + name);
                    co_await counting.settle();
                    co_await counting.in_order(50);
                }
                server.kill9();
                co_await program->line_with("flow plant broker lost");
                server.start();
                co_await program->line_with("flow plant broker back");
                co_await counting.settle();
                co_await counting.in_order(50);
            }
            co_await end_up(*program);
            EXPECT_THAT(program->seen(), HasSubstr("flow plant process ended: go (signal 15 (Terminated))"));
            for (const auto* untrue : {"needs a restart", "waits for: ", "gone", "gives up"})
                EXPECT_THAT(program->seen(), Not(HasSubstr(untrue)));
            co_await end(watcher);
        }(),
        rounds);
}

} // namespace
} // namespace fluxctl::test
