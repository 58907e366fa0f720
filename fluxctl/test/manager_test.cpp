// SPDX-License-Identifier: MIT
// What the development manager says, and when; the I/O is in up_test.cpp.
#include "flow/manager.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

namespace fluxctl::flow {

static void PrintTo(const Manager::Outgoing& message, std::ostream* out) {
    *out << message.topic << " '" << message.payload << "'";
}

namespace {

using Outgoing = Manager::Outgoing;
using Event = Manager::Event;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Flow flow_of(const std::string& yaml) {
    auto parsed = parse(yaml);
    EXPECT_THAT(parsed.problems, IsEmpty());
    return parsed.flow;
}

constexpr auto two_services = "services:\n"
                              "  one: {nodes: {a: {type: t}}}\n"
                              "  two: {nodes: {b: {type: t}}}\n";

Outgoing config(const std::string& service, const std::string& node, const std::string& settings = "{}") {
    return {"service." + service + ".set_config",
            "[{\"id\":\"" + node +
                "\",\"name\":\"\",\"type\":\"t\",\"timer\":{\"type\":\"NONE\",\"intervalMs\":0,"
                "\"interval\":0,\"unset\":true},\"settings\":" +
                settings + ",\"inputs\":[],\"outputs\":[]}]"};
}

Outgoing start(const std::string& service, const std::string& nodes = "*") {
    return {"service." + service + ".start", nodes};
}
Outgoing stop(const std::string& service) { return {"service." + service + ".stop", "*"}; }

class FlowManager : public ::testing::Test {
protected:
    Manager manager{flow_of(two_services)};

    std::vector<Outgoing> status(const std::string& service, const std::string& text) {
        return manager.handle("service." + service + ".status", text).send;
    }

    // Up and running.
    void run() {
        manager.begin();
        for (const auto* service : {"one", "two"}) {
            status(service, "READY");
            status(service, "ACTIVE");
        }
    }
};

TEST_F(FlowManager, listens_to_what_its_services_and_nodes_announce) {
    EXPECT_THAT(manager.topics(),
                ElementsAre("node.a.status", "node.b.status", "service.one.error", "service.one.get_config",
                            "service.one.status", "service.two.error", "service.two.get_config",
                            "service.two.status"));
}

TEST_F(FlowManager, sends_every_config_at_once) {
    EXPECT_THAT(manager.begin(), ElementsAre(config("one", "a"), config("two", "b")));
}

TEST_F(FlowManager, sends_the_config_to_who_asks_and_who_is_connected) {
    EXPECT_THAT(manager.handle("service.two.get_config", "two").send, ElementsAre(config("two", "b")));
    EXPECT_THAT(status("one", "CONNECTED"), ElementsAre(config("one", "a")));
    EXPECT_THAT(status("one", "STARTING"), IsEmpty());
}

TEST_F(FlowManager, starts_all_nodes_once_after_each_config) {
    manager.begin();
    EXPECT_THAT(status("one", "READY"), ElementsAre(start("one")));
    EXPECT_THAT(status("one", "READY"), IsEmpty()); // a Go service says it after a start, too
    status("one", "CONNECTED");                     // it was started again
    EXPECT_THAT(status("one", "READY"), ElementsAre(start("one")));
}

TEST_F(FlowManager, shows_statuses_and_errors_of_the_flow_and_nothing_else) {
    EXPECT_EQ(manager.handle("service.one.status", "READY").event,
              (Event{.service = "one", .status = "READY"}));
    EXPECT_EQ(manager.handle("node.b.status", "started").event,
              (Event{.service = "two", .node = "b", .status = "started"}));
    EXPECT_EQ(manager.handle("service.two.error", "no such device").event,
              (Event{.service = "two", .error = "no such device"}));
    EXPECT_EQ(manager.handle("service.one.get_config", "one").event, std::nullopt);
    EXPECT_EQ(manager.handle("service.three.status", "READY").event, std::nullopt);
    EXPECT_THAT(manager.handle("service.three.get_config", "three").send, IsEmpty());
}

TEST_F(FlowManager, knows_who_has_not_said_anything) {
    manager.begin();
    EXPECT_THAT(manager.silent(), ElementsAre("one", "two"));
    status("one", "READY");
    EXPECT_THAT(manager.silent(), ElementsAre("two"));
    manager.handle("service.two.get_config", "two");
    EXPECT_THAT(manager.silent(), IsEmpty());
}

TEST_F(FlowManager, a_change_reaches_only_the_services_that_differ) {
    run();
    const auto same = manager.change(flow_of(two_services));
    EXPECT_THAT(same.services, IsEmpty());
    EXPECT_THAT(same.send, IsEmpty());
    const auto change = manager.change(flow_of("services:\n"
                                               "  one: {nodes: {a: {type: t}}}\n"
                                               "  two: {nodes: {b: {type: t, settings: {x: 1}}}}\n"
                                               "  three: {nodes: {c: {type: t}}}\n"));
    EXPECT_THAT(change.services, ElementsAre("two", "three"));
    EXPECT_THAT(change.send, ElementsAre(config("two", "b", "{\"x\":1}"), config("three", "c")));
    EXPECT_THAT(status("three", "READY"), ElementsAre(start("three")));
    EXPECT_THAT(manager.topics(), ::testing::Contains("node.c.status"));
}

constexpr auto one_more_node = "services:\n"
                               "  one: {nodes: {a: {type: t}}}\n"
                               "  two: {nodes: {b: {type: t}, c: {type: t}}}\n";

TEST_F(FlowManager, a_change_starts_only_what_is_new) {
    run();
    manager.change(flow_of(one_more_node));
    EXPECT_THAT(status("two", "READY"), ElementsAre(start("two", "c")));
    manager.change(flow_of("services:\n"
                           "  one: {nodes: {a: {type: t}}}\n"
                           "  two: {nodes: {b: {type: other}, c: {type: t, settings: {x: 1}}}}\n"));
    EXPECT_THAT(status("two", "READY"), ElementsAre(start("two", "b")));
    manager.change(flow_of(one_more_node));
    manager.handle("node.b.status", "started"); // a service that was told start for all has done it
    EXPECT_THAT(status("two", "READY"), IsEmpty());
}

TEST_F(FlowManager, a_change_that_a_service_refuses_is_taken_back) {
    run();
    const std::string refusal = "service 'two', on_config: unknown node type: node 'b' has type 'u'";
    const auto changed = flow_of("services:\n"
                                 "  one: {nodes: {a: {type: t, settings: {x: 1}}}}\n"
                                 "  two: {nodes: {b: {type: u}}}\n"
                                 "  three: {nodes: {c: {type: t}}}\n");
    manager.change(changed);
    status("one", "READY");
    EXPECT_FALSE(manager.handle("service.two.error", "node 'b', on_input: something else").took_back);
    const auto reaction = manager.handle("service.two.error", refusal);
    EXPECT_TRUE(reaction.took_back);
    EXPECT_EQ(reaction.event->error, refusal);
    EXPECT_THAT(reaction.send,
                ElementsAre(stop("three"), Outgoing{"service.three.set_config", "[]"}, config("one", "a")));
    EXPECT_EQ(manager.flow().services.size(), 2u);
    EXPECT_THAT(status("one", "READY"), IsEmpty());
    EXPECT_FALSE(manager.handle("service.two.error", refusal).took_back); // once
    // From there on it is compared with what the services have.
    EXPECT_THAT(manager
                    .change(flow_of("services:\n"
                                    "  one: {nodes: {a: {type: t}}}\n"
                                    "  two: {nodes: {b: {type: t}, d: {type: t}}}\n"))
                    .services,
                ElementsAre("two"));
    EXPECT_THAT(status("two", "READY"), ElementsAre(start("two", "d")));
    EXPECT_FALSE(manager.handle("service.two.error", refusal).took_back); // all have taken it over
}

TEST_F(FlowManager, a_change_before_the_first_config_is_applied_starts_all) {
    manager.begin();
    manager.change(flow_of(one_more_node));
    EXPECT_THAT(status("two", "READY"), ElementsAre(start("two")));
}

TEST_F(FlowManager, after_a_lost_connection_it_repeats_what_may_be_lost_and_asks_the_others) {
    manager.begin();
    status("one", "READY");
    EXPECT_THAT(manager.reconnected(),
                ElementsAre(Outgoing{"service.one.request_status", ""}, config("two", "b")));
    EXPECT_THAT(manager.silent(), ElementsAre("one", "two"));
    EXPECT_THAT(status("one", "ACTIVE"), IsEmpty()); // it has what it needs
    EXPECT_THAT(status("two", "READY"), ElementsAre(start("two")));
    manager.reconnected();
    EXPECT_THAT(status("one", "CONNECTED"), ElementsAre(config("one", "a"))); // another process
}

TEST_F(FlowManager, who_leaves_pings_unanswered_is_gone_until_it_answers_again) {
    run();
    EXPECT_THAT(manager.answered("one"), IsEmpty());
    EXPECT_THAT(manager.answered("stranger"), IsEmpty());
    for (int i = 0; i < Manager::patience; ++i)
        EXPECT_THAT(manager.pinged().services, IsEmpty());
    EXPECT_THAT(manager.pinged().services, ElementsAre("one"));
    EXPECT_THAT(manager.pinged().services, IsEmpty()); // said once; two has never answered
    EXPECT_THAT(manager.answered("one"), ElementsAre(Outgoing{"service.one.request_status", ""}));
    EXPECT_THAT(manager.answered("one"), IsEmpty());
    EXPECT_THAT(status("one", "ACTIVE"), IsEmpty());
}

TEST_F(FlowManager, a_new_process_in_place_of_the_dead_one_is_configured_and_started) {
    run();
    manager.answered("one");
    for (int i = 0; i <= Manager::patience; ++i)
        manager.pinged();
    status("one", "STARTING");
    EXPECT_THAT(status("one", "CONNECTED"), ElementsAre(config("one", "a")));
    EXPECT_THAT(status("one", "READY"), ElementsAre(start("one")));
    EXPECT_THAT(manager.answered("one"), IsEmpty());
}

TEST_F(FlowManager, who_ends_in_order_is_not_gone) {
    run();
    manager.answered("one");
    status("one", "STOPPING");
    for (int i = 0; i <= Manager::patience; ++i)
        EXPECT_THAT(manager.pinged().services, IsEmpty());
}

TEST_F(FlowManager, the_dead_are_not_waited_for_during_the_stop) {
    run();
    manager.answered("two");
    manager.stop();
    for (int i = 0; i < Manager::patience; ++i)
        EXPECT_THAT(manager.pinged().send, IsEmpty());
    EXPECT_THAT(manager.pinged().send, ElementsAre(stop("one")));
    EXPECT_FALSE(manager.stopped());
}

TEST_F(FlowManager, a_service_that_is_gone_loses_its_nodes) {
    run();
    const auto change = manager.change(flow_of("services: {two: {nodes: {b: {type: t}}}}"));
    EXPECT_THAT(change.services, ElementsAre("one"));
    EXPECT_THAT(change.send, ElementsAre(stop("one"), Outgoing{"service.one.set_config", "[]"}));
    EXPECT_THAT(manager.topics(), ::testing::Not(::testing::Contains("service.one.status")));
}

TEST_F(FlowManager, services_stop_in_turn_the_last_one_first) {
    run();
    EXPECT_THAT(manager.stop(), ElementsAre(stop("two")));
    EXPECT_THAT(status("one", "PAUSED"), IsEmpty());
    EXPECT_FALSE(manager.stopped());
    EXPECT_THAT(status("two", "READY"), IsEmpty());
    EXPECT_THAT(status("two", "PAUSED"), ElementsAre(stop("one")));
    EXPECT_TRUE(manager.stopped()); // one has paused already
}

TEST_F(FlowManager, who_does_not_run_is_not_waited_for) {
    manager.begin();
    status("one", "READY"); // and it is started
    EXPECT_THAT(manager.stop(), ElementsAre(stop("two"), stop("one")));
    EXPECT_FALSE(manager.stopped());
    status("one", "STOPPED");
    EXPECT_TRUE(manager.stopped());
}

TEST_F(FlowManager, when_patience_ends_the_rest_is_told) {
    run();
    manager.stop();
    EXPECT_THAT(manager.stop_at_once(), ElementsAre(stop("one")));
    EXPECT_TRUE(manager.stopped());
}

TEST_F(FlowManager, nobody_gets_a_config_any_more_during_the_stop) {
    run();
    manager.stop();
    EXPECT_THAT(manager.handle("service.one.get_config", "one").send, IsEmpty());
    EXPECT_THAT(status("one", "CONNECTED"), IsEmpty());
}

} // namespace
} // namespace fluxctl::flow
