// SPDX-License-Identifier: MIT
// Node: its lifecycle, hooks and ticks, on both brokers where the broker matters.
#include "support.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/describe/class.hpp>
#include <boost/json/serialize.hpp>

namespace fluxlib::test {
namespace {

class NodeOn : public ::testing::TestWithParam<Broker> {
protected:
    Mesh mesh{GetParam()};
    Log log;

    NodeOptions ports(std::vector<std::string> in = {"in-topic"},
                      std::vector<std::string> out = {"out-topic"}) {
        NodeOptions options;
        options.node.type = "recorder";
        options.node.inputs = {{"in", std::move(in)}};
        options.node.outputs = {{"out", std::move(out)}};
        return options;
    }
};

struct BatchSettings {
    int batch_size = 1;
    std::string mode = "fast";
};
BOOST_DESCRIBE_STRUCT(BatchSettings, (), (batch_size, mode))

Recorder& append(Service& service, std::string id, NodeOptions options, Log& log) {
    auto node = std::make_unique<Recorder>(service, std::move(id), std::move(options), log);
    auto& reference = *node;
    service.append_node(std::move(node));
    return reference;
}

INSTANTIATE_TEST_SUITE_P(, NodeOn, ::testing::Values(Broker::inproc, Broker::nats),
                         ::testing::PrintToStringParamName());

TEST_P(NodeOn, init_start_stop_destroy_run_each_hook_once_and_announce_each_status) {
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        auto& node = append(service, "n", ports(), log);
        EXPECT_EQ(node.lifecycle(), NodeState::fresh);
        co_await node.init();
        EXPECT_EQ(node.lifecycle(), NodeState::created);
        co_await node.start();
        EXPECT_EQ(node.lifecycle(), NodeState::started);
        co_await node.stop();
        EXPECT_EQ(node.lifecycle(), NodeState::stopped);
        co_await node.start();
        co_await node.destroy();
        EXPECT_EQ(node.lifecycle(), NodeState::destroyed);
        EXPECT_THAT(log.lines(), ElementsAre("n on_create", "n on_start", "n on_stop", "n on_start",
                                             "n on_stop", "n on_destroy"));
        co_await manager->wait_for_node("n", "destroyed");
        EXPECT_THAT(manager->node_statuses("n"),
                    ElementsAre("created", "started", "stopped", "started", "stopped", "destroyed"));
        co_await service.transport().close();
    }());
}

TEST_P(NodeOn, a_node_that_ran_says_stopped_or_error_before_destroyed) {
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        append(service, "good", ports(), log);
        auto& bad = append(service, "bad", ports(), log);
        bad.throws_in = "on_stop";
        auto& failed = append(service, "failed", ports(), log);
        failed.throws_in = "on_stop";
        append(service, "asleep", ports(), log);
        append(service, "last", ports(), log); // goes at the end
        co_await service.run();
        EXPECT_EQ(co_await error_of(failed.stop()), errc::hook_failed);
        co_await service.stop_node("asleep");
        co_await service.destroy_node("good");
        EXPECT_EQ(co_await error_of(service.destroy_node("bad")), errc::hook_failed);
        co_await service.destroy_node("failed");
        co_await service.destroy_node("asleep");
        service.shutdown();
        co_await service.wait();
        co_await manager->wait_for_node("last", "destroyed");
        EXPECT_THAT(manager->node_statuses("good"),
                    ElementsAre("created", "started", "stopped", "destroyed"));
        EXPECT_THAT(manager->node_statuses("bad"), ElementsAre("created", "started", "error", "destroyed"));
        EXPECT_THAT(manager->node_statuses("failed"),
                    ElementsAre("created", "started", "error", "destroyed"));
        EXPECT_THAT(manager->node_statuses("asleep"),
                    ElementsAre("created", "started", "stopped", "destroyed"));
        EXPECT_THAT(manager->node_statuses("last"),
                    ElementsAre("created", "started", "stopped", "destroyed"));
        EXPECT_EQ(log.count("bad on_destroy"), 1u);
    }());
}

TEST(node, a_node_that_is_destroyed_is_stopping_when_it_hears_that_it_has_stopped) {
    struct Watching : Node {
        using Node::Node;
        std::vector<std::pair<std::string, NodeState>>* kept = nullptr;
        Task<> on_state_changed() override {
            kept->emplace_back(status(), lifecycle());
            co_return;
        }
    };
    Mesh mesh;
    std::vector<std::pair<std::string, NodeState>> seen;
    mesh.run([&]() -> Task<> {
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        service.append_node<Watching>("n").kept = &seen;
        co_await service.run();
        co_await service.destroy_node("n");
        service.shutdown();
        co_await service.wait();
    }());
    EXPECT_THAT(seen, ElementsAre(std::pair{std::string{"created"}, NodeState::created},
                                  std::pair{std::string{"started"}, NodeState::started},
                                  std::pair{std::string{"stopped"}, NodeState::stopping},
                                  std::pair{std::string{"destroyed"}, NodeState::destroyed}));
}

TEST_P(NodeOn, stop_and_destroy_are_idempotent_and_other_commands_are_not) {
    mesh.run([&]() -> Task<> {
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        auto& node = append(service, "n", ports(), log);
        EXPECT_EQ(co_await error_of(node.start()), errc::illegal_transition); // init() comes first
        co_await node.stop();
        co_await node.init();
        EXPECT_EQ(co_await error_of(node.init()), errc::illegal_transition);
        co_await node.start();
        EXPECT_EQ(co_await error_of(node.start()), errc::illegal_transition);
        co_await node.stop();
        co_await node.stop();
        co_await node.destroy();
        co_await node.destroy();
        EXPECT_EQ(co_await error_of(node.start()), errc::illegal_transition);
        EXPECT_EQ(log.count("n on_stop"), 1u);
        EXPECT_EQ(log.count("n on_destroy"), 1u);
        co_await service.transport().close();
    }());
}

TEST_P(NodeOn, on_input_gets_messages_only_while_started_and_the_others_are_counted) {
    mesh.run([&]() -> Task<> {
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        auto& node = append(service, "n", ports(), log);
        co_await node.init();
        service.publish("in-topic", "too early");
        co_await service.transport().flush();
        co_await node.start();
        service.publish("in-topic", "in time");
        co_await log.wait_for("n on_input in=in time");
        co_await node.stop();
        service.publish("in-topic", "too late");
        co_await service.transport().flush();
        EXPECT_EQ(node.counters().received, 3u);
        EXPECT_EQ(node.counters().delivered, 1u);
        EXPECT_EQ(node.counters().dropped.not_started, 2u);
        EXPECT_EQ(node.counters().pending, 0u);
        co_await node.destroy();
        co_await service.transport().close();
    }());
}

TEST_P(NodeOn, set_status_announces_any_string_and_calls_on_state_changed) {
    struct Watcher : Recorder {
        using Recorder::Recorder;
        Task<> on_state_changed() override { return note("is " + status()); }
    };
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        auto& node = *new Watcher{service, "n", ports(), log};
        service.append_node(std::unique_ptr<Node>{&node});
        co_await node.init();
        node.set_status("processing_complete");
        co_await manager->wait_for_node("n", "processing_complete");
        co_await log.wait_for("n is processing_complete");
        EXPECT_EQ(node.status(), "processing_complete");
        EXPECT_EQ(node.lifecycle(), NodeState::created);
        EXPECT_EQ(log.count("n is created"), 1u);
        co_await node.destroy();
        co_await service.transport().close();
    }());
}

TEST_P(NodeOn, input_and_output_find_ports_and_an_unknown_alias_lists_the_known) {
    mesh.run([&]() -> Task<> {
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        auto& node = append(service, "n", ports(), log);
        EXPECT_EQ(node.input("in").alias(), "in");
        EXPECT_EQ(node.output("out").alias(), "out");
        EXPECT_THAT(message_of([&] { node.input("out"); }),
                    HasSubstr("node 'n' has no input 'out'; it has in"));
        EXPECT_THAT(message_of([&] { node.output("x"); }),
                    HasSubstr("node 'n' has no output 'x'; it has out"));
    }());
}

TEST_P(NodeOn, settings_are_merged_checked_swapped_and_announced_by_on_settings) {
    struct Careful : Recorder {
        using Recorder::Recorder;
        void check_settings(const boost::json::object& wanted) const override {
            if (wanted.at("limit").as_int64() > 100)
                throw Error{errc::invalid_settings, "limit is at most 100"};
        }
        Task<> on_settings(Message) override {
            return note("settings " + boost::json::serialize(settings()));
        }
    };
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        auto options = ports();
        options.node.settings = {{"limit", 10}, {"name", "a"}};
        auto& node = *new Careful{service, "n", options, log};
        service.append_node(std::unique_ptr<Node>{&node});
        co_await service.run();
        manager->set_node_settings("n", {{"limit", 20}});
        co_await log.wait_for(R"(n settings {"limit":20,"name":"a"})");
        manager->set_node_settings("n", {{"limit", 200}});
        co_await manager->wait_for_error("svc", "limit is at most 100");
        manager->set_node_settings("n", "[1]");
        co_await manager->wait_for_error("svc", "expected an object, got [1]");
        manager->set_node_settings("n", "{not json");
        co_await manager->wait_for_error("svc", "malformed json");
        EXPECT_EQ(node.settings(), (boost::json::object{{"limit", 20}, {"name", "a"}}));
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(NodeOn, local_ticks_come_while_started_and_stop_with_the_node) {
    mesh.run([&]() -> Task<> {
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        auto options = ports();
        int callbacks = 0;
        options.timer = DataTimer{TimerType::local, 5ms};
        options.on_tick = [&] { ++callbacks; };
        auto& node = append(service, "n", options, log);
        co_await node.init();
        co_await node.start();
        co_await log.wait_for_count(5); // on_create, on_start, three ticks
        co_await node.stop();
        const auto ticks = log.count("n on_tick");
        EXPECT_GE(ticks, 3u);
        EXPECT_EQ(callbacks, static_cast<int>(ticks));
        co_await mesh.sleep(30ms); // what must not happen needs time in which it could
        EXPECT_EQ(log.count("n on_tick"), ticks);
        co_await node.destroy();
        co_await service.transport().close();
    }());
}

TEST_P(NodeOn, global_ticks_come_from_the_manager_on_either_topic_and_once_where_they_come_on_both) {
    mesh.run([&]() -> Task<> {
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        auto global = ports();
        global.timer = DataTimer{TimerType::global};
        append(service, "g", global, log);
        append(service, "none", ports(), log);
        EXPECT_EQ(service.node("g").get_global_topic(), "service.tick");
        co_await service.run();
        const std::size_t before = 4; // two on_create, two on_start
        service.publish("service.tick", "");
        co_await log.wait_for_count(before + 1);
        service.publish("service/tick", ""); // as Python and Go nodes spell it: the same tick
        service.publish("service.tick", "");
        co_await log.wait_for_count(before + 2);
        service.publish("service/tick", "");
        co_await service.transport().flush();
        service.publish("service/tick", ""); // one more, from a manager that knows no other spelling
        co_await log.wait_for_count(before + 3);
        EXPECT_EQ(log.count("g on_tick"), 3u);
        EXPECT_EQ(log.count("none on_tick"), 0u);
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(NodeOn, a_throw_from_a_starting_hook_ends_in_the_state_error_and_a_later_start_recovers) {
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        auto& node = append(service, "n", ports(), log);
        node.throws_in = "on_create";
        EXPECT_EQ(co_await error_of(node.init()), errc::hook_failed);
        EXPECT_EQ(node.lifecycle(), NodeState::error);
        node.throws_in = "on_start";
        EXPECT_EQ(co_await error_of(node.start()), errc::hook_failed);
        EXPECT_EQ(node.lifecycle(), NodeState::error);
        node.throws_in = "";
        co_await node.start();
        EXPECT_EQ(node.lifecycle(), NodeState::started);
        co_await manager->wait_for_error("svc", "node 'n', on_create: on_create was told to fail");
        co_await manager->wait_for_error("svc", "node 'n', on_start: on_start was told to fail");
        co_await manager->wait_for_node("n", "started");
        EXPECT_THAT(manager->node_statuses("n"), ElementsAre("error", "error", "started"));
        EXPECT_EQ(log.count("n on_error in on_create"), 1u);
        EXPECT_EQ(log.count("n on_error in on_start"), 1u);
        co_await node.destroy();
        co_await service.transport().close();
    }());
}

TEST_P(NodeOn, a_subscription_that_fails_is_an_error_and_on_create_is_not_repeated) {
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        auto& node = append(service, "n", ports({"good", "a b"}), log);
        EXPECT_EQ(co_await error_of(node.init()), errc::hook_failed);
        EXPECT_EQ(co_await error_of(node.start()), errc::hook_failed);
        EXPECT_EQ(node.lifecycle(), NodeState::error);
        co_await manager->wait_for_error("svc", "node 'n', subscribe: invalid topic: 'a b': it has a space");
        co_await node.destroy();
        EXPECT_THAT(log.lines(), ElementsAre("n on_create", "n on_error in subscribe",
                                             "n on_error in subscribe", "n on_destroy"));
        co_await service.transport().close();
    }());
}

TEST_P(NodeOn, a_throw_from_on_input_is_reported_with_its_topic_and_the_next_message_is_handled) {
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        auto& node = append(service, "n", ports(), log);
        append(service, "other", ports(), log);
        node.throws_in = "on_input in=bad";
        co_await service.run();
        service.publish("in-topic", "bad");
        service.publish("in-topic", "good");
        co_await log.wait_for("n on_input in=good");
        co_await log.wait_for("other on_input in=bad");
        co_await log.wait_for("other on_input in=good");
        co_await manager->wait_for_error("svc",
                                         "on_input: on_input in=bad was told to fail (topic 'in-topic')");
        EXPECT_EQ(log.count("n on_error in on_input"), 1u);
        EXPECT_EQ(node.lifecycle(), NodeState::started);
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(NodeOn, a_node_stops_and_destroys_itself_from_its_own_hook) {
    struct Once : Recorder {
        using Recorder::Recorder;
        Task<> on_input(Message) override {
            co_await stop(); // takes effect when this hook has returned
            co_await note("hook returned");
        }
    };
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        service.append_node(std::make_unique<Once>(service, "n", ports(), log));
        co_await service.run();
        service.publish("in-topic", "1");
        co_await manager->wait_for_node("n", "stopped");
        EXPECT_THAT(log.lines(), ElementsAre("n on_create", "n on_start", "n hook returned", "n on_stop"));
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(NodeOn, a_request_may_be_awaited_inside_a_hook) {
    struct Asking : Recorder {
        using Recorder::Recorder;
        Task<> on_input(Message) override {
            const auto answer = co_await service().request("oracle", "?");
            co_await note("answer " + std::string{answer.text()});
        }
    };
    mesh.run([&]() -> Task<> {
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        service.append_node(std::make_unique<Asking>(service, "n", ports(), log));
        co_await service.subscribe_handler("oracle", [&](const Message& m) { service.respond(m, "42"); });
        co_await service.run();
        service.publish("in-topic", "go");
        co_await log.wait_for("n answer 42");
        service.shutdown();
        co_await service.wait();
    }());
}

// --- Time, which only stands still on the embedded bus --------------------------------------------------------

TEST(node, local_ticks_do_not_drift_and_tell_the_true_time_since_the_last) {
    struct Ticking : Node {
        using Node::Node;
        std::vector<Tick> ticks;
        Task<> on_tick(const Tick& tick) override {
            ticks.push_back(tick);
            co_await clock().sleep_for(3ms); // work: it must not push the next tick back
        }
    };
    Mesh mesh;
    mesh.run([&]() -> Task<> {
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        NodeOptions options;
        options.timer = DataTimer{TimerType::local, 10ms};
        auto& node = service.append_node<Ticking>("n", options);
        co_await service.run();
        const auto start = mesh.clock()->now();
        co_await mesh.sleep(5000ms + 1ms);
        EXPECT_EQ(node.ticks.size(), 500u);
        for (std::size_t i = 0; i < node.ticks.size(); ++i) {
            EXPECT_EQ(node.ticks[i].count, i + 1);
            EXPECT_EQ(node.ticks[i].delta, 10ms);
            EXPECT_EQ(node.ticks[i].time, start + (i + 1) * 10ms);
        }
        service.shutdown();
        co_await service.wait();
    }());
}

TEST(node, a_late_node_gets_one_tick_with_the_whole_time_since_the_last) {
    struct Slow : Node {
        using Node::Node;
        std::vector<fluxmq::Clock::duration> deltas;
        Task<> on_tick(const Tick& tick) override {
            deltas.push_back(tick.delta);
            if (deltas.size() == 1)
                co_await clock().sleep_for(55ms);
        }
    };
    Mesh mesh;
    mesh.run([&]() -> Task<> {
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        NodeOptions options;
        options.timer = DataTimer{TimerType::local, 10ms};
        auto& node = service.append_node<Slow>("n", options);
        co_await service.run();
        co_await mesh.sleep(81ms);
        EXPECT_THAT(node.deltas, ElementsAre(10ms, 55ms, 5ms, 10ms));
        service.shutdown();
        co_await service.wait();
    }());
}

TEST(node, hooks_of_one_node_never_overlap) {
    static int inside, most, handled; // outlive the node
    inside = most = handled = 0;
    struct Nested : Node {
        using Node::Node;
        Task<> work() {
            most = std::max(most, ++inside);
            co_await clock().sleep_for(2ms);
            --inside;
            ++handled;
        }
        Task<> on_input(Message) override { return work(); }
        Task<> on_tick(const Tick&) override { return work(); }
        Task<> on_settings(Message) override { return work(); }
        Task<> on_state_changed() override { return work(); }
    };
    Mesh mesh;
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        NodeOptions options;
        options.timer = DataTimer{TimerType::local, 3ms};
        options.node.inputs = {{"in", {"t"}}};
        auto& node = service.append_node<Nested>("n", options);
        co_await service.run();
        for (int i = 0; i < 50; ++i) {
            service.publish("t", "x");
            manager->set_node_settings("n", {{"i", i}});
            node.set_status("step");
            co_await mesh.sleep(1ms);
        }
        service.shutdown();
        const auto report = co_await service.wait();
        EXPECT_TRUE(report.drained);
        EXPECT_EQ(report.account.delivered, 50u);
        EXPECT_EQ(most, 1);
        EXPECT_GT(handled, 150);
    }());
}

TEST(node, a_stop_goes_ahead_of_a_flood_of_input) {
    struct Slow : Node {
        using Node::Node;
        int handled = 0;
        Task<> on_input(Message) override {
            ++handled;
            co_await clock().sleep_for(1ms);
        }
    };
    Mesh mesh;
    mesh.run([&]() -> Task<> {
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        NodeOptions options;
        options.node.inputs = {{"in", {"t"}}};
        auto& node = service.append_node<Slow>("n", options);
        co_await service.run();
        for (int i = 0; i < 10'000; ++i)
            service.publish("t", "x");
        co_await service.stop_node("n");
        EXPECT_LE(node.handled, 2);
        EXPECT_EQ(node.counters().dropped.closed + node.counters().delivered, 10'000u);
        EXPECT_EQ(node.counters().pending, 0u);
        service.shutdown();
        co_await service.wait();
    }());
}

struct Busy : Recorder {
    using Recorder::Recorder;
    Task<> on_input(Message) override {
        service().publish("busy", "again"); // never runs out of work
        co_return;
    }
};

TEST(node, one_busy_node_does_not_starve_another) {
    Mesh mesh;
    Log log;
    mesh.run([&]() -> Task<> {
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        NodeOptions options;
        options.node.inputs = {{"in", {"busy"}}};
        service.append_node(std::make_unique<Busy>(service, "busy", options, log));
        options.node.inputs = {{"in", {"other"}}};
        append(service, "other", options, log);
        co_await service.run();
        service.publish("busy", "go");
        service.publish("other", "1");
        co_await log.wait_for("other on_input in=1");
        service.publish("other", "2");
        co_await log.wait_for("other on_input in=2");
        EXPECT_LE(service.node("busy").counters().delivered, 4 * 1024u); // two turns each
        co_await service.stop_node("busy");
        service.shutdown();
        co_await service.wait();
    }());
}

TEST(node, a_service_may_be_destroyed_between_two_turns_of_a_node) {
    Mesh mesh;
    Log log;
    mesh.run([&]() -> Task<> {
        {
            Service service{"svc", mesh.options()};
            service.attach(co_await mesh.connect());
            NodeOptions options;
            options.node.inputs = {{"in", {"busy"}}};
            service.append_node(std::make_unique<Busy>(service, "busy", options, log));
            co_await service.run();
            service.publish("busy", "go");
            while (service.node("busy").counters().delivered < 1024)
                co_await boost::asio::post(boost::asio::use_awaitable);
        }
        for (int turn = 0; turn < 10; ++turn)
            co_await boost::asio::post(boost::asio::use_awaitable);
    }());
}

TEST(node, settings_as_converts_to_a_described_struct_and_keeps_defaults) {
    Mesh mesh;
    mesh.run([&]() -> Task<> {
        Service service{"svc", mesh.options()};
        NodeOptions options;
        options.node.settings = {{"batch_size", 100}};
        auto& node = service.append_node<Node>("n", options);
        const auto settings = node.settings_as<BatchSettings>();
        EXPECT_EQ(settings.batch_size, 100);
        EXPECT_EQ(settings.mode, "fast");
        NodeOptions wrong;
        wrong.node.settings = {{"batch_size", "many"}};
        auto& other = service.append_node<Node>("o", wrong);
        EXPECT_THAT(message_of([&] { other.settings_as<BatchSettings>(); }),
                    HasSubstr(R"('batch_size': expected a whole number, got "many")"));
        co_return;
    }());
}

TEST(node, replace_settings_takes_the_message_as_a_whole) {
    Mesh mesh;
    Log log;
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        NodeOptions options;
        options.node.settings = {{"a", 1}};
        options.replace_settings = true;
        auto& node = append(service, "n", options, log);
        co_await service.run();
        manager->set_node_settings("n", {{"b", 2}});
        co_await log.wait_for("n on_settings");
        EXPECT_EQ(node.settings(), (boost::json::object{{"b", 2}}));
        service.shutdown();
        co_await service.wait();
    }());
}

TEST(node, state_is_a_slice_of_the_services_store_under_its_id) {
    Mesh mesh;
    Service service{"svc", mesh.options()};
    auto& a = service.append_node<Node>("a");
    auto& b = service.append_node<Node>("b");
    a.state().set("k", 1);
    EXPECT_TRUE(b.state().get("k").is_null());
    EXPECT_EQ(service.state().get("a/k"), boost::json::value(1));
}

TEST(node, its_logger_is_the_same_at_each_use_and_named_after_service_and_node) {
    Mesh mesh;
    Service service{"svc", mesh.options()};
    auto& node = service.append_node<Node>("a");
    auto* first = &node.logger();
    EXPECT_EQ(first->name(), "svc/a");
    EXPECT_EQ(first->sinks(), service.logger().sinks());
    EXPECT_EQ(&node.logger(), first);

    NodeOptions options;
    options.logger = service.logger().clone("own");
    EXPECT_EQ(service.append_node<Node>("b", options).logger().name(), "own");
}

TEST(node, an_id_that_cannot_be_a_topic_is_refused) {
    Mesh mesh;
    Service service{"svc", mesh.options()};
    EXPECT_THAT(message_of([&] { service.append_node<Node>("a b"); }), HasSubstr("node id 'a b'"));
    EXPECT_THAT(message_of([&] { service.append_node<Node>("*"); }), HasSubstr("wildcard"));
    EXPECT_TRUE(service.node_ids().empty());
}

TEST(node, a_local_timer_without_an_interval_is_refused) {
    Mesh mesh;
    Service service{"svc", mesh.options()};
    NodeOptions options;
    options.timer = DataTimer{TimerType::local};
    EXPECT_THAT(message_of([&] { service.append_node<Node>("n", options); }), HasSubstr("at least 1 ms"));
}

} // namespace
} // namespace fluxlib::test
