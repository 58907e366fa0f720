// SPDX-License-Identifier: MIT
// Nodes that fail, and hooks that hang.
#include "supervisor.hpp"
#include "support.hpp"

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

// What the table says, command by command; hooks of this node throw now and then.
TEST_P(SupervisedOn, a_thousand_random_commands_give_the_statuses_of_the_table) {
    with_node({}, [&](FakeManager& manager, Service& service, Fragile& node, fluxmq::Transport&) -> Task<> {
        std::mt19937 random{5};
        std::vector<std::string> expected{"created"};
        auto state = NodeState::created;
        for (int i = 0; i < 1000; ++i) {
            const auto command = random() % 3 == 0 ? NodeCommand::stop : NodeCommand::start;
            node.failures = random() % 4 == 0 ? 1 : 0;
            const bool fails = node.failures != 0;
            const auto wanted = transition(state, command, true);
            auto call = command == NodeCommand::start ? service.start_node("n") : service.stop_node("n");
            const auto kind = co_await error_of(std::move(call));
            switch (wanted.kind) {
            case Transition::Kind::nothing: EXPECT_EQ(kind, errc{}); break;
            case Transition::Kind::illegal: EXPECT_EQ(kind, errc::illegal_transition); break;
            case Transition::Kind::run:
                if (wanted.runs_start && fails) {
                    EXPECT_EQ(kind, errc::hook_failed);
                    state = NodeState::error;
                } else {
                    EXPECT_EQ(kind, errc{});
                    state = wanted.to;
                }
                expected.push_back(state == NodeState::error     ? "error"
                                   : state == NodeState::started ? "started"
                                                                 : "stopped");
                break;
            }
            EXPECT_EQ(node.lifecycle(), state);
        }
        co_await service.transport().flush();
        const auto times = std::count(expected.begin(), expected.end(), expected.back());
        co_await manager.wait_for_node("n", expected.back(), static_cast<std::size_t>(times));
        EXPECT_EQ(manager.node_statuses("n"), expected);
    });
}

} // namespace
} // namespace fluxlib::test
