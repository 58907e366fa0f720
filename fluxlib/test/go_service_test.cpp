// SPDX-License-Identifier: MIT
// The scripted service of the Go SDK does on the wire what the real one does.
#include <fluxlib/testing/go_service.hpp>
#include <fluxmq/wakeup.hpp>

#include "peers.hpp"

#include <boost/json/serialize.hpp>

namespace fluxlib::test {
namespace {

using testing::GoNode;
using testing::GoService;
using testing::GoServiceOptions;
using ::testing::IsEmpty;

constexpr auto pair_config = R"([
    {"id": "a", "type": "relay", "timer": {"type": "NONE", "intervalMs": 0}, "settings": {"x": 1, "y": 1},
     "inputs": [{"alias": "in", "topics": ["plant/in"]}], "outputs": [{"alias": "out", "topics": ["plant/out"]}]},
    {"id": "b", "type": "throws", "timer": {"type": "NONE", "intervalMs": 0},
     "inputs": [{"alias": "in", "topics": ["plant.b"]}]}])";
constexpr auto other_config = R"([
    {"id": "c", "type": "relay", "timer": {"type": "NONE", "intervalMs": 0},
     "inputs": [{"alias": "in", "topics": ["plant.c"]}]}])";

std::string ticking_config(const std::string& timer) {
    return R"([{"id": "t", "type": "ticker", "timer": )" + timer + "}]";
}

// A service `go`, a manager, and a connection of the test, which sends.
struct World {
    FakeManager& manager;
    GoService& service;
    std::shared_ptr<fluxmq::Transport> mine;
    std::shared_ptr<fluxmq::Transport> its;
    Mesh& mesh;

    void send(std::string_view topic, const fluxmq::Payload& payload, const fluxmq::Headers& headers = {},
              std::string_view reply = {}) {
        mine->publish(topic, payload, headers, reply);
    }
    Task<> until(std::function<bool()> found) {
        return service.until("what the test waits for", std::move(found));
    }
    // A line of the log that was not there `times` times yet.
    Task<> logged(std::string line, std::ptrdiff_t times = 1) {
        return until([this, line, times] {
            return std::count(service.log().begin(), service.log().end(), line) >= times;
        });
    }
    Task<> config(const std::string& text) {
        const auto& log = service.log();
        const auto routers = std::count(log.begin(), log.end(), "router runs");
        send("service.go.set_config", text);
        co_await until([&] {
            return std::count(log.begin(), log.end(), "router runs") > routers || !service.death().empty();
        });
    }
};

void with_service(GoServiceOptions options, std::function<Task<>(World&)> body,
                  Broker broker = Broker::inproc) {
    Mesh mesh{broker};
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        const auto its = co_await mesh.connect();
        options.clock = mesh.clock();
        GoService service{"go", its, options};
        service.on("relay", {.on_input = [](GoNode& node, std::string_view port, std::string_view payload) {
                       node.push("out", boost::json::string{std::string{port} + ':' + std::string{payload}});
                   }});
        service.on("throws", {.on_input = [](GoNode&, std::string_view, std::string_view) {
                       throw std::runtime_error{"told to fail"};
                   }});
        co_await service.run();
        const auto mine = co_await mesh.connect();
        World world{*manager, service, mine, its, mesh};
        co_await body(world);
    }());
}

TEST(GoService, says_connected_before_it_listens_to_configs_and_then_asks_with_its_id) {
    Mesh mesh;
    mesh.run([&]() -> Task<> {
        const auto mine = co_await mesh.connect();
        const auto its = co_await mesh.connect();
        const auto statuses = co_await Listener::on(mine, "service.go.status");
        const auto requests = co_await Listener::on(mine, "service.go.get_config");
        GoService service{"go", its, {.clock = mesh.clock()}};
        mesh.spawn(service.run());
        const auto connected = co_await statuses->next();
        EXPECT_EQ(connected.text(), "CONNECTED");
        mine->publish("service.go.set_config", pair_config);
        const auto request = co_await requests->next();
        EXPECT_EQ(request.text(), "go");
        co_await mesh.sleep(1s);
        EXPECT_THAT(service.configs(), IsEmpty());
        mine->publish("service.go.set_config", pair_config);
        co_await service.until("the nodes", [&] { return service.nodes().size() == 2; });
    }());
}

TEST(GoService, that_asks_before_it_listens_does_not_get_what_it_asks_for) {
    with_service({.asks_early = true}, [](World& w) -> Task<> {
        EXPECT_EQ(w.manager.config_requests("go"), 1u);
        co_await w.config(pair_config);
        EXPECT_THAT(w.service.nodes(), ElementsAre("a", "b"));
    });
    Mesh mesh;
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        manager->serve_config("go", pair_config);
        const auto its = co_await mesh.connect();
        GoService service{"go", its, {.asks_early = true, .clock = mesh.clock()}};
        co_await service.run();
        co_await mesh.sleep(1h);
        EXPECT_THAT(service.configs(), IsEmpty());
        EXPECT_THAT(manager->service_statuses("go"), ElementsAre("CONNECTED"));
    }());
}

TEST(GoService, says_ready_before_its_router_listens_so_that_a_start_at_once_is_lost) {
    fluxmq::Wakeup release;
    with_service({.before_router = [&] { return release.wait(); }}, [&](World& w) -> Task<> {
        w.send("service.go.set_config", pair_config);
        co_await w.manager.wait_for_service("go", "READY");
        w.send("service.go.start", "lost");
        co_await w.mesh.sleep(1h);
        EXPECT_EQ(w.service.starts_lost(), 1u);
        release.notify();
        co_await w.logged("router runs");
        w.send("service.go.start", "*");
        co_await w.manager.wait_for_service("go", "READY", 2);
        EXPECT_THAT(w.service.starts(), ElementsAre("*"));
        EXPECT_EQ(w.service.starts_lost(), 1u);
    });
}

// The one of docs/testing.md.
TEST(GoService, a_manager_that_starts_at_ready_and_never_again_starts_nothing) {
    fluxmq::testing::VirtualLoop loop;
    const auto bus = std::make_shared<fluxmq::InProcBus>(fluxmq::InProcOptions{.clock = loop.clock()});
    loop.run([&]() -> Task<> {
        FakeManager manager{std::make_shared<fluxmq::InProc>(bus), fluxmq::Topic{}, loop.clock()};
        co_await manager.attach();
        manager.serve_config("camera", R"([{"id": "lens", "type": "lens", "timer": {"type": "NONE"}}])");

        GoService camera{"camera", std::make_shared<fluxmq::InProc>(bus), {.clock = loop.clock()}};
        co_await camera.run();
        co_await manager.wait_for_service("camera", "READY");
        manager.start("camera"); // its router does not listen yet
        co_await camera.until("the router", [&] { return camera.log().back() == "router runs"; });
        EXPECT_EQ(camera.starts_lost(), 1u);

        manager.start("camera");
        co_await manager.wait_for_service("camera", "READY", 2);
        EXPECT_THAT(camera.starts(), ElementsAre("*"));
    }());
}

TEST(GoService, without_a_hook_a_start_at_ready_is_lost_too) {
    with_service({}, [&](World& w) -> Task<> {
        w.send("service.go.set_config", pair_config);
        co_await w.manager.wait_for_service("go", "READY");
        w.send("service.go.start", "lost");
        co_await w.logged("router runs");
        EXPECT_EQ(w.service.starts_lost(), 1u);
        EXPECT_THAT(w.service.starts(), IsEmpty());
    });
}

TEST(GoService, start_gives_ready_stop_paused_and_restart_both) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        w.send("service.go.start", "*");
        co_await w.logged("start *");
        w.send("service.go.stop", "a");
        co_await w.logged("stop a");
        w.send("service.go.restart", "");
        co_await w.logged("restart");
        co_await w.service.close();
        co_await w.mesh.sleep(1h);
        EXPECT_THAT(w.manager.service_statuses("go"),
                    ElementsAre("CONNECTED", "READY", "READY", "PAUSED", "PAUSED", "READY"));
        EXPECT_THAT(w.manager.node_statuses("a"), IsEmpty());
        EXPECT_THAT(w.manager.errors("go"), IsEmpty());
    });
}

TEST(GoService, answers_a_status_request_on_the_status_topic_and_not_on_the_reply_topic) {
    with_service({}, [](World& w) -> Task<> {
        w.send("service.go.request_status", ""); // before its first config it does not hear that
        co_await w.config(pair_config);
        w.send("service.go.stop", "*");
        co_await w.manager.wait_for_service("go", "PAUSED");
        const auto replies = co_await Listener::on(w.mine, "replies");
        w.send("service.go.request_status", "", {}, "replies");
        co_await w.manager.wait_for_service("go", "PAUSED", 2);
        co_await w.mesh.sleep(1s);
        EXPECT_THAT(replies->texts(), ElementsAre("+ACK"));
        EXPECT_THAT(w.manager.service_statuses("go"), ElementsAre("CONNECTED", "READY", "PAUSED", "PAUSED"));
    });
}

TEST(GoService, acknowledges_by_a_request_and_handles_the_next_message_after_its_answer) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        const auto replies = co_await Listener::on(w.mine, "replies");
        w.send("plant/in", "1", {}, "replies");
        w.send("plant/in", "2", {}, "replies");
        const auto first = co_await replies->next();
        EXPECT_EQ(first.text(), "+ACK");
        EXPECT_TRUE(first.headers().empty());
        EXPECT_FALSE(first.reply().empty());
        co_await w.mesh.sleep(4s);
        EXPECT_THAT(w.service.messages("a"), ElementsAre("1"));
        w.mine->respond(first, "");
        const auto second = co_await replies->next();
        EXPECT_THAT(w.service.messages("a"), ElementsAre("1", "2"));
        co_await w.until([&] { return w.service.acknowledgements().size() == 2; });
        const auto& acknowledgements = w.service.acknowledgements();
        EXPECT_EQ(acknowledgements[0].topic, "plant/in");
        EXPECT_TRUE(acknowledgements[0].answered);
        EXPECT_EQ(acknowledgements[0].waited, 4s);
        EXPECT_FALSE(acknowledgements[1].answered);
        EXPECT_EQ(acknowledgements[1].waited, 5s);
    });
}

TEST(GoService, a_handler_that_waits_holds_up_its_own_topic_only) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        const auto replies = co_await Listener::on(w.mine, "replies");
        w.send("plant/in", "1", {}, "replies");
        const auto unanswered = co_await replies->next();
        w.send("plant/in", "2");
        w.send("service.go.start", "*");
        co_await w.logged("start *");
        EXPECT_THAT(w.service.messages("a"), ElementsAre("1"));
        co_await w.mesh.sleep(6s);
        EXPECT_THAT(w.service.messages("a"), ElementsAre("1", "2"));
    });
}

TEST(GoService, a_new_config_ends_the_wait_for_an_answer) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        const auto replies = co_await Listener::on(w.mine, "replies");
        w.send("plant/in", "1", {}, "replies");
        const auto unanswered = co_await replies->next();
        w.send("plant/in", "lost");
        co_await w.config(pair_config);
        w.send("plant/in", "2");
        co_await w.until([&] { return w.service.messages("a").size() == 2; });
        EXPECT_THAT(w.service.messages("a"), ElementsAre("1", "2"));
        EXPECT_FALSE(w.service.acknowledgements().at(0).answered);
        EXPECT_LT(w.service.acknowledgements().at(0).waited, 1s);
    });
}

TEST(GoService, an_acknowledgement_that_nobody_listens_to_ends_at_once) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        w.send("plant/in", "1", {}, "nobody");
        co_await w.until([&] { return w.service.acknowledgements().size() == 1; });
        EXPECT_FALSE(w.service.acknowledgements()[0].answered);
        EXPECT_EQ(w.service.acknowledgements()[0].waited, 0s);
    });
}

TEST(GoService, a_request_to_a_handler_ends_in_a_timeout) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        auto kind = errc{};
        try {
            auto asking = w.mine->request("plant/in", "1");
            const auto answer = co_await std::move(asking);
        } catch (const Error& error) {
            kind = error.kind();
        }
        EXPECT_EQ(kind, errc::timeout);
        EXPECT_THAT(w.service.messages("a"), ElementsAre("1"));
    });
}

TEST(GoService, a_handler_that_throws_gives_a_nak_that_is_no_request_and_goes_on) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        const auto replies = co_await Listener::on(w.mine, "replies");
        w.send("plant.b", "1", {}, "replies");
        w.send("plant.b", "2");
        const auto nak = co_await replies->next();
        EXPECT_EQ(nak.text(), "-NAK");
        EXPECT_TRUE(nak.reply().empty());
        co_await w.until([&] { return w.service.messages("b").size() == 2; });
        EXPECT_THAT(w.service.failures(), ElementsAre("plant.b: told to fail", "plant.b: told to fail"));
    });
}

TEST(GoService, discards_a_message_with_two_values_of_one_header) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        const auto replies = co_await Listener::on(w.mine, "replies");
        w.send("plant/in", "lost", {{"trace", "1"}, {"trace", "2"}}, "replies");
        w.send("service.go.set_config", "[]", {{"trace", "1"}, {"trace", "2"}});
        w.send("plant/in", "heard",
               {{"trace", "1"}, {"_watermill_message_uuid", "1"}, {"_watermill_message_uuid", "2"}});
        co_await w.mesh.sleep(1s);
        EXPECT_THAT(w.service.messages("a"), ElementsAre("heard"));
        EXPECT_THAT(w.service.discarded(),
                    ::testing::UnorderedElementsAre("plant/in", "service.go.set_config"));
        EXPECT_THAT(replies->texts(), IsEmpty());
        EXPECT_EQ(w.service.configs().size(), 1u);
    });
}

TEST(GoService, every_message_has_its_own_id_and_no_header_of_another_one) {
    with_service({}, [](World& w) -> Task<> {
        const auto statuses = co_await Listener::on(w.mine, "service.go.status");
        const auto pushed = co_await Listener::on(w.mine, "node/a/out");
        co_await w.config(pair_config);
        w.send("plant/in", "1", {{"trace", "1"}, {"_watermill_message_uuid", "mine"}});
        const auto ready = co_await statuses->next();
        const auto out = co_await pushed->next();
        EXPECT_EQ(ready.headers().size(), 1u);
        EXPECT_EQ(out.headers().size(), 1u);
        const auto first = ready.headers().get("_watermill_message_uuid");
        const auto second = out.headers().get("_watermill_message_uuid");
        w.service.publish("node/a/out", "as it stands");
        const auto plain = co_await pushed->next();
        EXPECT_EQ(plain.text(), "as it stands");
        EXPECT_TRUE(plain.headers().contains("_watermill_message_uuid"));
        EXPECT_TRUE(first && second && *first != *second && *second != "mine");
    });
}

TEST(GoService, a_config_replaces_the_one_before_and_what_comes_meanwhile_is_lost) {
    with_service({.router_delay = 100ms}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        w.send("plant/in", "1");
        co_await w.until([&] { return w.service.messages("a").size() == 1; });
        w.send("service.go.set_config", other_config);
        co_await w.manager.wait_for_service("go", "READY", 2);
        w.send("plant.c", "lost");
        w.send("service.go.start", "lost");
        co_await w.logged("router runs", 2);
        w.send("plant/in", "2");
        w.send("plant.c", "heard");
        co_await w.until([&] { return w.service.messages("c").size() == 1; });
        EXPECT_THAT(w.service.nodes(), ElementsAre("c"));
        EXPECT_THAT(w.service.messages("a"), ElementsAre("1"));
        EXPECT_THAT(w.service.messages("c"), ElementsAre("heard"));
        EXPECT_EQ(w.service.starts_lost(), 1u);
    });
}

TEST(GoService, dies_of_an_entry_without_timer_where_it_has_ticks) {
    constexpr auto config = R"([{"id": "a", "type": "relay"}])";
    with_service({}, [&](World& w) -> Task<> {
        co_await w.config(config);
        EXPECT_THAT(w.service.death(), HasSubstr("node 'a' has no timer"));
        EXPECT_THAT(w.service.log(), ElementsAre(HasSubstr("dead: panic:")));
        co_await w.mesh.sleep(1s);
        EXPECT_FALSE(w.its->connected());
        EXPECT_THAT(w.manager.service_statuses("go"), ElementsAre("CONNECTED"));
    });
    with_service({.ticks = false}, [&](World& w) -> Task<> {
        co_await w.config(config);
        EXPECT_EQ(w.service.death(), "");
        EXPECT_THAT(w.service.nodes(), ElementsAre("a"));
    });
}

TEST(GoService, dies_of_two_inputs_with_one_topic_and_of_an_id_that_occurs_twice) {
    constexpr auto entry =
        R"({"id": "X", "timer": {"type": "NONE"}, "inputs": [{"alias": "in", "topics": ["t.X"]}]})";
    const auto config = [&](std::string id1, std::string topic1, std::string id2, std::string topic2) {
        const auto make = [&](const std::string& id, const std::string& topic) {
            std::string text = entry;
            text.replace(text.find("t.X"), 3, topic);
            return text.replace(text.find("X"), 1, id);
        };
        return '[' + make(id1, topic1) + ',' + make(id2, topic2) + ']';
    };
    const auto death = [&](std::string text) {
        std::string why;
        with_service({}, [&](World& w) -> Task<> {
            co_await w.config(text);
            why = w.service.death();
        });
        return why;
    };
    EXPECT_EQ(death(config("a", "t", "b", "u")), "");
    EXPECT_EQ(death(config("a", "t", "b", "t")),
              "panic: handler with name flux.node.on_subscribe.t already exists");
    EXPECT_THAT(death(config("a", "t", "a", "u")), HasSubstr("flux.node.on_start.a already exists"));
}

TEST(GoService, dies_of_a_config_that_is_no_array) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(R"({"nodes": []})");
        EXPECT_THAT(w.service.death(), HasSubstr("failed to unmarshal config"));
    });
}

TEST(GoService, that_hears_errors_ends_after_ready) {
    with_service({.hears_errors = true}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        EXPECT_THAT(w.service.death(), HasSubstr("service..error"));
        co_await w.mesh.sleep(1s);
        EXPECT_FALSE(w.its->connected());
        EXPECT_THAT(w.manager.service_statuses("go"), ElementsAre("CONNECTED", "READY"));
    });
}

TEST(GoService, a_status_of_the_ide_that_is_no_object_is_an_error) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        const auto replies = co_await Listener::on(w.mine, "replies");
        w.send("ide.status", "nope", {}, "replies");
        const auto nak = co_await replies->next();
        EXPECT_EQ(nak.text(), "-NAK");
        w.send("ide.status", R"({"status": "CONNECTED"})", {}, "replies");
        const auto ack = co_await replies->next();
        EXPECT_EQ(ack.text(), "+ACK");
    });
}

TEST(GoService, global_nodes_tick_with_the_slash_only_and_need_no_start) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(ticking_config(R"({"type": "GLOBAL", "intervalMs": 0})"));
        w.send("service.tick", "");
        w.send("service/tick", "");
        co_await w.mesh.sleep(1s);
        EXPECT_EQ(w.service.ticks("t"), 1u);
    });
}

TEST(GoService, local_nodes_tick_from_the_config_on_and_on_after_the_next_one) {
    with_service({.router_delay = 0ms}, [](World& w) -> Task<> {
        co_await w.config(ticking_config(R"({"type": "LOCAL", "intervalMs": 100})"));
        co_await w.mesh.sleep(950ms);
        EXPECT_EQ(w.service.ticks("t"), 10u);
        co_await w.config(ticking_config(R"({"type": "LOCAL", "intervalMs": 100})"));
        co_await w.mesh.sleep(1s);
        EXPECT_EQ(w.service.ticks("t"), 30u);
    });
}

TEST(GoService, push_publishes_json_on_the_topic_of_node_and_port_and_never_on_the_configured_one) {
    with_service({}, [](World& w) -> Task<> {
        const auto pushed = co_await Listener::on(w.mine, "node/a/out");
        const auto configured = co_await Listener::on(w.mine, "plant/out");
        co_await w.config(pair_config);
        w.send("plant/in", "1");
        const auto relayed = co_await pushed->next();
        EXPECT_EQ(relayed.text(), R"("in:1")");
        w.service.push("a", "out", {{"n", 1}});
        const auto object = co_await pushed->next();
        EXPECT_EQ(object.text(), R"({"n":1})");
        co_await w.mesh.sleep(1s);
        EXPECT_THAT(configured->texts(), IsEmpty());
    });
}

TEST(GoService, node_events_reach_the_node) {
    with_service({}, [](World& w) -> Task<> {
        Log log;
        w.service.on("ticker", {.on_start = [&](GoNode& node) { log.add("on_start " + node.id()); },
                                .on_stop = [&](GoNode& node) { log.add("on_stop " + node.id()); }});
        co_await w.config(ticking_config(R"({"type": "NONE"})"));
        w.send("node/t/event/start", "");
        co_await log.wait_for("on_start t");
        w.send("node/t/event/stop", "");
        co_await log.wait_for("on_stop t");
        EXPECT_THAT(w.service.log(),
                    ElementsAre("config 1 nodes", "router runs", "start event t", "stop event t"));
    });
}

TEST(GoService, settings_are_replaced) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        w.send("node.a.set_settings", R"({"y": 2})");
        w.send("node.a.set_settings", "[1]");
        co_await w.until([&] { return w.service.failures().size() == 1; });
        EXPECT_EQ(boost::json::serialize(w.service.settings("a")), R"({"y":2})");
        EXPECT_THAT(message_of([&] { w.service.settings("c"); }), HasSubstr("'c'"));
    });
}

TEST(GoService, dies_without_a_word) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        const auto said = w.manager.seen().size();
        w.service.kill();
        w.send("plant/in", "1");
        w.send("service.go.request_status", "");
        co_await w.mesh.sleep(1s);
        EXPECT_FALSE(w.its->connected());
        EXPECT_THAT(w.service.messages("a"), IsEmpty());
        EXPECT_EQ(w.manager.seen().size(), said);
        EXPECT_EQ(w.service.death(), ""); // which is what it dies of by itself
    });
}

TEST(GoService, lives_on_a_real_server_too) {
    fluxmq::Wakeup release;
    with_service(
        {.before_router = [&] { return release.wait(); }},
        [&](World& w) -> Task<> {
            co_await w.manager.wait_for("service.go.get_config", "go");
            const auto pushed = co_await Listener::on(w.mine, "node/a/out");
            const auto replies = co_await Listener::on(w.mine, "replies");
            w.send("service.go.set_config", pair_config);
            co_await w.manager.wait_for_service("go", "READY");
            w.send("service.go.start", "lost");
            co_await w.until([&] { return w.service.starts_lost() == 1; });
            release.notify();
            co_await w.logged("router runs");
            w.send("service.go.start", "*");
            co_await w.logged("start *");
            w.send("plant/in", "1", {}, "replies");
            w.send("plant/in", "2");
            const auto first = co_await pushed->next();
            EXPECT_EQ(first.text(), R"("in:1")");
            const auto acknowledgement = co_await replies->next();
            EXPECT_EQ(acknowledgement.text(), "+ACK");
            EXPECT_THAT(w.service.messages("a"), ElementsAre("1"));
            w.mine->respond(acknowledgement, "");
            const auto second = co_await pushed->next();
            EXPECT_EQ(second.text(), R"("in:2")");
            EXPECT_TRUE(w.service.acknowledgements().at(0).answered);
            co_await w.config(R"([{"id": "a"}])");
            EXPECT_THAT(w.service.death(), HasSubstr("has no timer"));
        },
        Broker::nats);
}

} // namespace
} // namespace fluxlib::test
