// SPDX-License-Identifier: MIT
// The conversation between a manager and a service, on both brokers.
#include <fluxmq/mailbox.hpp>

#include "support.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/this_coro.hpp>

#include <filesystem>

namespace fluxlib::test {
namespace {

/// Node types whose hooks write into a log that the test owns.
struct Kinds {
    static inline Log* log = nullptr;

    struct Worker : Recorder {
        Worker(Service& service, std::string id, NodeOptions options)
            : Recorder{service, std::move(id), std::move(options), *log} {}
    };
    struct Strict : Worker {
        using Worker::Worker;
        void check_settings(const boost::json::object& wanted) const override {
            if (wanted.contains("x"))
                throw Error{errc::invalid_settings, "field 'x' is not known"};
        }
    };
    struct Refusing : Worker {
        Refusing(Service& service, std::string id, NodeOptions options)
            : Worker{service, std::move(id), std::move(options)} {
            throw std::runtime_error{"no such device"};
        }
    };
    struct Broken : Worker {
        using Worker::Worker;
        Task<> on_create() override {
            co_await note("on_create");
            throw std::runtime_error{"the device is broken"};
        }
    };
    struct Hanging : Worker {
        using Worker::Worker;
        fluxmq::Wakeup never;
        Task<> on_create() override {
            co_await note("hangs");
            co_await never.wait();
        }
    };
    /// Applies a config when it is told to, by a message or, with a setting, at its start.
    struct Planner : Worker {
        using Worker::Worker;
        Task<> on_start() override { return plan(settings().contains("at_start")); }
        Task<> on_input(Message) override { return plan(true); }

    private:
        Task<> plan(bool wanted) {
            if (!wanted)
                co_return;
            std::string failure;
            try {
                const std::string type = settings().contains("becomes_other") ? "other" : "planner";
                const auto config = R"([{"id": "p", "type": ")" + type + "\"}]";
                co_await service().apply_config(config);
            } catch (const Error& error) {
                failure = error.what();
            }
            co_await note("planned: " + failure);
        }
    };
};

class ManagedOn : public ::testing::TestWithParam<Broker> {
protected:
    ManagedOn() { Kinds::log = &log; }

    Mesh mesh{GetParam()};
    Log log;

    // Runs `body` with a service that builds its nodes from configs, and its manager.
    void with_manager(std::string config, std::function<Task<>(FakeManager&, Service&)> body) {
        mesh.run([&]() -> Task<> {
            const auto manager = co_await mesh.manager();
            if (!config.empty())
                manager->serve_config("svc", config);
            RecordingService service{"svc", mesh.options(), log};
            service.attach(co_await mesh.connect());
            service.register_node<Kinds::Worker>("worker");
            service.register_node<Kinds::Worker>("other");
            service.register_node<Kinds::Refusing>("refusing");
            service.register_node<Kinds::Broken>("broken");
            service.register_node<Kinds::Hanging>("hanging");
            service.register_node<Kinds::Planner>("planner");
            service.register_node<Kinds::Strict>("strict");
            co_await service.run();
            co_await body(*manager, service);
            service.shutdown();
            co_await service.wait();
        }());
    }
};

INSTANTIATE_TEST_SUITE_P(, ManagedOn, ::testing::Values(Broker::inproc, Broker::nats),
                         ::testing::PrintToStringParamName());

constexpr auto two_nodes = R"([
    {"id": "a", "type": "worker", "settings": {"x": 1}, "outputs": [{"alias": "out", "topics": ["data"]}]},
    {"id": "b", "type": "worker", "inputs": [{"alias": "in", "topics": ["data"]}]}])";

TEST_P(ManagedOn, get_config_is_answered_and_the_nodes_are_made_started_and_fed) {
    with_manager(two_nodes, [&](FakeManager& manager, Service& service) -> Task<> {
        co_await manager.wait_for_node("b", "created");
        co_await manager.wait_for_service("svc", "READY");
        EXPECT_EQ(manager.config_requests("svc"), 1u);
        EXPECT_EQ(manager.seen().front().text, "STARTING");
        manager.start("svc");
        co_await manager.wait_for_service("svc", "ACTIVE");
        co_await manager.wait_for_node("b", "started");
        service.node("a").output("out").publish("hello");
        co_await log.wait_for("b on_input in=hello");
        manager.stop("svc");
        co_await manager.wait_for_service("svc", "PAUSED");
        EXPECT_THAT(manager.service_statuses("svc"),
                    ElementsAre("STARTING", "CONNECTED", "READY", "ACTIVE", "PAUSED"));
    });
}

TEST_P(ManagedOn, get_config_carries_the_service_id) {
    with_manager("", [&](FakeManager& manager, Service&) -> Task<> {
        co_await manager.wait_for("service.svc.get_config", "svc");
    });
}

TEST_P(ManagedOn, start_stop_and_restart_act_on_the_ids_in_the_payload) {
    with_manager(two_nodes, [&](FakeManager& manager, Service& service) -> Task<> {
        co_await manager.wait_for_node("b", "created");
        manager.start("svc", "a");
        co_await manager.wait_for_node("a", "started");
        EXPECT_EQ(service.node("b").lifecycle(), NodeState::created);
        manager.start("svc", R"(["b"])"); // JSON as well
        co_await manager.wait_for_node("b", "started");
        manager.restart("svc", "b");
        co_await log.wait_for("b on_stop");
        manager.stop("svc", ""); // an empty payload means all
        co_await manager.wait_for_node("a", "stopped");
        co_await manager.wait_for_service("svc", "PAUSED");
        EXPECT_EQ(log.count("b on_start"), 2u);
        EXPECT_EQ(log.count("b on_stop"), 2u);
        EXPECT_EQ(log.count("a on_start"), 1u);
    });
}

TEST_P(ManagedOn, an_unknown_id_in_a_command_is_an_error_and_nothing_else) {
    with_manager(two_nodes, [&](FakeManager& manager, Service& service) -> Task<> {
        co_await manager.wait_for_node("b", "created");
        manager.start("svc", R"(["nobody", "a"])");
        co_await manager.wait_for_error("svc", "unknown node: 'nobody'; the service 'svc' has a, b");
        co_await manager.wait_for_node("a", "started");
        EXPECT_EQ(service.node("b").lifecycle(), NodeState::created);
    });
}

TEST_P(ManagedOn, an_illegal_command_is_an_error_on_the_error_topic) {
    with_manager(two_nodes, [&](FakeManager& manager, Service&) -> Task<> {
        co_await manager.wait_for_node("b", "created");
        manager.start("svc", "a");
        manager.start("svc", "a");
        co_await manager.wait_for_error("svc", "illegal transition: node 'a' is started: cannot start it");
    });
}

TEST_P(ManagedOn, a_second_config_changes_only_what_differs) {
    with_manager(two_nodes, [&](FakeManager& manager, Service& service) -> Task<> {
        co_await manager.wait_for_node("b", "created");
        manager.start("svc");
        co_await manager.wait_for_node("b", "started");
        manager.serve_config("svc", R"({"nodes": [
            {"id": "a", "type": "worker", "settings": {"x": 2}, "outputs": [{"alias": "out", "topics": ["data"]}]},
            {"id": "c", "type": "worker", "inputs": [{"alias": "in", "topics": ["data"]}]}]})");
        manager.send_config("svc");
        co_await manager.wait_for_node("c", "started"); // the service is active, so new nodes start
        co_await manager.wait_for_node("b", "destroyed");
        EXPECT_THAT(service.node_ids(), ElementsAre("a", "c"));
        co_await log.wait_for("a on_settings");
        EXPECT_EQ(service.node("a").settings().at("x").as_int64(), 2);
        EXPECT_EQ(log.count("a on_create"), 1u);
        EXPECT_EQ(log.count("a on_stop"), 0u);
        service.node("a").output("out").publish("still wired");
        co_await log.wait_for("c on_input in=still wired");
        // The same config again touches nothing.
        const auto before = log.lines().size();
        manager.send_config("svc");
        co_await manager.wait_for_service("svc", "READY", 3);
        EXPECT_EQ(log.lines().size(), before + 2); // on_config, on_ready
    });
}

TEST_P(ManagedOn, a_node_that_ran_and_is_made_anew_runs_again) {
    with_manager(two_nodes, [&](FakeManager& manager, Service& service) -> Task<> {
        co_await manager.wait_for_node("b", "created");
        manager.start("svc", "b");
        co_await manager.wait_for_node("b", "started");
        manager.serve_config("svc", R"([
            {"id": "a", "type": "other"}, {"id": "b", "type": "other"}])");
        manager.send_config("svc");
        co_await manager.wait_for_node("b", "started", 2);
        EXPECT_EQ(service.node("a").lifecycle(), NodeState::created);
        EXPECT_EQ(log.count("b on_create"), 2u);
    });
}

TEST_P(ManagedOn, a_node_of_another_type_that_cannot_be_initialised_leaves_the_one_before_it) {
    with_manager(two_nodes, [&](FakeManager& manager, Service& service) -> Task<> {
        co_await manager.wait_for_node("b", "created");
        manager.start("svc");
        co_await manager.wait_for_node("b", "started");
        const auto wired = [](const char* type) {
            return R"([{"id": "a", "type": "other", "outputs": [{"alias": "out", "topics": ["data"]}]},
                       {"id": "b", "type": ")" +
                   std::string{type} + R"(", "inputs": [{"alias": "in", "topics": ["data"]}]}])";
        };
        manager.serve_config("svc", wired("broken"));
        manager.send_config("svc");
        co_await manager.wait_for_error("svc", "node 'b': it could not be initialised");
        EXPECT_EQ(log.count("a on_stop"), 0u);
        EXPECT_EQ(log.count("b on_stop"), 0u);
        service.node("a").output("out").publish("as before");
        co_await log.wait_for("b on_input in=as before");
        // Nothing of the attempt was to be seen.
        EXPECT_THAT(manager.node_statuses("b"), ElementsAre("created", "started"));

        manager.serve_config("svc", wired("other"));
        manager.send_config("svc");
        co_await manager.wait_for_node("b", "started", 2);
        EXPECT_THAT(manager.node_statuses("b"),
                    ElementsAre("created", "started", "stopped", "destroyed", "created", "started"));
        service.node("a").output("out").publish("anew");
        co_await log.wait_for("b on_input in=anew");
    });
}

TEST_P(ManagedOn, configs_that_come_at_once_are_applied_one_after_the_other) {
    with_manager("[]", [&](FakeManager& manager, Service& service) -> Task<> {
        co_await manager.wait_for_service("svc", "READY");
        const auto config_of = [](int number) {
            return R"([{"id": "n)" + std::to_string(number) + R"(", "type": "worker"}])";
        };
        int applied = 0;
        for (int i = 0; i < 5; ++i) {
            const auto apply = [](Service& target, std::string config, int& count) -> Task<> {
                co_await target.apply_config(config);
                ++count;
            };
            mesh.spawn(apply(service, config_of(i), applied));
        }
        manager.serve_config("svc", config_of(9));
        manager.send_config("svc");
        co_await manager.wait_for_node("n9", "created");
        co_await manager.wait_for_service("svc", "READY", 7);
        EXPECT_EQ(applied, 5);
        EXPECT_THAT(service.node_ids(), ElementsAre("n9"));
    });
}

TEST_P(ManagedOn, a_hook_may_apply_a_config_but_not_while_another_one_waits_for_it) {
    with_manager(
        R"([{"id": "p", "type": "planner"}])", [&](FakeManager& manager, Service& service) -> Task<> {
            co_await manager.wait_for_node("p", "created");
            manager.start("svc");
            co_await manager.wait_for_node("p", "started");
            manager.serve_config(
                "svc", R"([{"id": "p", "type": "planner", "inputs": [{"alias": "in", "topics": ["plan"]}]},
                                        {"id": "q", "type": "planner", "settings": {"at_start": true}}])");
            manager.send_config("svc");
            co_await log.wait_for(
                "q planned: illegal transition: another config is being applied, and a node's hook "
                "cannot wait for it");
            co_await manager.wait_for_node("q", "started");
            service.publish("plan", "now");
            co_await manager.wait_for_node("q", "destroyed");
            co_await log.wait_for("p planned: ");
        });
}

TEST_P(ManagedOn, a_node_may_refuse_the_ports_of_a_new_config) {
    struct Picky : Kinds::Worker {
        using Worker::Worker;
        void check_config(const DataNode& wanted) const override {
            if (wanted.inputs.empty())
                throw Error{errc::unknown_port, "it needs an input"};
        }
    };
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        manager->serve_config(
            "svc", R"([{"id": "n", "type": "picky", "inputs": [{"alias": "in", "topics": ["data"]}]}])");
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        service.register_node<Picky>("picky");
        co_await service.run();
        co_await manager->wait_for_node("n", "created");
        manager->serve_config("svc", R"([{"id": "n", "type": "picky"}, {"id": "m", "type": "picky"}])");
        manager->send_config("svc");
        co_await manager->wait_for_error("svc", "unknown port: node 'n': it needs an input");
        EXPECT_THAT(service.node_ids(), ElementsAre("n"));
        EXPECT_THAT(service.node("n").input("in").topics(), ElementsAre("data"));
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(ManagedOn, the_settings_of_a_new_node_are_checked_before_anything_changes) {
    with_manager(two_nodes, [&](FakeManager& manager, Service& service) -> Task<> {
        co_await manager.wait_for_node("b", "created");
        for (const std::string id : {"new", "b"}) {
            manager.serve_config("svc",
                                 R"([{"id": ")" + id + R"(", "type": "strict", "settings": {"x": 1}}])");
            manager.send_config("svc");
            co_await manager.wait_for_error("svc", "invalid settings: node '" + id +
                                                       "': field 'settings': field 'x' is not known");
        }
        EXPECT_THAT(service.node_ids(), ElementsAre("a", "b"));
        EXPECT_THAT(manager.node_statuses("b"), ElementsAre("created"));
    });
}

TEST_P(ManagedOn, on_ready_may_apply_a_config) {
    struct Growing : Service {
        using Service::Service;
        Task<> on_ready() override {
            if (node_ids().size() == 1)
                co_await apply_config(R"([{"id": "a", "type": "worker"}, {"id": "b", "type": "worker"}])");
        }
    };
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        manager->serve_config("svc", R"([{"id": "a", "type": "worker"}])");
        Growing service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        service.register_node<Kinds::Worker>("worker");
        co_await service.run();
        co_await manager->wait_for_node("b", "created");
        co_await manager->wait_for_service("svc", "READY", 2);
        EXPECT_EQ(log.count("a on_create"), 1u);
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(ManagedOn, a_hook_cannot_give_its_own_node_another_type) {
    with_manager(R"([{"id": "p", "type": "planner", "settings": {"at_start": true, "becomes_other": true}}])",
                 [&](FakeManager& manager, Service& service) -> Task<> {
                     co_await manager.wait_for_node("p", "created");
                     manager.start("svc");
                     co_await log.wait_for("p planned: invalid config: node 'p': its own hook cannot give it "
                                           "another type");
                     co_await manager.wait_for_node("p", "started");
                     EXPECT_THAT(service.node_ids(), ElementsAre("p"));
                 });
}

TEST_P(ManagedOn, a_config_with_new_nodes_that_fails_takes_all_of_them_back) {
    with_manager(two_nodes, [&](FakeManager& manager, Service& service) -> Task<> {
        co_await manager.wait_for_node("b", "created");
        manager.serve_config("svc", R"([
            {"id": "new", "type": "worker", "inputs": [{"alias": "in", "topics": ["data", "other"]}]},
            {"id": "b", "type": "other", "inputs": [{"alias": "in", "topics": ["data"]}]},
            {"id": "z", "type": "broken", "inputs": [{"alias": "in", "topics": ["data"]}]}])");
        manager.send_config("svc");
        co_await manager.wait_for_error("svc", "node 'z': it could not be initialised");
        EXPECT_THAT(service.node_ids(), ElementsAre("a", "b"));
        EXPECT_THAT(manager.node_statuses("b"), ElementsAre("created"));
        manager.start("svc");
        co_await manager.wait_for_node("b", "started");
        service.node("a").output("out").publish("as before");
        co_await log.wait_for("b on_input in=as before");
    });
}

TEST_P(ManagedOn, who_waits_for_a_config_may_give_up_and_it_is_applied_all_the_same) {
    with_manager("[]", [&](FakeManager& manager, Service& service) -> Task<> {
        co_await manager.wait_for_service("svc", "READY");
        boost::asio::cancellation_signal signal;
        fluxmq::Wakeup given_up;
        std::exception_ptr failure;
        const std::string hanging =
            R"([{"id": "h", "type": "hanging", "inputs": [{"alias": "in", "topics": ["x"]}]}])";
        auto ended = [&](std::exception_ptr thrown) {
            failure = thrown;
            given_up.notify();
        };
        boost::asio::co_spawn(co_await boost::asio::this_coro::executor, service.apply_config(hanging),
                              boost::asio::bind_cancellation_slot(signal.slot(), ended));
        co_await log.wait_for("h hangs");
        signal.emit(boost::asio::cancellation_type::terminal);
        co_await given_up.wait();
        EXPECT_TRUE(failure);
        static_cast<Kinds::Hanging&>(service.node("h")).never.notify();
        co_await manager.wait_for_node("h", "created");
        co_await service.apply_config("[]"); // waits for the one before
        EXPECT_THAT(service.node_ids(), ElementsAre());
    });
}

// Whoever asks for a config waits for it, and so does the end of the service, with what hangs in it cancelled.
TEST_P(ManagedOn, the_end_comes_while_a_config_is_applied) {
    for (const std::string ids : {"h", "b"}) { // a new node, and one that is made anew
        log.clear();
        mesh.run([&]() -> Task<> {
            const auto manager = co_await mesh.manager();
            manager->serve_config("svc", R"([{"id": "b", "type": "worker"}])");
            auto options = mesh.options();
            options.drain_timeout = 100ms;
            RecordingService service{"svc", options, log};
            service.attach(co_await mesh.connect());
            service.register_node<Kinds::Worker>("worker");
            service.register_node<Kinds::Hanging>("hanging");
            co_await service.run();
            co_await manager->wait_for_node("b", "created");
            manager->serve_config("svc", R"([{"id": ")" + ids + R"(", "type": "hanging"}])");
            manager->send_config("svc");
            co_await log.wait_for(ids + " hangs");
            service.shutdown();
            co_await service.wait();
            co_await manager->wait_for_service("svc", "STOPPED");
            EXPECT_EQ(log.count("b on_destroy"), 1u);
            EXPECT_EQ(log.count(ids + " on_error in on_create"), 1u);
            EXPECT_EQ(service.current_status(), "STOPPED");
            auto statuses = manager->service_statuses("svc");
            EXPECT_THAT(statuses, ElementsAre("STARTING", "CONNECTED", "READY", "STOPPING", "STOPPED"));
        }());
    }
}

TEST_P(ManagedOn, a_bad_config_is_an_error_and_leaves_the_nodes_as_they_are) {
    with_manager(two_nodes, [&](FakeManager& manager, Service& service) -> Task<> {
        co_await manager.wait_for_node("b", "created");
        manager.start("svc");
        co_await manager.wait_for_node("b", "started");
        const auto send = [&](std::string config) {
            manager.serve_config("svc", std::move(config));
            manager.send_config("svc");
        };
        send("{not json");
        co_await manager.wait_for_error("svc", "malformed json: config");
        send(R"([{"id": "x", "type": "worker"}, {"id": "x", "type": "worker"}])");
        co_await manager.wait_for_error("svc", "node 'x': the id occurs twice");
        send(R"([{"id": "x", "type": "warp drive"}])");
        co_await manager.wait_for_error(
            "svc", "unknown node type: node 'x' has type 'warp drive'; "
                   "registered are broken, hanging, other, planner, refusing, strict, worker");
        send(R"([{"id": "ok", "type": "worker"}, {"id": "x", "type": "refusing"}])");
        co_await manager.wait_for_error("svc", "no such device");
        EXPECT_THAT(service.node_ids(), ElementsAre("a", "b"));
        EXPECT_EQ(log.count("a on_stop"), 0u);
        service.node("a").output("out").publish("alive");
        co_await log.wait_for("b on_input in=alive");
    });
}

TEST_P(ManagedOn, settings_that_a_node_refuses_are_an_error_that_names_it) {
    with_manager("", [&](FakeManager&, Service& service) -> Task<> {
        co_await service.apply_config(R"([{"id": "a", "type": "strict"}])");
        std::string refused;
        try {
            co_await service.apply_config(R"([{"id": "a", "type": "strict", "settings": {"x": 1}}])");
        } catch (const Error& error) {
            refused = error.what();
        }
        EXPECT_EQ(refused, "invalid settings: node 'a': field 'settings': field 'x' is not known");
    });
}

TEST_P(ManagedOn, a_start_for_all_holds_for_later_configs_until_a_stop_for_all) {
    with_manager("", [&](FakeManager&, Service& service) -> Task<> {
        co_await service.apply_config(R"([{"id": "a", "type": "worker"}])");
        EXPECT_EQ(service.node("a").lifecycle(), NodeState::created);
        co_await service.start_node_all();
        co_await service.apply_config(R"([{"id": "b", "type": "worker"}])");
        EXPECT_EQ(service.node("b").lifecycle(), NodeState::started);
        co_await service.stop_node_all();
        co_await service.apply_config(R"([{"id": "c", "type": "worker"}])");
        EXPECT_EQ(service.node("c").lifecycle(), NodeState::created);
    });
}

TEST_P(ManagedOn, nodes_appended_in_code_are_no_business_of_a_config) {
    with_manager(two_nodes, [&](FakeManager& manager, Service& service) -> Task<> {
        co_await manager.wait_for_node("b", "created");
        service.append_node<Node>("own");
        co_await manager.wait_for_node("own", "started");
        manager.serve_config("svc", "[]");
        manager.send_config("svc");
        co_await manager.wait_for_node("b", "destroyed");
        EXPECT_THAT(service.node_ids(), ElementsAre("own"));
        manager.serve_config("svc", R"([{"id": "own", "type": "worker"}])");
        manager.send_config("svc");
        co_await manager.wait_for_error("svc", "the config has a node 'own'");
    });
}

TEST_P(ManagedOn, on_init_comes_once_with_the_first_config_before_on_config) {
    with_manager("[]", [&](FakeManager& manager, Service&) -> Task<> {
        co_await manager.wait_for_service("svc", "READY");
        manager.send_config("svc");
        co_await manager.wait_for_service("svc", "READY", 2);
        EXPECT_THAT(log.lines(), ElementsAre("on_connected", "on_init []", "on_config", "on_ready",
                                             "on_config", "on_ready"));
    });
}

TEST_P(ManagedOn, service_settings_are_merged_and_a_bad_body_changes_nothing) {
    with_manager("[]", [&](FakeManager& manager, Service& service) -> Task<> {
        manager.set_service_settings("svc", {{"a", 1}});
        manager.set_service_settings("svc", {{"b", 2}});
        manager.set_service_settings("svc", "3");
        co_await manager.wait_for_error("svc", "expected an object, got 3");
        EXPECT_EQ(service.settings(), (boost::json::object{{"a", 1}, {"b", 2}}));
    });
}

TEST_P(ManagedOn, on_error_gets_what_others_report) {
    with_manager("[]", [&](FakeManager&, Service& service) -> Task<> {
        service.publish("service.svc.error", "the manager is unhappy");
        co_await log.wait_for("on_error the manager is unhappy");
    });
}

TEST_P(ManagedOn, an_overridden_get_node_makes_the_nodes) {
    struct Custom : Service {
        using Service::Service;
        std::unique_ptr<Node> get_node(const DataNode& data) override {
            if (data.type == "custom")
                return std::make_unique<Kinds::Worker>(*this, data.id, NodeOptions{.node = data});
            return Service::get_node(data);
        }
    };
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        manager->serve_config("svc", R"([{"id": "n", "type": "custom"}])");
        auto options = mesh.options();
        options.request_config = true;
        Custom service{"svc", options};
        service.attach(co_await mesh.connect());
        co_await service.run();
        co_await manager->wait_for_node("n", "created");
        service.shutdown();
        co_await service.wait();
    }());
}

TEST(manager, the_config_is_asked_for_again_with_growing_pauses_until_one_arrives) {
    Mesh mesh;
    Log log;
    Kinds::log = &log;
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        service.register_node<Kinds::Worker>("worker");
        co_await service.run();
        co_await mesh.sleep(60s); // asked at 0, 1, 3, 7, 15, 31 s
        EXPECT_EQ(manager->config_requests("svc"), 6u);
        manager->serve_config("svc", "[]");
        manager->send_config("svc");
        co_await mesh.sleep(120s);
        EXPECT_EQ(manager->config_requests("svc"), 6u);
        service.shutdown();
        co_await service.wait();
    }());
}

TEST(manager, a_service_without_node_types_asks_nobody) {
    Mesh mesh;
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        co_await service.run();
        co_await mesh.sleep(10s);
        EXPECT_EQ(manager->config_requests("svc"), 0u);
        service.shutdown();
        co_await service.wait();
    }());
}

/// Answers with its common data, and writes down what an IDE says.
class SharingService final : public Service {
public:
    using Service::Service;
    std::vector<std::string> ide;

private:
    Task<> on_common_data(const Message&) override {
        send_common_data({{"units", "metric"}});
        co_return;
    }
    Task<> on_ide_status(const Message& message) override {
        ide.emplace_back(message.text());
        co_return;
    }
};

class SharingOn : public ManagedOn {};
INSTANTIATE_TEST_SUITE_P(, SharingOn, ::testing::Values(Broker::inproc, Broker::nats),
                         ::testing::PrintToStringParamName());

TEST_P(SharingOn, common_data_is_sent_to_whoever_asks_and_an_ide_is_heard) {
    mesh.run([&]() -> Task<> {
        const auto peer = co_await mesh.connect();
        SharingService service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        co_await service.run();
        const auto mailbox = fluxmq::Mailbox::create();
        const auto subscription =
            co_await peer->subscribe("service.svc.set_common_data", mailbox->add_inlet({}));
        peer->publish("ide.status", R"({"status": "CONNECTED"})");
        peer->publish("service.svc.get_common_data", "");
        co_await mailbox->wait();
        EXPECT_EQ(mailbox->pop_message()->message.json(), (boost::json::value{{"units", "metric"}}));
        EXPECT_THAT(service.ide, ElementsAre(R"({"status": "CONNECTED"})"));
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(SharingOn, a_developers_machine_is_announced_by_the_same_id_each_time) {
    const auto file = std::filesystem::path{::testing::TempDir()} /
                      ("dev_mode_" + std::to_string(static_cast<int>(GetParam())) + ".ini");
    std::filesystem::remove(file);
    mesh.run([&]() -> Task<> {
        const auto peer = co_await mesh.connect();
        const auto mailbox = fluxmq::Mailbox::create();
        const auto tap = co_await peer->subscribe("service.development_mode.*", mailbox->add_inlet({}));
        std::vector<std::string> topics;
        for (int life = 0; life < 2; ++life) {
            auto options = mesh.options();
            options.development_file = file.string();
            Service service{"svc", options};
            service.attach(co_await mesh.connect());
            co_await service.run();
            co_await mailbox->wait();
            const auto& message = mailbox->pop_message()->message;
            EXPECT_EQ(message.text(), "svc");
            topics.emplace_back(message.topic());
            service.shutdown();
            co_await service.wait();
        }
        EXPECT_EQ(topics[0], topics[1]);
        EXPECT_EQ(topics[0].size(), std::string_view{"service.development_mode."}.size() + 36);
    }());
    EXPECT_EQ(std::filesystem::file_size(file), 36u); // no newline
    std::filesystem::remove(file);
}

TEST(DevelopmentFile, one_that_cannot_be_used_ends_run_with_its_name) {
    Mesh mesh;
    mesh.run([&]() -> Task<> {
        for (const std::string file : {"/nowhere/dev_mode.ini", "/dev/null"}) {
            auto options = mesh.options();
            options.development_file = file;
            Service service{"svc", options};
            service.attach(co_await mesh.connect());
            std::string why;
            try {
                co_await service.run();
            } catch (const Error& error) {
                why = error.what();
            }
            EXPECT_THAT(why, HasSubstr("'" + file + "'"));
        }
    }());
}

/// A string of its own for a service that runs.
class OwnStatus final : public fluxmq::Status {
    std::string active() const override { return "RUNNING"; }
};

/// What a service announces that gets a config, is started, gets another config, and ends.
template <class S>
std::vector<std::string> statuses_with(Profile profile, S status) {
    Mesh mesh;
    Log log;
    Kinds::log = &log;
    std::vector<std::string> statuses;
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        manager->serve_config("svc", R"([{"id": "n", "type": "worker"}])");
        auto options = mesh.options();
        options.profile = profile;
        Service service{"svc", options};
        const auto transport = co_await mesh.connect();
        service.attach(transport, fluxmq::Topic{}, status);
        service.register_node<Kinds::Worker>("worker");
        const auto peer = co_await mesh.connect();
        const auto mailbox = fluxmq::Mailbox::create();
        const auto tap = co_await peer->subscribe("service.svc.status", mailbox->add_inlet({}));
        co_await service.run();
        co_await manager->wait_for_service("svc", "READY");
        manager->start("svc");
        co_await manager->wait_for_node("n", "started");
        co_await service.apply_config(R"([{"id": "n", "type": "worker", "name": "renamed"}])");
        service.shutdown();
        co_await service.wait();
        co_await peer->flush();
        while (const auto* delivery = mailbox->pop_message())
            statuses.emplace_back(delivery->message.text());
    }());
    return statuses;
}

TEST(profile, says_which_statuses_a_service_announces_and_strings_of_its_own_win) {
    EXPECT_THAT(
        statuses_with(Profile::python(), fluxmq::Status{}),
        ElementsAre("STARTING", "CONNECTED", "READY", "ACTIVE", "READY", "ACTIVE", "STOPPING", "STOPPED"));
    EXPECT_THAT(statuses_with(Profile::go(), fluxmq::Status{}),
                ElementsAre("CONNECTED", "READY", "READY", "READY"));
    EXPECT_THAT(
        statuses_with(Profile::go(), OwnStatus{}),
        ElementsAre("STARTING", "CONNECTED", "READY", "RUNNING", "READY", "RUNNING", "STOPPING", "STOPPED"));
}

/// The settings of a node `n` after set_settings.
boost::json::object settings_with(Profile profile, NodeOptions node_options) {
    Mesh mesh;
    Log log;
    boost::json::object settings;
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        auto options = mesh.options();
        options.profile = profile;
        Service service{"svc", options};
        service.attach(co_await mesh.connect());
        node_options.node.settings = {{"a", 1}};
        service.append_node(std::make_unique<Recorder>(service, "n", node_options, log));
        co_await service.run();
        manager->set_node_settings("n", {{"b", 2}});
        co_await log.wait_for("n on_settings");
        settings = service.node("n").settings();
        service.shutdown();
        co_await service.wait();
    }());
    return settings;
}

TEST(profile, says_whether_settings_replace_those_of_a_node_and_the_options_of_the_node_win) {
    const boost::json::object merged{{"a", 1}, {"b", 2}};
    const boost::json::object replaced{{"b", 2}};
    EXPECT_EQ(settings_with(Profile{}, {}), merged);
    EXPECT_EQ(settings_with(Profile::python(), {}), merged);
    EXPECT_EQ(settings_with(Profile::go(), {}), replaced);
    NodeOptions options;
    options.replace_settings = false;
    EXPECT_EQ(settings_with(Profile::go(), options), merged);
    options.replace_settings = true;
    EXPECT_EQ(settings_with(Profile{}, options), replaced);
}

TEST(profile, a_restart_of_the_node_that_has_the_services_id_is_for_that_node_alone) {
    Mesh mesh;
    Log log;
    Kinds::log = &log;
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        manager->serve_config("svc",
                              R"([{"id": "svc", "type": "worker"}, {"id": "other", "type": "worker"}])");
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        service.register_node<Kinds::Worker>("worker");
        co_await service.run();
        co_await manager->wait_for_service("svc", "READY");
        co_await service.start_node_all();
        service.publish(service.topic().restart_node("svc"), "");
        service.publish(service.topic().stop("svc"), "other"); // is handled behind it
        co_await manager->wait_for_node("other", "stopped");
        EXPECT_THAT(manager->node_statuses("svc"), ElementsAre("created", "started", "stopped", "started"));
        EXPECT_THAT(manager->node_statuses("other"), ElementsAre("created", "started", "stopped"));
        service.shutdown();
        co_await service.wait();
    }());
}

} // namespace
} // namespace fluxlib::test
