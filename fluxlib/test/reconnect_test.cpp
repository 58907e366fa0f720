// SPDX-License-Identifier: MIT
// A service on a nats-server that dies: it must come back by itself and say so.
#include <fluxmq/testing/tcp_proxy.hpp>

#include "support.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace fluxlib::test {
namespace {

NodeOptions ports(std::string in, std::string out) {
    NodeOptions options;
    options.node.inputs = {{"in", {std::move(in)}}};
    options.node.outputs = {{"out", {std::move(out)}}};
    options.input_limits.overflow = fluxmq::Overflow::block;
    return options;
}

std::shared_ptr<fluxmq::Nats> quick_to_reconnect(std::string url) {
    return std::make_shared<fluxmq::Nats>(
        fluxmq::NatsOptions{.servers = {std::move(url)}, .reconnect_time_wait = 100ms});
}

TEST(reconnect, after_a_reconnect_the_statuses_are_announced_again_and_every_input_works) {
    Mesh mesh{Broker::nats};
    Log log;
    mesh.run([&]() -> Task<> {
        RecordingService service{"svc", mesh.options(), log};
        service.attach(quick_to_reconnect(mesh.server().url()));
        auto owned = std::make_unique<Recorder>(service, "n", ports("a", "b"), log);
        service.append_node(std::move(owned));
        co_await service.run();
        EXPECT_EQ(service.current_status(), "ACTIVE");
        log.clear();
        mesh.server().restart();
        co_await log.wait_for("on_connected");
        // A manager that comes later learns the state by asking, one that was there before is told.
        const auto manager = co_await mesh.manager();
        manager->request_status("svc");
        co_await manager->wait_for_service("svc", "ACTIVE");
        service.publish("a", "after the restart");
        co_await log.wait_for("n on_input in=after the restart");
        service.shutdown();
        const auto report = co_await service.wait();
        EXPECT_TRUE(report.drained);
    }());
}

TEST(reconnect, what_a_service_announces_while_the_server_is_away_arrives) {
    Mesh mesh{Broker::nats};
    Log log;
    mesh.run([&]() -> Task<> {
        // Only the service loses the server: the manager is there all the time.
        fluxmq::testing::TcpProxy proxy{"127.0.0.1", mesh.server().port()};
        RecordingService service{"svc", mesh.options(), log};
        service.attach(quick_to_reconnect("nats://" + proxy.address()));
        co_await service.run();
        const auto manager = co_await mesh.manager();
        proxy.refuse_connections();
        proxy.cut(fluxmq::testing::TcpProxy::Ending::reset);
        while (service.transport().connected())
            co_await boost::asio::post(boost::asio::use_awaitable);
        service.send_status("CALIBRATING");
        proxy.accept_connections();
        co_await manager->wait_for_service("svc", "CALIBRATING",
                                           2); // when it was said, and again when it is back
        service.shutdown();
        co_await service.wait();
    }());
}

TEST(reconnect, a_pipeline_under_load_survives_ten_kills_in_order) {
    // Passes on what it gets, and remembers it.
    struct Stage : Recorder {
        using Recorder::Recorder;
        std::vector<int> seen;
        Task<> on_input(Message message) override {
            seen.push_back(std::stoi(std::string{message.text()}));
            output("out").publish(message.payload());
            co_await note(std::string{message.text()});
        }
    };
    Mesh mesh{Broker::nats};
    Log log;
    mesh.run([&]() -> Task<> {
        RecordingService service{"svc", mesh.options(), log};
        service.attach(quick_to_reconnect(mesh.server().url()));
        auto& source = service.append_node<Node>("source", ports("none", "a"));
        service.append_node(std::make_unique<Stage>(service, "stage", ports("a", "b"), log));
        auto owned = std::make_unique<Stage>(service, "sink", ports("b", "c"), log);
        auto& sink = *owned;
        service.append_node(std::move(owned));
        co_await service.run();
        int number = 0;
        std::vector<int> must_arrive;
        const auto publish = [&](int count, bool must) {
            for (int i = 0; i < count; ++i, ++number) {
                source.output("out").publish(std::to_string(number));
                if (must)
                    must_arrive.push_back(number);
            }
        };
        for (int kill = 0; kill < 10; ++kill) {
            publish(300, true);
            co_await log.wait_for("sink " + std::to_string(number - 1));
            log.clear();
            publish(300, false); // written into a connection that breaks: at most once
            mesh.server().kill9();
            while (service.transport().connected())
                co_await boost::asio::post(boost::asio::use_awaitable);
            publish(300, true); // buffered
            mesh.server().start();
            co_await log.wait_for("on_connected");
            co_await log.wait_for("sink " + std::to_string(number - 1));
        }
        service.shutdown();
        const auto report = co_await service.wait();
        EXPECT_TRUE(report.drained);
        EXPECT_TRUE(std::is_sorted(sink.seen.begin(), sink.seen.end()));
        EXPECT_TRUE(
            std::includes(sink.seen.begin(), sink.seen.end(), must_arrive.begin(), must_arrive.end()));
        EXPECT_EQ(std::adjacent_find(sink.seen.begin(), sink.seen.end()), sink.seen.end()) << "handled twice";
        EXPECT_EQ(report.account.dropped.total(), 0u);
        EXPECT_EQ(report.account.pending, 0u);
    }());
}

TEST(reconnect, a_transport_that_gives_up_ends_the_service) {
    Mesh mesh{Broker::nats};
    mesh.run([&]() -> Task<> {
        Service service{"svc", mesh.options()};
        service.attach(std::make_shared<fluxmq::Nats>(fluxmq::NatsOptions{
            .servers = {mesh.server().url()}, .reconnect_time_wait = 20ms, .max_reconnect_attempts = 2}));
        co_await service.run();
        mesh.server().kill9();
        co_await service.wait(); // ends by itself
    }());
}

} // namespace
} // namespace fluxlib::test
