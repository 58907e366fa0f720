// SPDX-License-Identifier: MIT
// Nodes that fail, and hooks that hang.
#include <fluxlib/supervisor.hpp>

#include "support.hpp"

#include <map>
#include <optional>
#include <random>

namespace fluxlib::test {
namespace {

using Clock = fluxmq::Clock;

Clock::time_point at(std::chrono::milliseconds time) { return Clock::time_point{} + time; }

TEST(Supervisor, restarts_with_growing_pauses_and_gives_up_within_the_window) {
    Supervision policy;
    policy.restart = Restart::on_failure;
    policy.backoff = 100ms;
    policy.longest_backoff = 300ms;
    policy.most_restarts = 4;
    policy.window = 10s;
    Supervisor supervisor{policy};
    EXPECT_EQ(supervisor.pause_after(true, at(0ms)), 100ms);
    EXPECT_EQ(supervisor.pause_after(true, at(1000ms)), 200ms);
    EXPECT_EQ(supervisor.pause_after(true, at(2000ms)), 300ms);
    EXPECT_EQ(supervisor.pause_after(true, at(3000ms)), 300ms);
    EXPECT_EQ(supervisor.pause_after(true, at(4000ms)), std::nullopt);
    EXPECT_TRUE(supervisor.given_up());
    EXPECT_EQ(supervisor.pause_after(true, at(11'500ms)),
              300ms); // two of them are out of the window
    EXPECT_FALSE(supervisor.given_up());
    EXPECT_EQ(supervisor.restarts(), 5u);
    supervisor.begin_anew();
    EXPECT_EQ(supervisor.pause_after(true, at(11'600ms)), 100ms);
}

TEST(Supervisor, restarts_what_its_policy_says) {
    for (const auto& [restart, after_failure, after_stop] : {std::tuple{Restart::never, false, false},
                                                             {Restart::on_failure, true, false},
                                                             {Restart::always, true, true}}) {
        Supervision policy;
        policy.restart = restart;
        Supervisor supervisor{policy};
        EXPECT_EQ(supervisor.pause_after(true, at(0ms)).has_value(), after_failure);
        EXPECT_EQ(supervisor.pause_after(false, at(0ms)).has_value(), after_stop);
        EXPECT_FALSE(supervisor.given_up());
    }
}

/// Fails as often as it is told to, hangs when it is told to, and stops itself on request.
class Fragile : public Recorder {
public:
    using Recorder::Recorder;
    int failures = 0; // of on_start, to come

protected:
    Task<> on_start() override {
        co_await note("on_start");
        if (failures > 0) {
            --failures;
            throw std::runtime_error{"not yet"};
        }
    }
    Task<> on_input(Message message) override {
        co_await note("on_input " + std::string{message.text()});
        if (message.text() == "throw")
            throw std::runtime_error{"this is bad"};
        if (message.text() == "hang")
            co_await never_.wait();
        if (message.text() == "stop")
            co_await stop();
    }

private:
    fluxmq::Wakeup never_;
};

class SupervisedOn : public ::testing::TestWithParam<Broker> {
protected:
    Mesh mesh{GetParam()};
    Log log;

    void with_node(Supervision supervision,
                   std::function<Task<>(FakeManager&, Service&, Fragile&, fluxmq::Transport&)> body) {
        mesh.run([&]() -> Task<> {
            const auto manager = co_await mesh.manager();
            const auto peer = co_await mesh.connect();
            auto options = mesh.options();
            options.auto_start = false;
            Service service{"svc", options};
            service.attach(co_await mesh.connect());
            NodeOptions node;
            node.node.inputs.push_back({"in", {"data"}});
            node.supervision = supervision;
            auto made = std::make_unique<Fragile>(service, "n", node, log);
            auto& fragile = *made;
            service.append_node(std::move(made));
            co_await service.run();
            co_await body(*manager, service, fragile, *peer);
            service.shutdown();
            co_await service.wait();
        }());
    }

    static Supervision restarting() {
        Supervision supervision;
        supervision.restart = Restart::on_failure;
        supervision.backoff = 20ms;
        return supervision;
    }
};

INSTANTIATE_TEST_SUITE_P(, SupervisedOn, ::testing::Values(Broker::inproc, Broker::nats),
                         ::testing::PrintToStringParamName());

TEST_P(SupervisedOn, a_node_whose_start_fails_is_started_again_and_messages_wait_for_it) {
    with_node(
        restarting(), [&](FakeManager& manager, Service&, Fragile& node, fluxmq::Transport& peer) -> Task<> {
            node.failures = 2;
            manager.start("svc");
            co_await manager.wait_for_node("n", "error");
            peer.publish("data", "hello");
            co_await log.wait_for("n on_input hello");
            co_await manager.wait_for_node("n", "started");
            EXPECT_THAT(manager.node_statuses("n"), ElementsAre("created", "error", "error", "started"));
            EXPECT_EQ(log.count("n on_start"), 3u);
        });
}

TEST_P(SupervisedOn, a_node_that_fails_too_often_stays_in_error_until_it_is_started) {
    auto supervision = restarting();
    supervision.most_restarts = 2;
    with_node(supervision,
              [&](FakeManager& manager, Service& service, Fragile& node, fluxmq::Transport&) -> Task<> {
                  node.failures = 3;
                  manager.start("svc");
                  co_await manager.wait_for_error(
                      "svc", "node 'n' was restarted 2 times within 60000 ms and failed again");
                  EXPECT_EQ(service.node("n").lifecycle(), NodeState::error);
                  manager.start("svc");
                  co_await manager.wait_for_node("n", "started");
                  EXPECT_EQ(log.count("n on_start"), 4u);
              });
}

TEST_P(SupervisedOn, a_stop_calls_off_the_restart) {
    auto supervision = restarting();
    supervision.backoff = 50ms;
    with_node(supervision,
              [&](FakeManager& manager, Service& service, Fragile& node, fluxmq::Transport&) -> Task<> {
                  node.failures = 1;
                  manager.start("svc");
                  co_await manager.wait_for_node("n", "error");
                  co_await service.stop_node("n");
                  co_await mesh.sleep(200ms); // longer than the pause; virtual time on the embedded bus
                  EXPECT_EQ(service.node("n").lifecycle(), NodeState::error);
                  EXPECT_EQ(log.count("n on_start"), 1u);
              });
}

TEST_P(SupervisedOn, what_a_message_hook_throws_stops_and_restarts_the_node_if_its_policy_says_so) {
    auto supervision = restarting();
    supervision.fail_on_throw = true;
    with_node(supervision, [&](FakeManager& manager, Service&, Fragile&, fluxmq::Transport& peer) -> Task<> {
        manager.start("svc");
        co_await manager.wait_for_node("n", "started");
        peer.publish("data", "throw");
        peer.publish("data", "next");
        co_await log.wait_for("n on_input next");
        EXPECT_THAT(log.lines(),
                    ElementsAre("n on_create", "n on_start", "n on_input throw", "n on_error in on_input",
                                "n on_stop", "n on_start", "n on_input next"));
        co_await manager.wait_for_node("n", "started", 2);
        EXPECT_THAT(manager.node_statuses("n"), ElementsAre("created", "started", "error", "started"));
    });
}

TEST_P(SupervisedOn, a_node_that_stops_itself_is_started_again_only_by_always) {
    for (const auto restart : {Restart::on_failure, Restart::always}) {
        log.clear();
        auto supervision = restarting();
        supervision.restart = restart;
        with_node(supervision,
                  [&](FakeManager& manager, Service& service, Fragile&, fluxmq::Transport& peer) -> Task<> {
                      manager.start("svc");
                      co_await manager.wait_for_node("n", "started");
                      peer.publish("data", "stop");
                      co_await manager.wait_for_node("n", "stopped");
                      if (restart == Restart::always) {
                          co_await manager.wait_for_node("n", "started", 2);
                          co_await service.stop_node("n"); // and this is final
                      }
                      co_await mesh.sleep(100ms);
                      EXPECT_EQ(service.node("n").lifecycle(), NodeState::stopped);
                  });
    }
}

TEST_P(SupervisedOn, a_config_has_the_policy_and_may_change_it_while_the_node_runs) {
    static Log* all;
    all = &log;
    struct Configured : Fragile {
        Configured(Service& service, std::string id, NodeOptions options)
            : Fragile{service, std::move(id), std::move(options), *all} {}
    };
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        const auto peer = co_await mesh.connect();
        const auto config = [&](const char* policy) {
            manager->serve_config("svc", R"([{"id": "n", "type": "t", "supervision": )" +
                                             std::string{policy} +
                                             R"(, "inputs": [{"alias": "in", "topics": ["data"]}]}])");
        };
        config(R"({"restart": "on_failure", "failOnThrow": true, "backoffMs": 5})");
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        service.register_node<Configured>("t");
        co_await service.run();
        co_await manager->wait_for_node("n", "created");
        manager->start("svc");
        co_await manager->wait_for_node("n", "started");
        peer->publish("data", "throw");
        co_await manager->wait_for_node("n", "started", 2);
        config(R"({"hookTimeoutMs": 40})");
        manager->send_config("svc");
        co_await manager->wait_for_service("svc", "READY", 2);
        for (const std::string text : {"throw", "hang", "after"})
            peer->publish("data", text);
        co_await log.wait_for("n on_input after");
        co_await manager->wait_for_error("svc", "it took longer than 40 ms");
        EXPECT_THAT(manager->node_statuses("n"), ElementsAre("created", "started", "error", "started"));
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(SupervisedOn, a_hook_that_hangs_is_cancelled_and_reported_and_the_node_goes_on) {
    Supervision supervision;
    supervision.hook_timeout = 40ms;
    with_node(supervision, [&](FakeManager& manager, Service&, Fragile&, fluxmq::Transport& peer) -> Task<> {
        manager.start("svc");
        co_await manager.wait_for_node("n", "started");
        for (const std::string text : {"hang", "one", "hang", "two"})
            peer.publish("data", text);
        co_await log.wait_for("n on_input two");
        co_await manager.wait_for_error(
            "svc", "node 'n', on_input: timeout: it was cancelled, for it took longer than 40 ms");
        EXPECT_EQ(log.count("n on_error in on_input"), 2u);
        EXPECT_EQ(log.count("n on_input one"), 1u);
    });
}

/// What the table says that a node announces.
class Expected {
public:
    explicit Expected(NodeState state) : state_{state} {}

    /// Whether it is legal.
    bool apply(NodeCommand command, bool start_fails, bool was_created = true) {
        const auto wanted = transition(state_, command, was_created);
        if (wanted.kind == Transition::Kind::run) {
            if (wanted.runs_stop && wanted.to == NodeState::destroyed)
                statuses.emplace_back(name_of(NodeState::stopped));
            state_ = wanted.runs_start && start_fails ? NodeState::error : wanted.to;
            statuses.emplace_back(name_of(state_));
        }
        return wanted.kind != Transition::Kind::illegal;
    }
    NodeState state() const { return state_; }

    std::vector<std::string> statuses;

private:
    static std::string name_of(NodeState state) {
        const NodeStatus names;
        switch (state) {
        case NodeState::created: return names.created();
        case NodeState::started: return names.started();
        case NodeState::stopped: return names.stopped();
        case NodeState::destroyed: return names.destroyed();
        default: return names.error();
        }
    }

    NodeState state_;
};

Task<> give(Node& node, NodeCommand command) {
    switch (command) {
    case NodeCommand::init: return node.init();
    case NodeCommand::start: return node.start();
    case NodeCommand::stop: return node.stop();
    case NodeCommand::destroy: break;
    }
    return node.destroy();
}

// Given by the program, for a manager has no word for some of them; seen by the manager.
TEST_P(SupervisedOn, every_command_in_every_state_gives_the_status_of_the_table) {
    struct Doomed : Recorder {
        using Recorder::Recorder;
        bool dies = false;
        Task<> on_create() override {
            if (dies)
                throw std::runtime_error{"no such device"};
            co_return;
        }
        Task<> on_start() override {
            if (dies)
                throw std::runtime_error{"not yet"};
            co_return;
        }
    };
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        auto options = mesh.options();
        options.auto_start = false;
        Service service{"svc", options};
        service.attach(co_await mesh.connect());
        co_await service.run();
        using enum NodeCommand;
        // The commands that lead to each state; the first of `failing` fails.
        struct Way {
            NodeState to;
            bool was_created;
            std::vector<NodeCommand> commands;
            std::optional<std::size_t> failing;
        };
        const std::vector<Way> ways{{NodeState::fresh, false, {}, {}},
                                    {NodeState::created, true, {init}, {}},
                                    {NodeState::started, true, {init, start}, {}},
                                    {NodeState::stopped, true, {init, start, stop}, {}},
                                    {NodeState::error, true, {init, start}, 1},
                                    {NodeState::error, false, {init}, 0}};
        int number = 0;
        std::map<std::string, std::vector<std::string>> all;
        for (const auto& way : ways)
            for (const auto command : {init, start, stop, destroy}) {
                const auto id = "n" + std::to_string(number++);
                Doomed node{service, id, {}, log};
                for (std::size_t i = 0; i < way.commands.size(); ++i) {
                    node.dies = way.failing == i;
                    const auto kind = co_await error_of(give(node, way.commands[i]));
                    EXPECT_EQ(kind, node.dies ? errc::hook_failed : errc{});
                }
                node.dies = false;
                EXPECT_EQ(node.lifecycle(), way.to);
                Expected expected{way.to};
                const bool legal = expected.apply(command, false, way.was_created);
                const auto kind = co_await error_of(give(node, command));
                EXPECT_EQ(kind, legal ? errc{} : errc::illegal_transition);
                EXPECT_EQ(node.lifecycle(), expected.state());
                Expected before{NodeState::fresh};
                for (std::size_t i = 0; i < way.commands.size(); ++i)
                    before.statuses.push_back(way.failing == i           ? "error"
                                              : way.commands[i] == init  ? "created"
                                              : way.commands[i] == start ? "started"
                                                                         : "stopped");
                before.statuses.insert(before.statuses.end(), expected.statuses.begin(),
                                       expected.statuses.end());
                all[id] = before.statuses;
                co_await error_of(node.destroy());
                if (expected.state() == NodeState::started)
                    all[id].push_back("stopped");
                if (expected.state() != NodeState::destroyed)
                    all[id].push_back("destroyed");
            }
        service.publish("node.last.status", "end");
        co_await manager->wait_for_node("last", "end");
        EXPECT_EQ(all.size(), 24u);
        for (const auto& [id, statuses] : all)
            EXPECT_EQ(manager->node_statuses(id), statuses) << id;
        service.shutdown();
        co_await service.wait();
    }());
}

// By the manager and by the program, to nodes whose on_start throws now and then.
TEST_P(SupervisedOn, a_thousand_random_sequences_of_commands_give_the_statuses_of_the_table) {
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        const auto peer = co_await mesh.connect();
        auto options = mesh.options();
        options.auto_start = false;
        Service service{"svc", options};
        service.attach(co_await mesh.connect());
        co_await service.run();
        // A service handles one message after the other: with the answer it is done with what was before.
        const auto settled = [&]() -> Task<> {
            co_await peer->request(service.topic().status_request("svc"), "");
        };
        std::mt19937 random{5};
        std::map<std::string, std::vector<std::string>> all;
        for (int i = 0; i < 1000; ++i) {
            const auto id = "n" + std::to_string(i);
            auto made = std::make_unique<Fragile>(service, id, NodeOptions{}, log);
            auto& node = *made;
            service.append_node(std::move(made));
            co_await settled();
            Expected expected{NodeState::created};
            expected.statuses.emplace_back("created");
            while (expected.statuses.size() < 6 && expected.state() != NodeState::destroyed) {
                node.failures = random() % 4 == 0 ? 1 : 0;
                const bool fails = node.failures != 0;
                const auto pick = random() % 8;
                const auto commands = pick == 0   ? std::vector{NodeCommand::destroy}
                                      : pick == 1 ? std::vector{NodeCommand::stop, NodeCommand::start}
                                      : pick <= 3 ? std::vector{NodeCommand::stop}
                                                  : std::vector{NodeCommand::start};
                for (const auto command : commands)
                    expected.apply(command, fails);
                if (pick == 0) {
                    co_await service.destroy_node(id);
                    break;
                }
                if (random() % 2 == 0) {
                    for (const auto command : commands)
                        co_await error_of(give(node, command));
                } else {
                    const auto& topic = service.topic();
                    peer->publish(commands.size() == 2                     ? topic.restart("svc")
                                  : commands.front() == NodeCommand::start ? topic.start("svc")
                                                                           : topic.stop("svc"),
                                  id);
                    co_await settled();
                }
                EXPECT_EQ(node.lifecycle(), expected.state());
            }
            all[id] = expected.statuses;
        }
        service.publish("node.last.status", "end");
        co_await manager->wait_for_node("last", "end");
        for (const auto& [id, statuses] : all)
            EXPECT_EQ(manager->node_statuses(id), statuses) << id;
        service.shutdown();
        co_await service.wait();
    }());
}

} // namespace
} // namespace fluxlib::test
