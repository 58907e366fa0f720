// SPDX-License-Identifier: MIT
#include <fluxmq/nats.hpp>
#include <fluxmq/testing/nats_cluster.hpp>

#include "nats_support.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>

using namespace fluxmq;
using namespace fluxmq::test;
using namespace std::chrono_literals;
using fluxmq::testing::NatsCluster;

namespace {

// Publishes on `from` until `inbox` has got something new: interest spreads over routes without an answer.
Task<> passes(Nats& from, Inbox& inbox) {
    const auto before = inbox.size();
    co_await until(
        [&] {
            from.publish("a", "x");
            return inbox.size() > before;
        },
        "a message over a route");
}

} // namespace

TEST(NatsCluster, messages_pass_between_any_two_members) {
    NatsCluster cluster;
    ASSERT_EQ(cluster.size(), 3u);
    run([&]() -> Task<> {
        for (std::size_t i = 0; i < cluster.size(); ++i)
            for (std::size_t k = 0; k < cluster.size(); ++k) {
                Nats from;
                Nats to;
                co_await from.connect(cluster[i].url());
                co_await to.connect(cluster[k].url());
                const auto inbox = std::make_shared<Inbox>();
                const auto subscription = co_await to.subscribe("a", inbox);
                co_await passes(from, *inbox);
                co_await from.close();
                co_await to.close();
            }
    });
}

TEST(NatsCluster, a_member_that_was_killed_comes_back_and_has_its_routes) {
    NatsCluster cluster;
    run([&]() -> Task<> {
        NatsOptions options;
        options.reconnect_time_wait = 20ms;
        options.randomize = false;
        Nats nats{options};
        Nats other;
        co_await nats.connect(cluster.url());
        co_await other.connect(cluster[2].url());
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await other.subscribe("a", inbox);
        EXPECT_EQ(nats.server(), cluster[0].address());
        cluster[0].kill9();
        cluster.await_routes(); // of those that are left
        co_await until([&] { return nats.server() == cluster[1].address(); }, "the next member");
        co_await passes(nats, *inbox);
        cluster[0].start();
        cluster.await_routes();
        Nats back;
        co_await back.connect(cluster[0].url());
        co_await passes(back, *inbox);
        for (auto* each : {&nats, &other, &back})
            co_await each->close();
    });
}

TEST(NatsCluster, a_frozen_member_is_left_for_another) {
    NatsCluster cluster;
    run([&]() -> Task<> {
        NatsOptions options;
        options.reconnect_time_wait = 20ms;
        options.randomize = false;
        options.ping_interval = 50ms;
        Nats nats{options};
        co_await nats.connect(cluster.url());
        cluster[0].freeze();
        co_await until([&] { return nats.server() == cluster[1].address(); }, "the next member");
        cluster[0].thaw();
        cluster.await_routes();
        co_await nats.close();
    });
}

TEST(NatsCluster, members_tell_clients_of_each_other_only_when_they_may) {
    for (const bool advertise : {true, false}) {
        NatsCluster cluster{{.advertise = advertise}};
        run([&]() -> Task<> {
            const auto executor = co_await boost::asio::this_coro::executor;
            boost::asio::ip::tcp::socket socket{executor};
            socket.connect({boost::asio::ip::address_v4::loopback(), cluster[0].port()});
            std::string info;
            boost::asio::read_until(socket, boost::asio::dynamic_buffer(info), '\n');
            EXPECT_EQ(info.find("connect_urls") != std::string::npos, advertise) << info;
        });
    }
}
