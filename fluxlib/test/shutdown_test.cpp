// SPDX-License-Identifier: MIT
// How a service ends: order, draining, signals, the report.
#include "support.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <csignal>

namespace fluxlib::test {
namespace {

class ShutdownOn : public ::testing::TestWithParam<Broker> {
protected:
    Mesh mesh{GetParam()};
    Log log;
};

INSTANTIATE_TEST_SUITE_P(, ShutdownOn, ::testing::Values(Broker::inproc, Broker::nats),
                         ::testing::PrintToStringParamName());

// Passes on what it gets, a little later.
struct Stage : Recorder {
    using Recorder::Recorder;
    Task<> on_input(Message message) override {
        co_await clock().sleep_for(std::chrono::microseconds{100});
        output("out").publish(message.payload());
    }
};

NodeOptions stage(std::string in, std::string out) {
    NodeOptions options;
    options.node.inputs = {{"in", {std::move(in)}}};
    options.node.outputs = {{"out", {std::move(out)}}};
    return options;
}

TEST_P(ShutdownOn, what_is_on_its_way_through_a_pipeline_arrives_before_the_nodes_stop) {
    mesh.run([&]() -> Task<> {
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        auto& first = service.append_node<Node>("first", stage("none", "a"));
        service.append_node(std::make_unique<Stage>(service, "second", stage("a", "b"), log));
        service.append_node(std::make_unique<Stage>(service, "third", stage("b", "c"), log));
        auto& last = service.append_node<Node>("last", stage("c", "unused"));
        co_await service.run();
        for (int i = 0; i < 200; ++i)
            first.output("out").publish(std::to_string(i));
        service.shutdown();
        const auto report = co_await service.wait();
        EXPECT_TRUE(report.drained);
        EXPECT_TRUE(report.unfinished.empty());
        EXPECT_EQ(report.account.line(), "account: published=600 delivered=600 dropped=0 pending=0");
        static_cast<void>(last);
    }());
}

TEST_P(ShutdownOn, the_end_comes_in_order) {
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        RecordingService service{"svc", mesh.options(), log};
        service.attach(co_await mesh.connect());
        auto node = std::make_unique<Recorder>(service, "n", stage("a", "b"), log);
        service.append_node(std::move(node));
        co_await service.run();
        log.clear();
        service.publish("a", "last words");
        co_await service.transport().flush();
        service.shutdown();
        co_await service.wait();
        co_await manager->wait_for_service("svc", "STOPPED");
        EXPECT_EQ(log.count("on_shutdown 0"), 1u);
        EXPECT_EQ(log.count("n on_input in=last words"), 1u);
        EXPECT_EQ(log.lines()[2], "n on_stop");
        EXPECT_EQ(log.lines()[3], "n on_destroy");
        EXPECT_FALSE(service.transport().connected());
        std::vector<std::string> seen;
        for (const auto& entry : manager->seen())
            if (entry.text == "STOPPING" || entry.text == "stopped" || entry.text == "STOPPED")
                seen.push_back(entry.text);
        EXPECT_THAT(seen, ElementsAre("STOPPING", "stopped", "STOPPED"));
    }());
}

TEST(shutdown, a_signal_ends_wait_with_a_drained_shutdown) {
    for (const int signal : {SIGTERM, SIGINT}) {
        Log log;
        const auto app = [&]() -> Task<> {
            RecordingService service{"svc", {}, log};
            service.attach(std::make_shared<fluxmq::InProc>());
            service.append_node(std::make_unique<Recorder>(service, "n", stage("a", "b"), log));
            co_await service.run();
            // Raised when wait() has taken over the signals: its first turn of the loop.
            boost::asio::post(co_await boost::asio::this_coro::executor, [signal] { std::raise(signal); });
            const auto report = co_await service.wait();
            EXPECT_EQ(report.signal, signal);
            EXPECT_TRUE(report.drained);
        };
        EXPECT_EQ(fluxlib::run(app()), 0);
        EXPECT_EQ(log.count("on_shutdown " + std::to_string(signal)), 1u);
        EXPECT_EQ(log.count("n on_stop"), 1u);
        EXPECT_EQ(log.count("n on_destroy"), 1u);
    }
}

TEST_P(ShutdownOn, a_service_that_is_destroyed_without_wait_leaves_nothing_that_runs) {
    mesh.run([&]() -> Task<> {
        const auto transport = co_await mesh.connect();
        {
            RecordingService service{"svc", mesh.options(), log};
            service.attach(transport);
            service.append_node(std::make_unique<Recorder>(service, "n", stage("a", "b"), log));
            co_await service.subscribe_handler("a", [&](const Message&) { log.add("handler"); });
            co_await service.run();
            log.clear();
            for (int i = 0; i < 10; ++i)
                service.publish("a", "waits in the mailboxes");
            service.node("n").set_status("changed");
        }
        co_await transport->flush();
        for (int turn = 0; turn < 10; ++turn)
            co_await boost::asio::post(boost::asio::use_awaitable);
        EXPECT_THAT(log.lines(), ElementsAre());
        co_await transport->close();
    }());
}

// A node that waits for ever in its hooks.
struct Stuck : Recorder {
    using Recorder::Recorder;
    fluxmq::Wakeup never;
    Task<> on_input(Message) override {
        co_await note("stuck");
        co_await never.wait();
    }
    Task<> on_stop() override {
        co_await note("on_stop");
        co_await never.wait();
    }
    Task<> on_error(const HookError& error) override { return note(error.what()); }
};

TEST(shutdown, what_is_not_finished_by_the_deadline_is_named_and_cancelled) {
    Mesh mesh;
    Log log;
    mesh.run([&]() -> Task<> {
        auto options = mesh.options();
        options.drain_timeout = 2s;
        Service service{"svc", options};
        service.attach(co_await mesh.connect());
        service.append_node(std::make_unique<Stuck>(service, "n", stage("a", "b"), log));
        co_await service.run();
        for (int i = 0; i < 3; ++i)
            service.publish("a", "x");
        co_await log.wait_for("n stuck");
        const auto begin = mesh.clock()->now();
        service.shutdown();
        const auto report = co_await service.wait();
        EXPECT_EQ(mesh.clock()->now() - begin, 6s); // 3 s for each of the two hooks
        EXPECT_EQ(log.count("n hook failed: node 'n', on_input: timeout: it was cancelled, for it took "
                            "longer than 2000 ms (topic 'a')"),
                  1u);
        EXPECT_EQ(log.count("n hook failed: node 'n', on_stop: timeout: it was cancelled, for it took longer "
                            "than 2000 ms"),
                  1u);
        EXPECT_EQ(log.count("n on_destroy"), 1u);
        EXPECT_FALSE(report.drained);
        EXPECT_THAT(report.unfinished, ElementsAre("node 'n'"));
        EXPECT_EQ(report.account.pending, 2u);
        EXPECT_EQ(report.account.delivered, 1u);
    }());
}

TEST(shutdown, a_second_signal_cancels_what_hangs_at_once) {
    Log log;
    const auto app = [&]() -> Task<> {
        ServiceOptions options;
        options.drain_timeout = 1h;
        RecordingService service{"svc", options, log};
        service.attach(std::make_shared<fluxmq::InProc>());
        service.append_node(std::make_unique<Stuck>(service, "n", stage("a", "b"), log));
        co_await service.run();
        service.publish("a", "x");
        co_await log.wait_for("n stuck");
        // The first when wait() has taken over the signals, each next one when the one before it has had its effect.
        const auto interrupt = [&]() -> Task<> {
            co_await boost::asio::post(boost::asio::use_awaitable);
            std::raise(SIGINT);
            co_await log.wait_for("on_shutdown " + std::to_string(SIGINT));
            std::raise(SIGINT);
            co_await log.wait_for("n on_stop");
            std::raise(SIGINT);
        };
        boost::asio::co_spawn(co_await boost::asio::this_coro::executor, interrupt(), boost::asio::detached);
        const auto report = co_await service.wait();
        EXPECT_FALSE(report.drained);
        EXPECT_EQ(log.count("n hook failed: node 'n', on_stop: timeout: it was cancelled, for a second "
                            "signal came while it ran"),
                  1u);
    };
    EXPECT_EQ(fluxlib::run(app()), 0);
}

TEST_P(ShutdownOn, a_hook_of_the_service_that_hangs_does_not_hold_up_the_end) {
    struct Hanging : Service {
        using Service::Service;
        fluxmq::Wakeup entered;
        fluxmq::Wakeup never;
        Task<> on_settings(const Message&) override {
            entered.notify();
            co_await never.wait();
        }
    };
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        auto options = mesh.options();
        options.drain_timeout = 200ms;
        Hanging service{"svc", options};
        service.attach(co_await mesh.connect());
        co_await service.run();
        manager->set_service_settings("svc", "{}");
        co_await service.entered.wait();
        service.shutdown();
        const auto report = co_await service.wait();
        EXPECT_TRUE(report.drained);
        co_await manager->wait_for_error("svc",
                                         "on_settings: it was cancelled, for it took longer than 200 ms");
    }());
}

} // namespace
} // namespace fluxlib::test
