// SPDX-License-Identifier: MIT
#include <fluxmq/headers.hpp>

#include "../src/nats/outbox.hpp"
#include "nats_support.hpp"

#include <thread>

using namespace fluxmq;
using namespace fluxmq::nats;
using fluxmq::test::kind_thrown_by;

namespace {

struct NatsOutbox : ::testing::Test {
    NatsOutbox() { outbox.set_limits(10'000, 1'000); }

    void connect(std::string_view first = "") {
        OutBuffer frames;
        frames.append(first);
        outbox.connected(std::move(frames));
    }
    void hold(std::string_view last) {
        OutBuffer frames;
        frames.append(last);
        outbox.hold(std::move(frames));
    }
    void publish(std::string_view topic, std::string_view payload = "x") {
        outbox.publish(topic, "", {}, payload);
    }
    std::string write_all() {
        std::string written;
        for (auto batch = outbox.start_write(); !batch.empty(); batch = outbox.start_write()) {
            written += batch;
            EXPECT_TRUE(outbox.written(batch.size()).empty());
        }
        return written;
    }
    TransportCounters counters() const {
        TransportCounters counters;
        outbox.add_to(counters);
        return counters;
    }

    int wakes = 0;
    Outbox outbox{[this] { ++wakes; }};
};

} // namespace

TEST_F(NatsOutbox, takes_nothing_before_the_first_connection_and_after_the_last) {
    EXPECT_EQ(kind_thrown_by([&] { publish("a"); }), errc::not_connected);
    connect();
    publish("a");
    outbox.refuse();
    EXPECT_EQ(kind_thrown_by([&] { publish("a"); }), errc::closed);
    EXPECT_EQ(write_all(), "PUB a 1\r\nx\r\n");
    outbox.close("the end");
    EXPECT_EQ(kind_thrown_by([&] { publish("a"); }), errc::closed);
    EXPECT_EQ(counters().published, 1u);
}

TEST_F(NatsOutbox, wakes_the_loop_once_and_sends_what_came_meanwhile_in_one_write) {
    connect();
    publish("a");
    publish("b");
    EXPECT_EQ(wakes, 1);
    const auto batch = outbox.start_write();
    EXPECT_EQ(batch, "PUB a 1\r\nx\r\nPUB b 1\r\nx\r\n");
    publish("c");
    EXPECT_EQ(wakes, 1);
    EXPECT_EQ(outbox.written(5), batch.substr(5));
    EXPECT_TRUE(outbox.written(batch.size() - 5).empty());
    EXPECT_EQ(write_all(), "PUB c 1\r\nx\r\n");
    publish("d");
    EXPECT_EQ(wakes, 2);
}

TEST_F(NatsOutbox, keeps_whole_frames_that_the_kernel_did_not_get_and_sends_them_after_the_subscriptions) {
    connect();
    publish("a");
    publish("b");
    outbox.control([](OutBuffer& out) { append_ping(out); });
    publish("c");
    const auto batch = outbox.start_write();
    publish("d");
    outbox.control([](OutBuffer& out) { append_subscribe(out, "s", "", 1); });
    outbox.written(batch.find("PUB b") + 3); // a part of b
    outbox.disconnected();
    publish("e");
    EXPECT_TRUE(outbox.start_write().empty());
    EXPECT_EQ(counters().pending, 4u);
    connect("SUB s 1\r\n");
    EXPECT_EQ(write_all(), "SUB s 1\r\nPUB b 1\r\nx\r\nPUB c 1\r\nx\r\nPUB d 1\r\nx\r\nPUB e 1\r\nx\r\n");
    EXPECT_EQ(counters().published, 5u);
    EXPECT_EQ(counters().pending, 0u);
    EXPECT_EQ(counters().lost, 0u);
}

TEST_F(NatsOutbox, takes_no_frame_of_the_connection_while_there_is_none) {
    EXPECT_FALSE(outbox.control([](OutBuffer& out) { append_ping(out); }));
    connect();
    EXPECT_TRUE(outbox.control([](OutBuffer& out) { append_ping(out); }));
    outbox.disconnected();
    EXPECT_FALSE(outbox.control([](OutBuffer& out) { append_ping(out); }));
    connect();
    EXPECT_EQ(write_all(), "");
}

TEST_F(NatsOutbox, holds_what_is_published_behind_its_last_frames_for_the_next_connection) {
    connect();
    publish("a");
    hold("PING\r\n");
    publish("b");
    EXPECT_FALSE(outbox.control([](OutBuffer& out) { append_ping(out); }));
    EXPECT_EQ(write_all(), "PUB a 1\r\nx\r\nPING\r\n");
    EXPECT_EQ(counters().pending, 1u);
    outbox.disconnected();
    connect("SUB c 2\r\n");
    EXPECT_EQ(write_all(), "SUB c 2\r\nPUB b 1\r\nx\r\n");
    EXPECT_EQ(counters().pending, 0u);
}

TEST_F(NatsOutbox, keeps_the_order_when_it_breaks_while_it_holds) {
    connect();
    publish("a");
    hold("PING\r\n");
    publish("b");
    outbox.disconnected(); // before anything was written
    publish("c");
    connect();
    EXPECT_EQ(write_all(), "PUB a 1\r\nx\r\nPUB b 1\r\nx\r\nPUB c 1\r\nx\r\n");
}

TEST_F(NatsOutbox, gives_up_what_it_holds_when_it_is_closed) {
    connect();
    outbox.hold({});
    publish("a");
    outbox.close("the end");
    EXPECT_EQ(counters().lost, 1u);
    EXPECT_EQ(counters().pending, 0u);
}

TEST_F(NatsOutbox, is_bounded_while_connected_and_while_not) {
    connect();
    const std::string body(400, 'x');
    while (!kind_thrown_by([&] { publish("a", body); })) {
    }
    EXPECT_EQ(kind_thrown_by([&] { publish("a", body); }), errc::buffer_full);
    EXPECT_GT(counters().published, 20u);
    EXPECT_LE(counters().published, 25u);
    write_all();
    publish("a", body);
    write_all();
    outbox.disconnected();
    publish("a", body);
    publish("a", body);
    EXPECT_EQ(kind_thrown_by([&] { publish("a", body); }), errc::buffer_full);
}

TEST_F(NatsOutbox, loses_nothing_it_took_when_more_waits_than_is_taken_while_disconnected) {
    connect();
    const std::string body(400, 'x');
    for (int i = 0; i < 20; ++i)
        publish("a", body);
    outbox.disconnected();
    EXPECT_EQ(counters().pending, 20u);
    EXPECT_EQ(kind_thrown_by([&] { publish("a", body); }), errc::buffer_full);
    connect();
    write_all();
    EXPECT_EQ(counters().pending, 0u);
    EXPECT_EQ(counters().lost, 0u);
}

TEST_F(NatsOutbox, counts_what_it_gives_up_when_it_is_closed) {
    connect();
    publish("a");
    publish("b");
    const auto batch = outbox.start_write();
    outbox.written(batch.find("PUB b"));
    publish("c");
    outbox.close("the end");
    EXPECT_EQ(counters().published, 3u);
    EXPECT_EQ(counters().lost, 2u);
    EXPECT_EQ(counters().pending, 0u);
}

TEST_F(NatsOutbox, keeps_the_order_of_each_of_many_threads) {
    outbox.set_limits(SIZE_MAX, SIZE_MAX);
    connect();
    constexpr int count = 2'000;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([this, t] {
            for (int i = 0; i < count; ++i)
                publish("t" + std::to_string(t), std::to_string(i));
        });
    std::string written;
    while (counters().published < 4 * count)
        written += write_all();
    for (auto& thread : threads)
        thread.join();
    written += write_all();
    std::string_view rest = written;
    int next[4] = {};
    while (!rest.empty()) {
        const auto frame = next_out_frame(rest).bytes;
        const auto thread = static_cast<std::size_t>(frame[5] - '0');
        const auto body = frame.substr(frame.find('\n') + 1);
        EXPECT_EQ(body.substr(0, body.size() - 2), std::to_string(next[thread]++));
    }
    for (const int n : next)
        EXPECT_EQ(n, count);
}
