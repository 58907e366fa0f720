// SPDX-License-Identifier: MIT
// `fluxctl up` as a process on a real server, and services with nodes in this one.
#include "up_fixture.hpp"

#include <boost/json/parse.hpp>

namespace fluxctl::test {
namespace {

class FluxctlUp : public UpFixture {};

constexpr auto two_services = "name: plant\n"
                              "services:\n"
                              "  one: {nodes: {a: {type: worker, timer: 1ms}}}\n"
                              "  two: {nodes: {b: {type: worker}}}\n"
                              "edges: [a.out -> b.in]\n";

TEST_F(FluxctlUp, services_that_run_already_get_their_nodes_and_stop_in_reverse_order) {
    write(two_services);
    run([&]() -> Task<> {
        auto one = service("one");
        auto two = service("two");
        co_await one->run();
        co_await two->run();
        const auto program = up();
        co_await program->line_with("two/b started");
        EXPECT_THAT(program->seen(), HasSubstr("flow plant up"));
        auto queue = co_await one->subscribe("got.b");
        one->publish("plant.a.out", "over the edge");
        const auto got = co_await queue->get();
        EXPECT_EQ(got.text(), "over the edge");
        program->kill(SIGINT);
        const auto code = co_await program->end();
        EXPECT_EQ(code, 0) << program->seen();
        const auto& seen = program->seen();
        EXPECT_THAT(seen, HasSubstr("two/b stopped"));
        EXPECT_LT(seen.find("two PAUSED"), seen.find("one PAUSED")) << seen;
        EXPECT_THAT(seen, HasSubstr("flow plant down"));
        EXPECT_EQ(one->node("a").lifecycle(), fluxlib::NodeState::stopped);
        co_await end(one);
        co_await end(two);
    }());
}

TEST_F(FluxctlUp, a_service_that_comes_later_or_again_gets_its_nodes) {
    write(two_services);
    run([&]() -> Task<> {
        const auto program = up();
        co_await program->line_with("flow plant up");
        co_await program->line_with("flow plant waits for: one, two");
        for (int i = 0; i < 2; ++i) {
            auto one = service("one");
            co_await one->run();
            co_await program->line_with("one/a started");
            co_await end(one);
            co_await program->line_with("one STOPPED");
        }
        program->kill(SIGTERM);
        const auto code = co_await program->end();
        EXPECT_EQ(code, 0) << program->seen();
    }());
}

TEST_F(FluxctlUp, an_edited_file_changes_what_differs_and_a_mistake_changes_nothing) {
    write(two_services);
    run([&]() -> Task<> {
        auto one = service("one");
        auto two = service("two");
        co_await one->run();
        co_await two->run();
        const auto program = up();
        co_await program->line_with("two/b started");
        write("services: {one: {nodes: {a: {typ: worker}}}}");
        const auto problem = co_await program->line_with("did you mean");
        EXPECT_EQ(problem, path + ":1:30: services.one.nodes.a.typ: unknown key 'typ'; did you mean 'type'?");
        co_await program->line_with("flow plant unchanged");
        EXPECT_EQ(one->node("a").lifecycle(), fluxlib::NodeState::started);
        write(std::string{two_services} + "# a comment is no change\n");
        co_await program->line_with("flow plant changed");
        EXPECT_THAT(program->seen(), ::testing::EndsWith("flow plant changed\n"));
        write("name: plant\n"
              "services:\n"
              "  one: {nodes: {a: {type: worker, timer: 1ms}}}\n"
              "  two: {nodes: {b: {type: worker, settings: {x: 1}}, c: {type: worker}}}\n"
              "edges: [a.out -> b.in]\n");
        co_await program->line_with("flow plant changed: two");
        co_await program->line_with("two/c started");
        EXPECT_EQ(two->node("b").settings().at("x").as_int64(), 1);
        write("name: plant\nservices: {one: {nodes: {a: {type: worker, timer: 1ms}}}}\nedges: [a.out -> "
              "a.in]\n");
        co_await program->line_with("flow plant changed: two, one");
        co_await program->line_with("one ACTIVE"); // after the new config
        EXPECT_THAT(one->node("a").input("in").topics(), ::testing::ElementsAre("plant.a.out"));
        EXPECT_EQ(one->node("a").lifecycle(), fluxlib::NodeState::started);
        std::filesystem::remove(path);
        co_await program->line_with("cannot be read");
        program->kill(SIGINT);
        const auto code = co_await program->end();
        EXPECT_EQ(code, 0) << program->seen();
        EXPECT_TRUE(two->node_ids().empty());
        co_await end(one);
        co_await end(two);
    }());
}

TEST_F(FluxctlUp, the_clock_ticks_and_may_begin_later) {
    const std::string nodes = "services: {one: {nodes: {a: {type: worker, timer: global}}}}\n";
    write("clock: 10ms\n" + nodes);
    run([&]() -> Task<> {
        auto one = service("one");
        co_await one->run();
        auto ticks = co_await one->subscribe("ticked.a");
        auto clock = co_await one->subscribe("service.tick");
        const auto program = up();
        for (int i = 0; i < 5; ++i)
            co_await ticks->get();
        write("services: {one: {nodes: {a: {type: worker}}}}\n"); // no clock any more
        co_await program->line_with("flow flow changed: one");
        write("clock: 1ms\n" + nodes);
        co_await program->line_with("flow flow changed: one");
        for (int i = 0; i < 300; ++i)
            co_await clock->get();
        program->kill(SIGINT);
        const auto code = co_await program->end();
        EXPECT_EQ(code, 0) << program->seen();
        co_await end(one);
    }());
}

TEST_F(FluxctlUp, errors_are_shown_on_one_line_and_as_json) {
    write("services: {one: {nodes: {a: {type: worker, settings: {fail: yes}}}}}");
    run([&]() -> Task<> {
        auto one = service("one");
        co_await one->run();
        auto program = up();
        const auto line = co_await program->line_with("one error: ");
        EXPECT_THAT(line, HasSubstr("it was told to fail"));
        program->kill(SIGKILL);
        co_await program->end();
        co_await end(one);
        one = service("one");
        co_await one->run();
        program = up({"--json"});
        const auto status = co_await program->line_with("created");
        const auto object = boost::json::parse(status).as_object();
        EXPECT_EQ(object.at("service"), "one");
        EXPECT_EQ(object.at("node"), "a");
        EXPECT_EQ(object.at("status"), "created");
        EXPECT_TRUE(object.contains("time"));
        const auto error = boost::json::parse(co_await program->line_with("\"error\":\"")).as_object();
        EXPECT_THAT(std::string{error.at("error").as_string()}, HasSubstr("told\nto fail"));
        co_await end(one);
    }());
}

TEST_F(FluxctlUp, a_silent_service_is_not_waited_for_after_a_second_signal) {
    write("services: {one: {nodes: {a: {type: worker}}}}");
    run([&]() -> Task<> {
        const auto connection = transport();
        co_await connection->connect();
        const auto program = up();
        co_await program->line_with("up");
        connection->publish("service.one.status", "READY");
        co_await program->line_with("one READY");
        program->kill(SIGINT);
        program->kill(SIGTERM);
        const auto code = co_await program->end();
        EXPECT_EQ(code, 0) << program->seen();
        co_await connection->close();
    }());
}

TEST_F(FluxctlUp, a_broker_that_goes_and_comes_back_is_outlived) {
    write("name: plant\n"
          "services:\n"
          "  one: {nodes: {a: {type: source}}}\n"
          "  two: {nodes: {b: {type: worker}}}\n");
    run([&]() -> Task<> {
        auto two = service("two");
        co_await two->run();
        const auto program = up();
        co_await program->line_with("two ACTIVE");
        auto one = worker("one");
        co_await program->line_with("one ACTIVE");
        server.kill9();
        co_await program->line_with("flow plant broker lost");
        one->kill(SIGKILL); // and so it has lost its nodes when it is back
        write("name: plant\n"
              "services:\n"
              "  one: {nodes: {a: {type: source}}}\n"
              "  two: {nodes: {b: {type: worker, settings: {x: 1}}}}\n");
        server.start();
        one = worker("one");
        co_await program->line_with("flow plant broker back");
        const auto before = program->seen().size();
        // In whichever order: everybody reconnects at a time of its own.
        while (two->node("b").settings().empty() ||
               program->seen().find("one/a started", before) == std::string::npos)
            co_await program->line_with("");
        EXPECT_EQ(two->node("b").lifecycle(), fluxlib::NodeState::started);
        program->kill(SIGINT);
        const auto code = co_await program->end();
        EXPECT_EQ(code, 0) << program->seen();
        co_await end(two);
    }());
}

TEST_F(FluxctlUp, a_stop_without_a_broker_says_that_nobody_hears_of_it) {
    write(two_services);
    run([&]() -> Task<> {
        const auto program = up();
        co_await program->line_with("up");
        server.kill9();
        co_await program->line_with("flow plant broker lost");
        program->kill(SIGINT);
        const auto code = co_await program->end();
        EXPECT_EQ(code, 3) << program->seen();
        EXPECT_THAT(program->seen(), HasSubstr("the services go on"));
    }());
}

TEST_F(FluxctlUp, three_processes_heal_after_an_edit_and_a_kill) {
    const auto flow = [](int factor) {
        return "name: plant\n"
               "services:\n"
               "  first: {nodes: {source: {type: source, timer: 10ms}}}\n"
               "  second: {nodes: {times: {type: times, settings: {factor: " +
               std::to_string(factor) +
               "}}}}\n"
               "  third: {nodes: {sink: {type: sink}}}\n"
               "edges: [source.out -> times.in, times.out -> sink.in]\n";
    };
    write(flow(2));
    run([&]() -> Task<> {
        const auto first = worker("first");
        auto second = worker("second");
        const auto third = worker("third");
        const auto program = up();
        const auto connection = transport();
        co_await connection->connect();
        co_await see(*connection, "2");
        write(flow(5));
        co_await program->line_with("flow plant changed: second");
        co_await see(*connection, "5");
        second->kill(SIGKILL);
        co_await program->line_with("flow plant gone: second");
        second = worker("second");
        co_await program->line_with("second/times started");
        co_await see(*connection, "5");
        EXPECT_THAT(program->seen(), ::testing::Not(HasSubstr("gone: first")));
        EXPECT_THAT(program->seen(), ::testing::Not(HasSubstr("gone: third")));
        program->kill(SIGINT);
        const auto code = co_await program->end();
        EXPECT_EQ(code, 0) << program->seen();
        co_await connection->close();
    }());
}

TEST_F(FluxctlUp, a_process_that_hangs_is_gone_and_then_back) {
    write("services: {one: {nodes: {a: {type: sink}}}}");
    run([&]() -> Task<> {
        const auto one = worker("one");
        const auto program = up();
        co_await program->line_with("one ACTIVE");
        one->kill(SIGSTOP);
        co_await program->line_with("flow flow gone: one");
        one->kill(SIGCONT);
        co_await program->line_with("flow flow back: one");
        co_await program->line_with("one ACTIVE");
        program->kill(SIGINT);
        const auto code = co_await program->end();
        EXPECT_EQ(code, 0) << program->seen();
        EXPECT_THAT(program->seen(), HasSubstr("one PAUSED"));
    }());
}

TEST_F(FluxctlUp, a_node_that_has_ended_does_not_begin_again_when_another_one_comes) {
    write("services: {one: {nodes: {a: {type: worker}}}}");
    run([&]() -> Task<> {
        auto one = service("one");
        co_await one->run();
        const auto program = up();
        co_await program->line_with("one/a started");
        co_await one->stop_node("a");
        co_await program->line_with("one/a stopped");
        write("services: {one: {nodes: {a: {type: worker}, b: {type: worker}}}}");
        co_await program->line_with("one/b started");
        co_await program->line_with("one ACTIVE");
        program->kill(SIGINT);
        const auto code = co_await program->end();
        EXPECT_EQ(code, 0) << program->seen();
        EXPECT_EQ(one->node("a").lifecycle(), fluxlib::NodeState::stopped);
        EXPECT_EQ(program->seen().find("one/a started"), program->seen().rfind("one/a started"));
        EXPECT_THAT(program->seen(), ::testing::Not(HasSubstr("one error")));
        co_await end(one);
    }());
}

TEST_F(FluxctlUp, bad_files_and_a_missing_server_are_told_by_the_exit_code) {
    write("services: {}");
    const auto bad = fluxctl("up " + path);
    EXPECT_EQ(bad.code, 2);
    EXPECT_THAT(bad.output, HasSubstr(path + ":1:11: services: there is no service"));
    EXPECT_EQ(fluxctl("up " + path + ".not").code, 2);
    write(two_services);
    EXPECT_EQ(fluxctl("up --server nats://127.0.0.1:1 " + path).code, 3);
}

TEST_F(FluxctlUp, check_counts_and_lists) {
    write(two_services);
    EXPECT_EQ(fluxctl("check " + path).output, "ok: 2 services, 2 nodes, 1 edge\n");
    EXPECT_EQ(fluxctl("check --json " + path).output,
              "{\"file\":\"" + path + "\",\"ok\":true,\"services\":2,\"nodes\":2,\"edges\":1}\n");
    write("name: a b\n");
    const auto wrong = fluxctl("check --json " + path);
    EXPECT_EQ(wrong.code, 2);
    const auto first = boost::json::parse(wrong.output.substr(0, wrong.output.find('\n'))).as_object();
    EXPECT_EQ(first.at("line"), 1);
    EXPECT_EQ(first.at("field"), "services");
}

TEST_F(FluxctlUp, graph_draws_and_says_when_graphviz_is_missing) {
    write(two_services);
    EXPECT_THAT(fluxctl("graph " + path).output, HasSubstr("flowchart LR"));
    EXPECT_EQ(fluxctl("graph --format dot -o " + path + ".dot " + path).output, "");
    EXPECT_GT(std::filesystem::file_size(path + ".dot"), 0u);
    EXPECT_EQ(boost::json::parse(fluxctl("graph --json " + path).output).at("name"), "plant");
    EXPECT_EQ(fluxctl("graph --format png " + path).code, 2);
    const auto missing = shell("PATH=/nonexistent " FLUXCTL " graph --format svg " + path);
    EXPECT_EQ(missing.code, 1);
    EXPECT_THAT(missing.output, HasSubstr("install the package graphviz"));
    // What Graphviz would be: it gets DOT and gives SVG.
    std::ofstream{folder / "dot"} << "#!/bin/sh\nread line\necho \"<svg>$1 $line</svg>\"\n";
    std::filesystem::permissions(folder / "dot", std::filesystem::perms::owner_all);
    EXPECT_EQ(shell("PATH=" + folder.string() + " " FLUXCTL " graph --format svg " + path).output,
              "<svg>-Tsvg digraph \"plant\" {</svg>\n");
}

} // namespace
} // namespace fluxctl::test
