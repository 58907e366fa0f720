// SPDX-License-Identifier: MIT
// Service: its messages, nodes and hooks, on both brokers.
#include "support.hpp"

#include <spdlog/sinks/ostream_sink.h>

#include <cstdlib>
#include <sstream>
#include <thread>

namespace fluxlib::test {
namespace {

class ServiceOn : public ::testing::TestWithParam<Broker> {
protected:
    Mesh mesh{GetParam()};
    Log log;

    // Runs `body` with a service that is attached and connected, and ends it.
    void with_service(std::function<Task<>(RecordingService&)> body) {
        mesh.run([&]() -> Task<> {
            RecordingService service{"svc", mesh.options(), log};
            service.attach(co_await mesh.connect());
            co_await body(service);
            service.shutdown();
            co_await service.wait();
        }());
    }

    Recorder& append(Service& service, std::string id) {
        NodeOptions options;
        options.node.inputs = {{"in", {"to." + id}}};
        auto node = std::make_unique<Recorder>(service, std::move(id), options, log);
        auto& reference = *node;
        service.append_node(std::move(node));
        return reference;
    }
};

INSTANTIATE_TEST_SUITE_P(, ServiceOn, ::testing::Values(Broker::inproc, Broker::nats),
                         ::testing::PrintToStringParamName());

TEST_P(ServiceOn, run_connects_announces_each_step_and_starts_the_nodes) {
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        RecordingService service{"svc", mesh.options(), log};
        service.attach(mesh.transport()); // run() connects it
        append(service, "n");
        co_await service.run();
        co_await manager->wait_for_node("n", "started");
        co_await manager->wait_for_service("svc", "ACTIVE");
        EXPECT_THAT(manager->service_statuses("svc"),
                    ElementsAre("STARTING", "CONNECTED", "READY", "ACTIVE"));
        EXPECT_THAT(log.lines(),
                    ElementsAre("on_connected", "on_init", "n on_create", "on_ready", "n on_start"));
        service.shutdown();
        co_await service.wait();
        co_await manager->wait_for_service("svc", "STOPPED");
        EXPECT_THAT(manager->service_statuses("svc"),
                    ElementsAre("STARTING", "CONNECTED", "READY", "ACTIVE", "STOPPING", "STOPPED"));
        EXPECT_THAT(manager->node_statuses("n"), ElementsAre("created", "started", "stopped", "destroyed"));
    }());
}

TEST_P(ServiceOn, run_without_attach_or_twice_is_a_clear_error) {
    mesh.run([&]() -> Task<> {
        Service service{"svc", mesh.options()};
        EXPECT_EQ(co_await error_of(service.run()), errc::not_attached);
        EXPECT_THAT(message_of([&] { service.publish("t", "x"); }), HasSubstr("call attach() first"));
        service.attach(co_await mesh.connect());
        co_await service.run();
        EXPECT_EQ(co_await error_of(service.run()), errc::illegal_transition);
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(ServiceOn, auto_start_off_leaves_the_nodes_to_the_manager) {
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        auto options = mesh.options();
        options.auto_start = false;
        RecordingService service{"svc", options, log};
        service.attach(co_await mesh.connect());
        append(service, "n");
        co_await service.run();
        EXPECT_EQ(service.node("n").lifecycle(), NodeState::created);
        manager->start("svc");
        co_await manager->wait_for_node("n", "started");
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(ServiceOn, publish_subscribe_gives_a_queue_of_messages) {
    with_service([&](Service& service) -> Task<> {
        const auto queue = co_await service.subscribe("topic.*");
        EXPECT_FALSE(queue->try_get().has_value());
        service.publish("topic.1", {{"data", "Hello, world!"}}, {{"k", "v"}});
        const auto message = co_await queue->get();
        EXPECT_EQ(message.topic(), "topic.1");
        EXPECT_EQ(message.json().at("data").as_string(), "Hello, world!");
        EXPECT_EQ(message.headers().get("k"), "v");
        EXPECT_EQ(queue->counters().delivered, 1u);
    });
}

TEST_P(ServiceOn, two_handlers_of_one_topic_plain_and_coroutine_each_get_every_message) {
    with_service([&](Service& service) -> Task<> {
        co_await service.subscribe_handler(
            "t", [&](const Message& m) { log.add("plain " + std::string{m.text()}); });
        co_await service.subscribe_handler("t", [&](const Message& m) -> Task<> {
            log.add("coroutine " + std::string{m.text()});
            co_return;
        });
        service.publish("t", "1");
        co_await log.wait_for("plain 1");
        co_await log.wait_for("coroutine 1");
    });
}

TEST_P(ServiceOn, a_handler_that_throws_gets_the_next_message_and_the_error_is_published) {
    with_service([&](Service& service) -> Task<> {
        const auto errors = co_await service.subscribe(service.topic().error("svc"));
        co_await service.subscribe_handler("t", [&](const Message& m) {
            log.add(std::string{m.text()});
            if (m.text() == "bad")
                throw std::runtime_error{"cannot stand it"};
        });
        service.publish("t", "bad");
        service.publish("t", "good");
        co_await log.wait_for("good");
        const auto error = co_await errors->get();
        EXPECT_EQ(error.text(), "service 'svc', handler: cannot stand it (topic 't')");
    });
}

TEST_P(ServiceOn, unsubscribe_ends_queues_and_handlers_of_the_topic) {
    with_service([&](Service& service) -> Task<> {
        const auto queue = co_await service.subscribe("t");
        co_await service.subscribe_handler("t", [&](const Message&) { log.add("handled"); });
        const auto other = co_await service.subscribe("other");
        service.unsubscribe("t");
        service.publish("t", "x");
        service.publish("other", "y");
        EXPECT_EQ((co_await other->get()).text(), "y");
        EXPECT_EQ(log.count("handled"), 0u);
        EXPECT_FALSE(queue->try_get().has_value());
        bool ended = false;
        try {
            co_await queue->get();
        } catch (const Error& error) {
            ended = error.kind() == errc::closed;
        }
        EXPECT_TRUE(ended);
        EXPECT_THAT(message_of([&] { service.unsubscribe("t"); }), HasSubstr("no subscription"));
    });
}

TEST_P(ServiceOn, request_awaits_what_respond_answers) {
    with_service([&](Service& service) -> Task<> {
        co_await service.subscribe_handler("request-topic", [&](const Message& message) {
            service.respond(message, {{"answer", "It's sunny!"}});
        });
        const boost::json::value question{{"query", "What's the weather?"}};
        const auto response = co_await service.request("request-topic", question);
        EXPECT_EQ(response.json().at("answer").as_string(), "It's sunny!");
    });
}

TEST_P(ServiceOn, respond_echoes_the_headers_of_the_request) {
    with_service([&](Service& service) -> Task<> {
        co_await service.subscribe_handler(
            "t", [&](const Message& m) { service.respond(m, "ok", {{"own", "1"}}); });
        fluxmq::Headers headers{{"trace", "7"}};
        const auto response = co_await service.request("t", "?", 1000ms, headers);
        EXPECT_EQ(response.headers(), (fluxmq::Headers{{"trace", "7"}, {"own", "1"}}));
    });
}

TEST_P(ServiceOn, a_request_fails_clearly_without_responders_or_in_time) {
    with_service([&](Service& service) -> Task<> {
        const auto nobody = [&]() -> Task<> { co_await service.request("nobody", "?"); };
        EXPECT_EQ(co_await error_of(nobody()), errc::no_responders);
        co_await service.subscribe_handler("silent", [](const Message&) {});
        const auto silent = [&]() -> Task<> { co_await service.request("silent", "?", 20ms); };
        EXPECT_EQ(co_await error_of(silent()), errc::timeout);
    });
}

TEST_P(ServiceOn, acknowledgements_of_go_handlers_are_not_answers) {
    with_service([&](Service& service) -> Task<> {
        co_await service.subscribe_handler("t", [&](const Message& m) {
            service.respond(m, "+ACK");
            service.respond(m, "-NAK");
            service.respond(m, "the answer");
        });
        EXPECT_EQ((co_await service.request("t", "?")).text(), "the answer");
    });
}

TEST_P(ServiceOn, respond_to_a_message_without_reply_is_an_error_that_names_the_topic) {
    with_service([&](Service& service) -> Task<> {
        const auto queue = co_await service.subscribe("t");
        service.publish("t", "x");
        const auto message = co_await queue->get();
        EXPECT_THAT(message_of([&] { service.respond(message, "y"); }), HasSubstr("(topic 't')"));
    });
}

TEST_P(ServiceOn, send_status_announces_any_string_and_request_status_repeats_it) {
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        RecordingService service{"svc", mesh.options(), log};
        service.attach(co_await mesh.connect());
        co_await service.run();
        service.send_status("calibrating");
        EXPECT_EQ(service.current_status(), "calibrating");
        co_await manager->wait_for_service("svc", "calibrating");
        const auto statuses = co_await service.subscribe("service.svc.status");
        manager->request_status("svc");
        EXPECT_EQ((co_await statuses->get()).text(), "calibrating");
        EXPECT_EQ((co_await service.request("service.svc.request_status", "")).text(), "calibrating");
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(ServiceOn, start_stop_and_destroy_node_act_on_one_or_on_all) {
    with_service([&](Service& service) -> Task<> {
        for (const auto* id : {"a", "b", "c", "d"})
            append(service, id);
        co_await service.run();
        co_await service.stop_node("a");
        EXPECT_EQ(service.node("a").lifecycle(), NodeState::stopped);
        EXPECT_EQ(service.node("b").lifecycle(), NodeState::started);
        co_await service.start_node("a");
        co_await service.stop_node_all();
        for (const auto& id : service.node_ids())
            EXPECT_EQ(service.node(id).lifecycle(), NodeState::stopped);
        co_await service.start_node_all();
        for (const auto& id : service.node_ids())
            EXPECT_EQ(service.node(id).lifecycle(), NodeState::started);
        co_await service.destroy_node("b");
        EXPECT_THAT(service.node_ids(), ElementsAre("a", "c", "d"));
        co_await service.destroy_node_all();
        EXPECT_TRUE(service.node_ids().empty());
        for (const auto* id : {"a", "b", "c", "d"})
            EXPECT_EQ(log.count(std::string{id} + " on_destroy"), 1u);
    });
}

TEST_P(ServiceOn, an_unknown_node_is_an_error_that_lists_the_known) {
    with_service([&](Service& service) -> Task<> {
        append(service, "a");
        append(service, "b");
        EXPECT_EQ(co_await error_of(service.start_node("x")), errc::unknown_node);
        EXPECT_THAT(message_of([&] { service.node("x"); }), HasSubstr("'x'; the service 'svc' has a, b"));
    });
}

TEST_P(ServiceOn, append_node_refuses_a_duplicate_id_and_keeps_the_first) {
    with_service([&](Service& service) -> Task<> {
        auto& first = append(service, "a");
        EXPECT_THAT(message_of([&] { append(service, "a"); }), HasSubstr("there is a node 'a' already"));
        EXPECT_EQ(&service.node("a"), &first);
        co_return;
    });
}

TEST_P(ServiceOn, a_node_appended_while_the_service_runs_starts_at_once) {
    with_service([&](Service& service) -> Task<> {
        co_await service.run();
        append(service, "late");
        co_await log.wait_for("late on_start");
        service.publish("to.late", "x");
        co_await log.wait_for("late on_input in=x");
    });
}

TEST_P(ServiceOn, a_node_that_is_appended_and_destroyed_at_once_is_gone) {
    with_service([&](Service& service) -> Task<> {
        co_await service.run();
        append(service, "short");
        co_await service.destroy_node("short");
        EXPECT_TRUE(service.node_ids().empty());
        append(service, "short"); // its id is free again
        co_await log.wait_for("short on_start");
    });
}

TEST_P(ServiceOn, no_hook_of_the_service_runs_beside_another) {
    struct Slow : RecordingService {
        using RecordingService::RecordingService;
        Task<> on_connected() override {
            publish("service.svc.start", "*"); // a manager is quick
            co_await transport().flush();
            co_await RecordingService::on_connected();
        }
    };
    mesh.run([&]() -> Task<> {
        Slow service{"svc", mesh.options(), log};
        service.attach(co_await mesh.connect());
        co_await service.run();
        co_await log.wait_for("on_start *");
        EXPECT_THAT(log.lines(), ElementsAre("on_connected", "on_init", "on_ready", "on_start *"));
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(ServiceOn, a_node_that_destroyed_itself_does_not_hold_up_the_end) {
    with_service([&](Service& service) -> Task<> {
        auto& node = append(service, "n");
        co_await service.run();
        co_await node.destroy();
        service.shutdown();
        const auto report = co_await service.wait();
        EXPECT_TRUE(report.drained);
    });
}

TEST_P(ServiceOn, what_nodes_publish_in_on_start_reaches_the_nodes_that_start_with_them) {
    struct Greeter : Recorder {
        using Recorder::Recorder;
        Task<> on_start() override {
            service().publish("to.b", "hello");
            co_return;
        }
    };
    with_service([&](Service& service) -> Task<> {
        service.append_node(std::make_unique<Greeter>(service, "a", NodeOptions{}, log));
        append(service, "b"); // starts after a
        co_await service.run();
        co_await log.wait_for("b on_input in=hello");
    });
}

TEST_P(ServiceOn, a_node_that_fails_to_start_stops_no_other) {
    with_service([&](Service& service) -> Task<> {
        append(service, "a").throws_in = "on_start";
        append(service, "b");
        co_await service.run();
        EXPECT_EQ(service.node("a").lifecycle(), NodeState::error);
        EXPECT_EQ(service.node("b").lifecycle(), NodeState::started);
        co_await log.wait_for("on_error hook failed: node 'a', on_start: on_start was told to fail");
    });
}

TEST_P(ServiceOn, publish_is_callable_from_any_thread) {
    with_service([&](Service& service) -> Task<> {
        const auto queue = co_await service.subscribe("t");
        std::thread other{[&] {
            for (int i = 0; i < 100; ++i)
                service.publish("t", std::to_string(i));
        }};
        other.join();
        for (int i = 0; i < 100; ++i)
            EXPECT_EQ((co_await queue->get()).text(), std::to_string(i));
    });
}

TEST_P(ServiceOn, topics_and_statuses_can_be_prefixed_and_replaced) {
    struct Loud : fluxmq::Status {
        std::string ready() const override { return "READY!"; }
    };
    mesh.run([&]() -> Task<> {
        const auto watcher = co_await mesh.connect();
        const auto mailbox = fluxmq::Mailbox::create();
        const auto inlet = mailbox->add_inlet({});
        const auto subscription = co_await watcher->subscribe("plant1.service.svc.status", inlet);
        RecordingService service{"svc", mesh.options(), log};
        service.attach(co_await mesh.connect(), fluxmq::Topic{"plant1"}, Loud{});
        co_await service.run();
        std::vector<std::string> seen;
        while (seen.size() < 3) {
            co_await mailbox->wait();
            seen.emplace_back(mailbox->pop_message()->message.text());
        }
        EXPECT_THAT(seen, ElementsAre("STARTING", "CONNECTED", "READY!"));
        service.shutdown();
        co_await service.wait();
        co_await watcher->close();
    }());
}

TEST_P(ServiceOn, on_tick_follows_the_own_interval_or_the_managers_clock) {
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        auto options = mesh.options();
        options.has_global_tick = true;
        RecordingService global{"global", options, log};
        global.attach(co_await mesh.connect());
        append(global, "timerless");
        co_await global.run();
        log.clear();
        manager->tick();
        co_await log.wait_for("on_tick");
        co_await log.wait_for("timerless on_tick"); // a node without a timer follows it as well
        global.shutdown();
        co_await global.wait();

        options.has_global_tick = false;
        options.tick_interval = 5ms;
        RecordingService local{"local", options, log};
        local.attach(co_await mesh.connect());
        co_await local.run();
        log.clear();
        while (log.count("on_tick") < 3)
            co_await log.wait_for_count(log.lines().size() + 1);
        local.shutdown();
        co_await local.wait();
    }());
}

TEST(service, ticks_that_come_while_on_tick_runs_are_one_and_break_no_pair) {
    struct Slow : Service {
        using Service::Service;
        int ticks = 0;
        fluxmq::Wakeup ticked;
        fluxmq::Wakeup go_on;
        Task<> on_tick(const Tick&) override {
            ++ticks;
            ticked.notify();
            co_await go_on.wait();
        }
    };
    Mesh mesh;
    mesh.run([&]() -> Task<> {
        auto options = mesh.options();
        options.has_global_tick = true;
        Slow service{"svc", options};
        service.attach(co_await mesh.connect());
        co_await service.run();
        const auto dots = [&] { service.publish(service.topic().time(), ""); };
        const auto slashes = [&] { service.publish(service.topic().node_time(), ""); };
        dots();
        co_await service.ticked.wait();
        slashes(); // the other half, while on_tick runs, and two more ticks
        dots();
        slashes();
        dots();
        slashes();
        service.go_on.notify();
        co_await service.ticked.wait();
        EXPECT_EQ(service.ticks, 2);
        service.go_on.notify();
        co_await mesh.sleep(1ms);
        EXPECT_EQ(service.ticks, 2);
        dots();
        slashes();
        co_await service.ticked.wait();
        service.go_on.notify();
        co_await mesh.sleep(1ms);
        EXPECT_EQ(service.ticks, 3);
        service.shutdown();
        co_await service.wait();
    }());
}

// --- Without a broker ------------------------------------------------------------------------------------------

TEST(service, offload_runs_elsewhere_and_gives_the_result_back) {
    const auto app = []() -> Task<> {
        const auto here = std::this_thread::get_id();
        const auto there = co_await offload([] { return std::this_thread::get_id(); });
        EXPECT_NE(here, there);
        EXPECT_EQ(here, std::this_thread::get_id());
        const auto throwing = []() -> Task<> {
            co_await offload([] { throw Error{errc::timeout, "inside"}; });
        };
        EXPECT_EQ(co_await error_of(throwing()), errc::timeout);
    };
    EXPECT_EQ(fluxlib::run(app()), 0);
}

TEST(service, run_turns_what_the_app_throws_into_exit_code_1) {
    const auto app = []() -> Task<> {
        throw std::runtime_error{"no"};
        co_return;
    };
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(fluxlib::run(app()), 1);
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "error: no\n");
}

TEST(service, the_id_comes_from_the_environment_when_none_is_given) {
    ::setenv("SERVICE_ID", "from-env", 1);
    EXPECT_EQ(Service{}.id(), "from-env");
    ::unsetenv("SERVICE_ID");
    EXPECT_THAT(message_of([] { Service service; }), HasSubstr("SERVICE_ID"));
}

TEST(service, an_id_that_cannot_be_part_of_a_topic_is_refused) {
    EXPECT_THAT(message_of([] { Service service{"a b"}; }), HasSubstr("service id 'a b'"));
}

TEST(service, a_given_logger_is_used_and_named_for_nodes) {
    std::ostringstream out;
    const auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(out);
    Service service{"svc", {.logger = std::make_shared<spdlog::logger>("mine", sink)}};
    auto& node = service.append_node<Node>("n");
    service.logger().info("from the service");
    node.logger().info("from the node");
    EXPECT_THAT(out.str(), HasSubstr("[mine] [info] from the service"));
    EXPECT_THAT(out.str(), HasSubstr("[svc/n] [info] from the node"));
}

TEST(service, a_given_state_is_shared_and_two_services_share_nothing_else) {
    const StateSlice state{{{"k", 1}}, "shared"};
    Service a{"a", {.state = state}};
    Service b{"b", {.state = state}};
    Service c{"c"};
    a.state().set("k", 2);
    EXPECT_EQ(b.state().get("k"), boost::json::value(2));
    EXPECT_TRUE(c.state().get("k").is_null());
    a.append_node<Node>("n");
    EXPECT_TRUE(b.node_ids().empty());
}

} // namespace
} // namespace fluxlib::test
