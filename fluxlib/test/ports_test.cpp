// SPDX-License-Identifier: MIT
// Input and Output, on both brokers.
#include "support.hpp"

namespace fluxlib::test {
namespace {

/// A service with one started node that has the ports of a test.
class PortsOn : public ::testing::TestWithParam<Broker> {
protected:
    Mesh mesh{GetParam()};
    Log log;

    // Runs `body` with a started node whose inputs and outputs are given.
    void with_node(std::vector<DataInput> inputs, std::vector<DataOutput> outputs,
                   std::function<Task<>(Service&, Recorder&)> body, bool auto_listen = true,
                   Profile profile = {}) {
        mesh.run([&]() -> Task<> {
            auto service_options = mesh.options();
            service_options.profile = profile;
            Service service{"svc", service_options};
            service.attach(co_await mesh.connect());
            NodeOptions options;
            options.node.inputs = inputs;
            options.node.outputs = outputs;
            options.auto_listen = auto_listen;
            auto owned = std::make_unique<Recorder>(service, "n", options, log);
            auto& node = *owned;
            service.append_node(std::move(owned));
            co_await service.run();
            log.clear();
            co_await body(service, node);
            service.shutdown();
            co_await service.wait();
        }());
    }
};

INSTANTIATE_TEST_SUITE_P(, PortsOn, ::testing::Values(Broker::inproc, Broker::nats),
                         ::testing::PrintToStringParamName());

TEST_P(PortsOn, an_input_stores_the_latest_value_and_calls_on_input) {
    with_node({{"in", {"a", "b"}}}, {}, [&](Service& service, Recorder& node) -> Task<> {
        EXPECT_FALSE(node.input("in").read().has_value());
        service.publish("a", "1");
        service.publish("b", {{"x", 2}});
        co_await log.wait_for_count(2);
        EXPECT_EQ(node.input("in").read()->json().at("x").as_int64(), 2);
        EXPECT_EQ(node.input("in").read()->topic(), "b");
        EXPECT_EQ(node.input("in").read()->input(), "in");
        EXPECT_THAT(log.lines(), ElementsAre("n on_input in=1", R"(n on_input in={"x":2})"));
    });
}

TEST_P(PortsOn, listen_subscribes_an_input_that_init_left_alone) {
    with_node(
        {{"in", {"a"}}}, {},
        [&](Service& service, Recorder& node) -> Task<> {
            service.publish("a", "nobody listens");
            co_await service.transport().flush();
            co_await node.input("in").listen();
            co_await node.input("in").listen(); // again has no effect
            service.publish("a", "heard");
            co_await log.wait_for("n on_input in=heard");
            EXPECT_EQ(node.counters().received, 1u);
        },
        false);
}

TEST_P(PortsOn, store_value_replaces_the_latest_value) {
    with_node({{"in", {"a"}}}, {}, [&](Service&, Recorder& node) -> Task<> {
        auto& input = node.input("in");
        input.store_value({{"processed", true}});
        EXPECT_TRUE(input.read()->json().at("processed").as_bool());
        input.store_value(Message{fluxmq::Bytes::copy("t"), fluxmq::Bytes::copy("text")});
        EXPECT_EQ(input.read()->text(), "text");
        co_return;
    });
}

TEST_P(PortsOn, subscribe_hands_every_message_to_the_callback_before_on_input) {
    with_node({{"in", {"a", "b"}}}, {}, [&](Service& service, Recorder& node) -> Task<> {
        co_await node.input("in").subscribe(
            [&](const Message& m) { log.add("callback " + std::string{m.text()}); });
        co_await node.input("in").subscribe([&](const Message& m) -> Task<> {
            log.add("coroutine " + std::string{m.text()});
            co_return;
        });
        service.publish("a", "1");
        service.publish("b", "2");
        co_await log.wait_for("n on_input in=2");
        EXPECT_THAT(log.lines(), ElementsAre("callback 1", "coroutine 1", "n on_input in=1", "callback 2",
                                             "coroutine 2", "n on_input in=2"));
    });
}

TEST_P(PortsOn, subscribe_one_hands_one_topic_to_its_callback_alone) {
    with_node({{"in", {"a"}}}, {}, [&](Service& service, Recorder& node) -> Task<> {
        co_await node.input("in").subscribe_one(
            "special.*", [&](const Message& m) { log.add("special " + std::string{m.text()}); });
        service.publish("special.1", "x");
        service.publish("a", "y");
        co_await log.wait_for_count(2);
        EXPECT_THAT(log.lines(), ElementsAre("special x", "n on_input in=y"));
        EXPECT_EQ(node.input("in").read()->text(), "y");
    });
}

TEST_P(PortsOn, a_callback_that_throws_is_reported_and_the_others_still_run) {
    with_node({{"in", {"a"}}}, {}, [&](Service& service, Recorder& node) -> Task<> {
        co_await node.input("in").subscribe([](const Message&) { throw std::runtime_error{"no"}; });
        service.publish("a", "1");
        co_await log.wait_for("n on_input in=1");
        EXPECT_EQ(log.count("n on_error in input handler"), 1u);
    });
}

TEST_P(PortsOn, an_input_hears_a_topic_with_slashes_in_both_forms) {
    with_node({{"in", {"node/x/in"}}}, {}, [&](Service& service, Recorder&) -> Task<> {
        service.publish("node/x/in", "slash");
        service.publish("node.x.in", "dot");
        co_await log.wait_for_count(2);
        EXPECT_THAT(log.lines(), ::testing::UnorderedElementsAre("n on_input in=slash", "n on_input in=dot"));
    });
}

TEST_P(PortsOn, an_output_publishes_a_topic_with_slashes_as_it_is_written_in_every_profile) {
    for (const auto& profile : {Profile{}, Profile::python(), Profile::go()})
        with_node(
            {}, {{"out", {"plant/x.y/out"}}},
            [&](Service& service, Recorder& node) -> Task<> {
                const auto heard = co_await service.subscribe("plant/x.y/out");
                node.output("out").publish("out");
                EXPECT_EQ((co_await heard->get()).text(), "out");
            },
            true, profile);
}

TEST_P(PortsOn, an_output_publishes_dots_for_slashes_where_the_profile_says_so) {
    Profile profile;
    profile.port_topics = PortTopics::dots;
    with_node(
        {}, {{"out", {"plant/x/out"}}},
        [&](Service& service, Recorder& node) -> Task<> {
            const auto heard = co_await service.subscribe("plant.x.out");
            node.output("out").publish("out");
            EXPECT_EQ((co_await heard->get()).text(), "out");
        },
        true, profile);
}

TEST_P(PortsOn, a_message_that_several_topics_of_an_input_cover_is_handled_once) {
    with_node({{"in", {"a.*", "a.b", "a.>"}}}, {}, [&](Service& service, Recorder&) -> Task<> {
        service.publish("a.b", "1");
        service.publish("a.b.c", "2");
        service.publish("a.x", "3");
        co_await service.transport().flush();
        co_await log.wait_for_count(3);
        EXPECT_THAT(log.lines(),
                    ::testing::UnorderedElementsAre("n on_input in=1", "n on_input in=2", "n on_input in=3"));
    });
}

TEST_P(PortsOn, inputs_of_the_same_alias_in_two_nodes_share_nothing) {
    with_node({{"in", {"a"}}}, {}, [&](Service& service, Recorder& node) -> Task<> {
        NodeOptions options;
        options.node.inputs = {{"in", {"b"}}};
        auto& other = service.append_node<Node>("other", options);
        node.input("in").store_value("mine");
        EXPECT_FALSE(other.input("in").read().has_value());
        co_return;
    });
}

TEST_P(PortsOn, publish_reaches_every_topic_of_the_output) {
    with_node({}, {{"out", {"x", "y"}}}, [&](Service& service, Recorder& node) -> Task<> {
        const auto x = co_await service.subscribe("x");
        const auto y = co_await service.subscribe("y");
        node.output("out").publish({{"v", 1}});
        EXPECT_EQ((co_await x->get()).text(), R"({"v":1})");
        EXPECT_EQ((co_await y->get()).text(), R"({"v":1})");
        EXPECT_EQ(node.published(), 2u);
    });
}

TEST_P(PortsOn, call_is_a_request_whose_answer_goes_to_the_callback) {
    with_node({}, {{"out", {"x"}}}, [&](Service& service, Recorder& node) -> Task<> {
        co_await service.subscribe_handler("process/complete", [&](const Message& m) {
            service.respond(m, "done: " + std::string{m.text()});
        });
        std::string got;
        co_await node.output("out").call(
            "process/complete", [&](const Message& m) { got = m.text(); }, "work");
        EXPECT_EQ(got, "done: work");
        EXPECT_EQ(co_await error_of(node.output("out").call("nobody/there", [](const Message&) {})),
                  errc::no_responders);
    });
}

TEST_P(PortsOn, headers_of_the_message_being_handled_travel_on_and_explicit_ones_win) {
    struct Forwarder : Recorder {
        using Recorder::Recorder;
        Task<> on_input(Message message) override {
            output("out").publish(message.payload(), {{"hop", "2"}});
            co_return;
        }
    };
    mesh.run([&]() -> Task<> {
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        NodeOptions options;
        options.node.inputs = {{"in", {"a"}}};
        options.node.outputs = {{"out", {"b"}}};
        service.append_node(std::make_unique<Forwarder>(service, "n", options, log));
        const auto out = co_await service.subscribe("b");
        co_await service.run();
        service.publish("a", "x", {{"traceparent", "00-1"}, {"hop", "1"}});
        const auto message = co_await out->get();
        EXPECT_EQ(message.headers(), (fluxmq::Headers{{"traceparent", "00-1"}, {"hop", "2"}}));
        service.publish("a", "y");
        const auto plain = co_await out->get();
        EXPECT_EQ(plain.headers(), (fluxmq::Headers{{"hop", "2"}}));
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(PortsOn, headers_that_are_about_one_message_stay_behind_and_none_is_sent_twice) {
    struct Forwarder : Recorder {
        using Recorder::Recorder;
        Task<> on_input(Message) override {
            output("out").publish("plain");
            output("out").publish("with some", {{"hop", "2"}, {"Nats-Msg-Id", "mine"}, {"hop", "3"}});
            co_await output("out").call("asked", [](const Message&) {});
        }
    };
    mesh.run([&]() -> Task<> {
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        NodeOptions options;
        options.node.inputs = {{"in", {"a"}}};
        options.node.outputs = {{"out", {"b"}}};
        auto owned = std::make_unique<Forwarder>(service, "n", options, log);
        auto& node = *owned;
        service.append_node(std::move(owned));
        const auto out = co_await service.subscribe("b");
        const auto asked = co_await service.subscribe("asked");
        co_await service.run();
        const fluxmq::Headers several{{"traceparent", "00-1"},
                                      {"Nats-Msg-Id", "1"},
                                      {"list", "a"},
                                      {"CE-id", "2"},
                                      {"list", "b"},
                                      {"kv-operation", "PUT"},
                                      {"hop", "1"},
                                      {"nats-sequence", "7"},
                                      {"_watermill_message_uuid", "3"}};
        service.publish("a", "x", several);
        const auto plain = co_await out->get();
        EXPECT_EQ(plain.headers(),
                  (fluxmq::Headers{{"traceparent", "00-1"}, {"list", "a, b"}, {"hop", "1"}}));
        const auto with_some = co_await out->get();
        EXPECT_EQ(with_some.headers(),
                  (fluxmq::Headers{
                      {"traceparent", "00-1"}, {"list", "a, b"}, {"hop", "2, 3"}, {"Nats-Msg-Id", "mine"}}));
        const auto call = co_await asked->get();
        EXPECT_EQ(call.headers(), (fluxmq::Headers{{"traceparent", "00-1"}, {"list", "a, b"}, {"hop", "1"}}));
        service.respond(call, "done");
        node.output("out").publish("of its own", {{"hop", "2"}, {"hop", "3"}});
        const auto own = co_await out->get();
        EXPECT_EQ(own.headers().all("hop"), std::vector<std::string_view>{"2, 3"});
        service.shutdown();
        co_await service.wait();
    }());
}

// A node that is busy until the test lets it go, so that its input fills.
struct Held : Recorder {
    using Recorder::Recorder;
    fluxmq::Wakeup go;
    bool held = true;
    Task<> on_input(Message message) override {
        co_await note(std::string{message.text()});
        while (held)
            co_await go.wait();
    }
    void release() {
        held = false;
        go.notify();
    }
};

class OverflowOn : public PortsOn {
protected:
    void with_full_input(fluxmq::Overflow overflow, std::function<Task<>(Service&, Held&)> body) {
        mesh.run([&]() -> Task<> {
            Service service{"svc", mesh.options()};
            service.attach(co_await mesh.connect());
            NodeOptions options;
            options.node.inputs = {{"in", {"a"}}};
            options.input_limits = {.messages = 3, .overflow = overflow};
            auto owned = std::make_unique<Held>(service, "n", options, log);
            auto& node = *owned;
            service.append_node(std::move(owned));
            co_await service.run();
            log.clear();
            service.publish("a", "0");
            co_await log.wait_for("n 0");
            for (int i = 1; i <= 5; ++i)
                service.publish("a", std::to_string(i));
            co_await body(service, node);
            service.shutdown();
            co_await service.wait();
        }());
    }
};

INSTANTIATE_TEST_SUITE_P(, OverflowOn, ::testing::Values(Broker::inproc, Broker::nats),
                         ::testing::PrintToStringParamName());

TEST_P(OverflowOn, drop_oldest_keeps_the_latest_and_counts) {
    with_full_input(fluxmq::Overflow::drop_oldest, [&](Service& service, Held& node) -> Task<> {
        co_await service.transport().flush();
        node.release();
        co_await log.wait_for_count(4);
        EXPECT_THAT(log.lines(), ElementsAre("n 0", "n 3", "n 4", "n 5"));
        EXPECT_EQ(node.counters().dropped.oldest, 2u);
        EXPECT_EQ(node.counters().dropped.total(), 2u);
    });
}

TEST_P(OverflowOn, drop_newest_keeps_the_earliest_and_counts) {
    with_full_input(fluxmq::Overflow::drop_newest, [&](Service& service, Held& node) -> Task<> {
        co_await service.transport().flush();
        node.release();
        co_await log.wait_for_count(4);
        EXPECT_THAT(log.lines(), ElementsAre("n 0", "n 1", "n 2", "n 3"));
        EXPECT_EQ(node.counters().dropped.newest, 2u);
    });
}

TEST_P(OverflowOn, fail_reports_to_on_error_and_counts) {
    with_full_input(fluxmq::Overflow::fail, [&](Service& service, Held& node) -> Task<> {
        co_await service.transport().flush();
        node.release();
        co_await log.wait_for("n 3");
        EXPECT_EQ(log.count("n on_error in on_input"), 1u);
        EXPECT_EQ(node.counters().dropped.failed, 2u);
    });
}

TEST_P(OverflowOn, block_loses_nothing_and_keeps_the_order) {
    with_full_input(fluxmq::Overflow::block, [&](Service& service, Held& node) -> Task<> {
        node.release();
        co_await service.transport().flush();
        co_await log.wait_for_count(6);
        EXPECT_THAT(log.lines(), ElementsAre("n 0", "n 1", "n 2", "n 3", "n 4", "n 5"));
        EXPECT_EQ(node.counters().dropped.total(), 0u);
    });
}

} // namespace
} // namespace fluxlib::test
