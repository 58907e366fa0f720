// SPDX-License-Identifier: MIT
// What the documentation of the Python and Go SDKs promises and their code does not keep, as far as no other test
// shows it:
//   connecting with a URL and options         fluxmq nats tests
//   Topic(), Status(), prefixes               service_test: topics_and_statuses_can_be_prefixed_and_replaced
//   a dead port fails soon                    bad_input_test: an_unreachable_server_is_named
//   the given logger; nothing shared          service_test: a_given_logger_..., a_given_state_...
//   request, handlers, unsubscribe            service_test
//   a bad config message stops nothing        manager_test: a_bad_config_is_an_error_...
//   start, stop, destroy; all of them         service_test: start_stop_and_destroy_node_..., node_test: init_start_...
//   on_tick, on_input, ticks without drift    node_test
//   on_tick and on_shutdown of the service    service_test: on_tick_follows_..., shutdown_test
//   SIGTERM                                   shutdown_test: a_signal_ends_wait_with_a_drained_shutdown
//   a second config                           manager_test: a_second_config_changes_only_what_differs
//   inputs of the same alias, slashes, call   ports_test
//   sharing and resetting state               state_test
//   announcing after a reconnect              reconnect_test
//   the example pair                          examples 02 and 03
#include "support.hpp"

namespace fluxlib::test {
namespace {

class PromisesOn : public ::testing::TestWithParam<Broker> {
protected:
    Mesh mesh{GetParam()};
    Log log;
};

INSTANTIATE_TEST_SUITE_P(, PromisesOn, ::testing::Values(Broker::inproc, Broker::nats),
                         ::testing::PrintToStringParamName());

TEST_P(PromisesOn, on_create_does_not_run_again_when_a_peer_publishes_the_status) {
    mesh.run([&]() -> Task<> {
        RecordingService service{"svc", mesh.options(), log};
        service.attach(co_await mesh.connect());
        NodeOptions options;
        options.node.inputs = {{"in", {"t"}}};
        service.append_node(std::make_unique<Recorder>(service, "n", options, log));
        co_await service.run();
        service.publish("node.n.status", "created");
        service.publish("t", "after it");
        co_await log.wait_for("n on_input in=after it");
        EXPECT_EQ(log.count("n on_create"), 1u);
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(PromisesOn, on_ready_means_ready_and_no_other_status) {
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        RecordingService service{"svc", mesh.options(), log};
        service.attach(co_await mesh.connect());
        co_await service.run();
        service.send_status("something else");
        service.publish("service.svc.status", "READY"); // somebody else's word
        manager->start("svc");
        co_await log.wait_for("on_start *");
        EXPECT_EQ(log.count("on_ready"), 1u);
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(PromisesOn, on_error_gets_what_any_hook_throws) {
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        NodeOptions options;
        options.node.inputs = {{"in", {"t"}}};
        options.timer = DataTimer{TimerType::global};
        auto owned = std::make_unique<Recorder>(service, "n", options, log);
        auto& node = *owned;
        service.append_node(std::move(owned));
        co_await service.run();
        node.throws_in = "on_"; // on_error as well: that is only logged
        service.publish("t", "x");
        co_await log.wait_for("n on_error in on_input");
        manager->tick();
        co_await log.wait_for("n on_error in on_tick");
        manager->set_node_settings("n", {{"a", 1}});
        co_await log.wait_for("n on_error in on_settings");
        EXPECT_EQ(node.lifecycle(), NodeState::started);
        EXPECT_EQ(co_await error_of(node.stop()), errc::hook_failed);
        EXPECT_EQ(node.lifecycle(), NodeState::error);
        co_await error_of(service.destroy_node("n"));
        EXPECT_EQ(log.count("n on_error in on_stop"), 1u);
        EXPECT_EQ(log.count("n on_error in on_destroy"), 1u);
        service.shutdown();
        co_await service.wait();
    }());
}

TEST(promises, a_connect_before_run_is_the_only_connection) {
    fluxmq::testing::NatsServer server{{.config = "max_connections: 1\n"}};
    const auto app = [&]() -> Task<> {
        auto transport = std::make_shared<fluxmq::Nats>();
        while (!transport->connected()) {
            try {
                co_await transport->connect(server.url());
            } catch (const Error&) {
                // The server still counts the connection that found it ready.
            }
        }
        ServiceOptions options;
        options.handle_signals = false;
        Service service{"svc", options};
        service.attach(transport);
        co_await service.run(); // a second connection would be refused
        service.shutdown();
        co_await service.wait();
    };
    EXPECT_EQ(fluxlib::run(app()), 0);
}

struct Ticker : Recorder {
    Ticker(Service& service, std::string id, NodeOptions options)
        : Recorder{service, std::move(id), std::move(options), *shared} {}
    static inline Log* shared = nullptr;
};

TEST(promises, a_new_config_keeps_connection_messages_and_one_ticker_a_node) {
    Mesh mesh;
    Log log;
    Ticker::shared = &log;
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        const auto config = [](int version) {
            return R"([{"id": "n", "type": "ticker", "timer": {"type": "LOCAL", "intervalMs": 10},
                        "settings": {"version": )" +
                   std::to_string(version) + R"(}, "inputs": [{"alias": "in", "topics": ["t"]}]}])";
        };
        manager->serve_config("svc", config(0));
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        service.register_node<Ticker>("ticker");
        co_await service.run();
        co_await manager->wait_for_node("n", "created");
        manager->start("svc");
        co_await manager->wait_for_node("n", "started");
        for (int version = 1; version <= 20; ++version) {
            manager->serve_config("svc", config(version));
            manager->send_config("svc");
            service.publish("t", std::to_string(version)); // arrives while the config is applied
            co_await mesh.sleep(10ms);
        }
        EXPECT_EQ(log.count("n on_start"), 1u);
        EXPECT_EQ(log.count("n on_settings"), 20u);
        EXPECT_EQ(log.count("n on_tick"), 20u);
        EXPECT_EQ(service.node("n").counters().delivered, 20u);
        EXPECT_EQ(service.transport().counters().reconnects, 0u);
        service.shutdown();
        co_await service.wait();
    }());
}

} // namespace
} // namespace fluxlib::test
