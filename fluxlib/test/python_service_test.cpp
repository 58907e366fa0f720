// SPDX-License-Identifier: MIT
// The scripted service of the Python SDK does on the wire what the real one does.
#include <fluxlib/testing/python_service.hpp>

#include "peers.hpp"

#include <boost/json/serialize.hpp>

namespace fluxlib::test {
namespace {

using ::testing::IsEmpty;
using testing::PythonNode;
using testing::PythonService;
using testing::PythonServiceOptions;

constexpr auto pair_config = R"([
    {"id": "a", "type": "relay", "timer": {"type": "NONE", "interval": 0},
     "inputs": [{"alias": "in", "topics": ["plant/in"]}], "outputs": [{"alias": "out", "topics": ["plant/out"]}]},
    {"id": "b", "type": "other", "timer": {"type": "NONE", "interval": 0}, "settings": {"x": 1, "y": 1}}])";

std::string ticking_config(const std::string& timer) {
    return R"([{"id": "t", "type": "ticker", "timer": )" + timer + "}]";
}

// A service `py`, a manager, and a connection of the test, which sends.
struct World {
    FakeManager& manager;
    PythonService& service;
    std::shared_ptr<fluxmq::Transport> mine;
    std::shared_ptr<fluxmq::Transport> its;
    Mesh& mesh;

    void send(std::string_view topic, const fluxmq::Payload& payload, const fluxmq::Headers& headers = {}) {
        mine->publish(topic, payload, headers);
    }
    Task<> config(const std::string& text) {
        const auto before = service.configs().size();
        send("service.py.set_config", text);
        co_await until([this, before] { return service.configs().size() > before; });
        co_await mesh.sleep(1ms); // and the nodes are made
    }
    Task<> start(const std::string& ids) {
        const auto before = service.log().size();
        send("service.py.start", ids);
        co_await until([this, before] { return service.log().size() > before; });
    }
    Task<> until(std::function<bool()> found) {
        return service.until("what the test waits for", std::move(found));
    }
};

void with_service(PythonServiceOptions options, std::function<Task<>(World&)> body,
                  Broker broker = Broker::inproc) {
    Mesh mesh{broker};
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        const auto its = co_await mesh.connect();
        options.clock = mesh.clock();
        PythonService service{"py", its, options};
        service.on("relay", {.on_message = [](PythonNode& node, const fluxmq::Message& message) {
                       node.publish("out", message.text());
                   }});
        co_await service.run();
        const auto mine = co_await mesh.connect();
        World world{*manager, service, mine, its, mesh};
        co_await body(world);
    }());
}

TEST(PythonService, says_connected_when_it_listens_and_nothing_else) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.manager.wait_for_service("py", "CONNECTED");
        co_await w.config(pair_config);
        co_await w.start("*");
        co_await w.mesh.sleep(1h);
        EXPECT_THAT(w.manager.service_statuses("py"), ElementsAre("CONNECTED"));
        EXPECT_EQ(w.manager.config_requests("py"), 0u);
    });
}

TEST(PythonService, a_config_sent_at_connected_is_heard) {
    Mesh mesh;
    mesh.run([&]() -> Task<> {
        const auto mine = co_await mesh.connect();
        const auto its = co_await mesh.connect();
        PythonService service{"py", its, {.clock = mesh.clock()}};
        const auto statuses = co_await Listener::on(mine, "service.py.status");
        co_await service.run();
        const auto connected = co_await statuses->next();
        EXPECT_EQ(connected.text(), "CONNECTED");
        mine->publish("service.py.set_config", pair_config);
        co_await service.until("the nodes", [&] { return service.nodes().size() == 2; });
    }());
}

TEST(PythonService, standard_status_of_fluxmq_0_15_is_in_lower_case) {
    with_service({.lower_case = true, .says_ready = true}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        co_await w.manager.wait_for_service("py", "ready");
        EXPECT_THAT(w.manager.service_statuses("py"), ElementsAre("connected", "ready"));
    });
}

// Its user announces them in the hooks, and nodes by tasks that come after these.
TEST(PythonService, says_ready_active_and_paused_before_its_nodes_say_what_they_are) {
    const PythonServiceOptions options{.says_ready = true, .says_active = true, .says_stopped = true};
    with_service(options, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        co_await w.start("*");
        w.send("service.py.stop", "a");
        w.send("service.py.stop", "b");
        co_await w.manager.wait_for_node("b", "stopped");
        std::vector<std::string> said;
        for (const auto& seen : w.manager.seen())
            if (seen.topic.ends_with(".status"))
                said.push_back(seen.topic.substr(0, seen.topic.rfind('.')) + ' ' + seen.text);
        EXPECT_THAT(said,
                    ElementsAre("service.py CONNECTED", "service.py READY", "node.a created",
                                "node.b created", "service.py ACTIVE", "node.a started", "node.b started",
                                "node.a stopped", "service.py PAUSED", "node.b stopped"));
    });
}

TEST(PythonService, asks_for_its_config_with_the_text_ready) {
    with_service({.asks_for_config = true}, [](World& w) -> Task<> {
        co_await w.manager.wait_for("service.py.get_config", "READY");
        EXPECT_THAT(w.manager.service_statuses("py"), ElementsAre("CONNECTED"));
    });
}

TEST(PythonService, each_config_appends_its_nodes_and_they_announce_created) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        co_await w.config(R"({"nodes": )" + std::string{pair_config} + "}");
        EXPECT_THAT(w.service.nodes(), ElementsAre("a", "b", "a", "b"));
        EXPECT_THAT(w.manager.node_statuses("a"), ElementsAre("created", "created"));
        EXPECT_THAT(w.service.log(), ElementsAre("config 2 nodes", "config 2 nodes"));
    });
}

TEST(PythonService, an_entry_without_timer_is_a_missing_node) {
    constexpr auto config = R"([{"id": "a", "type": "relay"}, {"id": "b", "type": "relay", "timer": null},
                                {"id": "c", "type": "relay", "timer": {"type": "NONE"}}])";
    with_service({}, [&](World& w) -> Task<> {
        co_await w.config(config);
        EXPECT_THAT(w.service.nodes(), ElementsAre("c"));
        EXPECT_THAT(w.service.failures(), ElementsAre(HasSubstr("timer"), HasSubstr("timer")));
    });
    with_service({.reads_timer = false}, [&](World& w) -> Task<> {
        co_await w.config(config);
        EXPECT_THAT(w.service.nodes(), ElementsAre("a", "b", "c"));
    });
}

TEST(PythonService, a_config_that_is_not_json_is_the_last_that_it_reads) {
    with_service({.says_ready = true}, [](World& w) -> Task<> {
        co_await w.config("[x");
        w.send("service.py.set_config", pair_config);
        co_await w.mesh.sleep(1s);
        EXPECT_THAT(w.service.configs(), ElementsAre("[x"));
        EXPECT_THAT(w.service.nodes(), IsEmpty());
        EXPECT_THAT(w.manager.errors("py"), IsEmpty());
        EXPECT_THAT(w.service.failures(), ElementsAre(HasSubstr("service.py.set_config")));
        // The hook of the user does not know of that.
        EXPECT_THAT(w.manager.service_statuses("py"), ElementsAre("CONNECTED", "READY", "READY"));
    });
    with_service({.callbacks = true}, [](World& w) -> Task<> {
        co_await w.config("[x");
        co_await w.config(pair_config);
        EXPECT_THAT(w.service.nodes(), ElementsAre("a", "b"));
        EXPECT_THAT(w.service.failures(), ElementsAre(HasSubstr("service.py.set_config")));
    });
}

TEST(PythonService, starts_one_node_or_all) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        co_await w.start("a");
        co_await w.start("*");
        co_await w.start("");
        co_await w.start("c");
        EXPECT_EQ(w.service.starts("a"), 2u);
        EXPECT_EQ(w.service.starts("b"), 1u);
        co_await w.manager.wait_for_node("a", "started", 2);
    });
}

TEST(PythonService, a_node_handles_messages_once_for_each_start) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        w.send("plant/in", "before");
        co_await w.start("a");
        w.send("plant/in", "once");
        co_await w.until([&] { return w.service.messages("a").size() == 1; });
        co_await w.start("a");
        w.send("plant/in", "twice");
        co_await w.until([&] { return w.service.messages("a").size() == 3; });
        EXPECT_THAT(w.service.messages("a"), ElementsAre("once", "twice", "twice"));
    });
}

TEST(PythonService, a_stop_is_not_announced_stops_nothing_and_is_the_last_one_heard) {
    const auto log_of_two_stops = [](PythonServiceOptions options) {
        std::vector<std::string> log;
        with_service(options, [&](World& w) -> Task<> {
            co_await w.config(pair_config);
            co_await w.start("*");
            w.send("service.py.stop", "*");
            w.send("service.py.stop", "a");
            co_await w.mesh.sleep(1s);
            w.send("plant/in", "after");
            co_await w.until([&] { return w.service.messages("a").size() == 1; });
            EXPECT_THAT(w.manager.node_statuses("a"), ElementsAre("created", "started"));
            log = w.service.log();
        });
        return log;
    };
    EXPECT_THAT(log_of_two_stops({}), ElementsAre("config 2 nodes", "start *", "stop *"));
    EXPECT_THAT(log_of_two_stops({.callbacks = true}),
                ElementsAre("config 2 nodes", "start *", "stop *", "stop a"));
    with_service({.says_stopped = true}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        w.send("service.py.stop", "b");
        co_await w.manager.wait_for_node("b", "stopped");
        EXPECT_THAT(w.manager.node_statuses("a"), ElementsAre("created"));
    });
}

// What a request to `topic` ends with.
Task<errc> error_of_request(World& w, std::string topic) {
    const fluxmq::Payload payload("{}");
    try {
        auto asking = w.mine->request(std::move(topic), payload);
        const auto answer = co_await std::move(asking);
    } catch (const Error& error) {
        co_return error.kind();
    }
    co_return errc{};
}

TEST(PythonService, answers_nothing) {
    with_service({}, [](World& w) -> Task<> {
        const std::vector<std::string> unheard{
            "service.py.request_status", "$SRV.PING",       "$SRV.PING.py", "node.a.state_request",
            "node/a/event/start",        "node.py.restart", "service.tick"};
        for (const auto& topic : unheard) {
            const auto kind = co_await error_of_request(w, topic);
            EXPECT_EQ(kind, errc::no_responders) << topic;
        }
        const std::vector<std::string> heard{"service.py.get_common_data", "service.py.set_settings",
                                             "service.py.start",           "service.py.stop",
                                             "service.py.restart",         "ide.status"};
        for (const auto& topic : heard) {
            const auto kind = co_await error_of_request(w, topic);
            EXPECT_EQ(kind, errc::timeout) << topic;
        }
    });
}

TEST(PythonService, standard_topic_has_the_restart_of_a_service_under_node) {
    with_service({.standard_topic = true}, [](World& w) -> Task<> {
        const auto heard = co_await error_of_request(w, "node.py.restart");
        EXPECT_EQ(heard, errc::timeout);
        const auto unheard = co_await error_of_request(w, "service.py.restart");
        EXPECT_EQ(unheard, errc::no_responders);
    });
}

TEST(PythonService, inputs_subscribe_literally_and_outputs_publish_dots) {
    with_service({}, [](World& w) -> Task<> {
        const auto dots = co_await Listener::on(w.mine, "plant.out");
        const auto slashes = co_await Listener::on(w.mine, "plant/out");
        co_await w.config(pair_config);
        co_await w.start("a");
        w.send("plant.in", "dots");
        w.send("plant/in", "slashes");
        const auto out = co_await dots->next();
        EXPECT_EQ(out.text(), "slashes");
        co_await w.mesh.sleep(1s);
        EXPECT_THAT(dots->texts(), IsEmpty());
        EXPECT_THAT(slashes->texts(), IsEmpty());
    });
}

TEST(PythonService, global_nodes_listen_to_the_tick_with_a_slash_only) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(ticking_config(R"({"type": "GLOBAL"})"));
        w.send("service/tick", "");
        co_await w.start("t");
        w.send("service.tick", "");
        w.send("service/tick", "");
        co_await w.mesh.sleep(1s);
        EXPECT_EQ(w.service.ticks("t"), 1u);
    });
}

TEST(PythonService, local_nodes_tick_from_their_start_on_whatever_comes) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(ticking_config(R"({"type": "LOCAL", "intervalMs": 100})"));
        co_await w.mesh.sleep(1s);
        EXPECT_EQ(w.service.ticks("t"), 0u);
        co_await w.start("t");
        co_await w.mesh.sleep(1050ms);
        EXPECT_EQ(w.service.ticks("t"), 10u);
        w.send("service.py.stop", "t");
        co_await w.start("t");
        co_await w.mesh.sleep(1040ms);
        EXPECT_EQ(w.service.ticks("t"), 30u);
    });
}

TEST(PythonService, sees_no_headers_and_sends_none) {
    with_service({}, [](World& w) -> Task<> {
        std::vector<std::size_t> seen;
        w.service.on("relay", {.on_message = [&](PythonNode& node, const fluxmq::Message& message) {
                         seen.push_back(message.headers().size());
                         node.publish("out", message.text());
                     }});
        const auto out = co_await Listener::on(w.mine, "plant.out");
        const auto statuses = co_await Listener::on(w.mine, "node.a.status");
        co_await w.config(pair_config);
        w.send("service.py.start", "a", {{"by", "manager"}});
        const auto created = co_await statuses->next();
        const auto started = co_await statuses->next();
        EXPECT_TRUE(started.headers().empty());
        w.send("plant/in", "1", {{"trace", "1"}});
        const auto relayed = co_await out->next();
        EXPECT_TRUE(relayed.headers().empty());
        EXPECT_THAT(seen, ElementsAre(0u));
    });
}

TEST(PythonService, with_callbacks_takes_the_last_value_of_a_header_and_carries_headers_on) {
    with_service({.callbacks = true}, [](World& w) -> Task<> {
        const auto out = co_await Listener::on(w.mine, "plant.out");
        const auto statuses = co_await Listener::on(w.mine, "node.a.status");
        const fluxmq::Headers trace{{"trace", "1"}, {"trace", "2"}, {"Nats-Msg-Id", "7"}};
        const fluxmq::Headers folded{{"trace", "2"}, {"Nats-Msg-Id", "7"}};
        co_await w.config(pair_config);
        w.send("service.py.start", "a", {{"by", "manager"}});
        const auto created = co_await statuses->next();
        EXPECT_TRUE(created.headers().empty());
        const auto started = co_await statuses->next();
        EXPECT_EQ(started.headers(), (fluxmq::Headers{{"by", "manager"}}));
        w.send("plant/in", "1", trace);
        const auto relayed = co_await out->next();
        EXPECT_EQ(relayed.headers(), folded);
        w.send("plant/in", "2");
        const auto plain = co_await out->next();
        EXPECT_TRUE(plain.headers().empty());
        w.service.publish("plant.out", "3");
        const auto outside = co_await out->next();
        EXPECT_TRUE(outside.headers().empty());
    });
}

TEST(PythonService, with_callbacks_all_that_a_timer_publishes_has_the_headers_of_the_start) {
    with_service({.callbacks = true}, [](World& w) -> Task<> {
        w.service.on("source", {.on_tick = [](PythonNode& node) { node.publish("out", "tick"); }});
        const auto out = co_await Listener::on(w.mine, "s.out");
        co_await w.config(R"([{"id": "s", "type": "source", "timer": {"type": "LOCAL", "intervalMs": 100},
                               "outputs": [{"alias": "out", "topics": ["s.out"]}]}])");
        w.send("service.py.start", "s", {{"by", "manager"}});
        for (int i = 0; i < 3; ++i) {
            const auto tick = co_await out->next();
            EXPECT_EQ(tick.headers(), (fluxmq::Headers{{"by", "manager"}}));
        }
    });
}

TEST(PythonService, with_callbacks_a_header_that_is_not_ascii_loses_all_headers_of_its_message) {
    const std::vector<fluxmq::Headers> bad{{{"trace", "1"}, {"name", "caf\xc3\xa9"}},
                                           {{"trace", "1"}, {"name", "caf\xe9"}},
                                           {{"trace", "1"}, {"caf\xc3\xa9", "1"}}};
    with_service({.callbacks = true}, [&](World& w) -> Task<> {
        const auto out = co_await Listener::on(w.mine, "plant.out");
        co_await w.config(pair_config);
        co_await w.start("a");
        for (const auto& headers : bad) {
            w.send("plant/in", "heard", headers);
            const auto relayed = co_await out->next();
            EXPECT_EQ(relayed.text(), "heard");
            EXPECT_TRUE(relayed.headers().empty());
        }
    });
}

TEST(PythonService, the_first_settings_take_the_place_of_those_of_the_config_and_later_ones_are_merged) {
    const auto settings_after = [](std::vector<std::string> bodies) {
        std::string settings;
        with_service({}, [&](World& w) -> Task<> {
            co_await w.config(pair_config);
            for (const auto& body : bodies)
                w.send("node.b.set_settings", body);
            co_await w.mesh.sleep(1s);
            settings = boost::json::serialize(w.service.settings("b"));
            EXPECT_THAT(message_of([&] { w.service.settings("c"); }), HasSubstr("'c'"));
        });
        return settings;
    };
    EXPECT_EQ(settings_after({}), R"({"x":1,"y":1})");
    EXPECT_EQ(settings_after({R"({"y": 2})"}), R"({"y":2})");
    EXPECT_EQ(settings_after({R"({"y": 2})", R"({"z": 3})", "[1]"}), R"({"y":2,"z":3})");
    EXPECT_EQ(settings_after({"[1]"}), "{}"); // it looks at the body only then
    EXPECT_EQ(settings_after({"{x"}), R"({"x":1,"y":1})");
}

TEST(PythonService, a_behaviour_that_throws_ends_its_subscription_unless_it_is_a_callback) {
    const auto messages_of_two = [](PythonServiceOptions options) {
        std::vector<std::string> messages;
        with_service(options, [&](World& w) -> Task<> {
            w.service.on("other", {.on_message = [](PythonNode& node, const fluxmq::Message&) {
                             node.publish("no", "");
                         }});
            co_await w.config(
                R"([{"id": "o", "type": "other", "timer": {}, "inputs": [{"alias": "i", "topics": ["i"]}]}])");
            co_await w.start("o");
            w.send("i", "1");
            w.send("i", "2");
            co_await w.mesh.sleep(1s);
            EXPECT_THAT(w.service.failures().at(0), HasSubstr("node 'o' has no output 'no'"));
            messages = w.service.messages("o");
        });
        return messages;
    };
    EXPECT_THAT(messages_of_two({}), ElementsAre("1"));
    EXPECT_THAT(messages_of_two({.callbacks = true}), ElementsAre("1", "2"));
}

TEST(PythonService, dies_without_a_word) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        co_await w.start("*");
        const auto said = w.manager.seen().size();
        w.service.kill();
        w.send("plant/in", "1");
        co_await w.mesh.sleep(1s);
        EXPECT_FALSE(w.its->connected());
        EXPECT_THAT(w.service.messages("a"), IsEmpty());
        EXPECT_EQ(w.manager.seen().size(), said);
    });
}

TEST(PythonService, ends_without_a_word) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        const auto said = w.manager.seen().size();
        co_await w.service.close();
        EXPECT_FALSE(w.its->connected());
        co_await w.mesh.sleep(1s);
        EXPECT_EQ(w.manager.seen().size(), said);
    });
}

TEST(PythonService, a_wait_that_fails_says_what_happened) {
    with_service({}, [](World& w) -> Task<> {
        co_await w.config(pair_config);
        std::string text;
        try {
            co_await w.service.until("a miracle", [] { return false; });
        } catch (const Error& error) {
            text = error.what();
        }
        EXPECT_THAT(text, HasSubstr("a miracle did not happen in time; what did:\n  config 2 nodes"));
    });
}

TEST(PythonService, lives_on_a_real_server_too) {
    with_service(
        {.callbacks = true, .lower_case = true, .asks_for_config = true},
        [](World& w) -> Task<> {
            co_await w.manager.wait_for("service.py.get_config", "ready");
            const auto out = co_await Listener::on(w.mine, "plant.out");
            w.send("service.py.set_config", pair_config);
            co_await w.manager.wait_for_node("b", "created");
            w.send("service.py.start", "*");
            co_await w.manager.wait_for_node("b", "started");
            w.send("plant/in", "1", {{"trace", "1"}, {"trace", "2"}});
            const auto relayed = co_await out->next();
            EXPECT_EQ(relayed.text(), "1");
            EXPECT_EQ(relayed.headers(), (fluxmq::Headers{{"trace", "2"}}));
            co_await w.service.close();
            EXPECT_FALSE(w.its->connected());
        },
        Broker::nats);
}

} // namespace
} // namespace fluxlib::test
