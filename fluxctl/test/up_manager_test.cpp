// SPDX-License-Identifier: MIT
// What the development manager says, and when; the I/O is in up_test.cpp and up_process_test.cpp.
#include "up/manager.hpp"

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

namespace fluxctl::up {

static void PrintTo(const Outgoing& message, std::ostream* out) {
    *out << message.topic << " '" << message.payload << "'"
         << (message.reply.empty() ? "" : " -> " + message.reply);
}
static void PrintTo(const Notice& notice, std::ostream* out) {
    *out << notice.what << ':';
    for (const auto& service : notice.services)
        *out << ' ' << service;
    *out << " (" << notice.detail << ')';
}
static void PrintTo(const Order& order, std::ostream* out) {
    *out << static_cast<int>(order.kind) << ' ' << order.service << '#' << order.replica;
}

namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using TimePoint = Manager::TimePoint;

flow::Flow flow_of(const std::string& yaml) {
    auto parsed = flow::parse(yaml);
    EXPECT_THAT(parsed.problems, IsEmpty());
    return parsed.flow;
}

constexpr auto two_services = "services:\n"
                              "  one: {nodes: {a: {type: t}}}\n"
                              "  two: {nodes: {b: {type: t}}}\n";

Outgoing start(const std::string& service, const std::string& nodes = "*") {
    return {"service." + service + ".start", nodes};
}
Outgoing stop(const std::string& service) { return {"service." + service + ".stop", "*"}; }
Outgoing asks(const std::string& service) {
    return {"service." + service + ".request_status", "", "inbox." + service};
}
Notice notice(const std::string& what, const std::string& service, const std::string& detail = "") {
    return {what, {service}, detail};
}
Order order(Order::Kind kind, const std::string& service, int replica = 1) {
    return {kind, service, replica};
}

// A manager with a clock that the test moves, and what it has done so far.
class UpManager : public ::testing::Test {
protected:
    TimePoint now = TimePoint{} + 1h;
    std::unique_ptr<Manager> manager = std::make_unique<Manager>(flow_of(two_services), "inbox");

    void use(const std::string& yaml) { manager = std::make_unique<Manager>(flow_of(yaml), "inbox"); }

    Actions hear(const std::string& topic, const std::string& text, fluxmq::Headers headers = {}) {
        const fluxmq::Message message{fluxmq::Bytes::copy(topic),
                                      fluxmq::Bytes::copy(text),
                                      {},
                                      std::make_shared<const fluxmq::Headers>(std::move(headers))};
        return manager->handle(message, now);
    }
    Actions status(const std::string& service, const std::string& text) {
        return hear("service." + service + ".status", text);
    }
    Actions go_status(const std::string& service, const std::string& text) {
        return hear("service." + service + ".status", text, {{"_watermill_message_uuid", "1"}});
    }
    Actions replica_status(const std::string& service, const std::string& replica, const std::string& text) {
        return hear("service." + service + ".status", text, {{"Flux-Replica", replica}});
    }
    Actions node(const std::string& id, const std::string& text) {
        return hear("node." + id + ".status", text);
    }
    // What a service of this SDK answers when it is asked.
    Actions answer(const std::string& service, const std::string& text) {
        return hear("inbox." + service, text);
    }
    Actions ends(const std::string& service, const Ending& ending, int replica = 1) {
        return manager->process_ended(service, replica, ending, now);
    }

    // Lets time pass, step by step, and gives all that was done meanwhile.
    Actions pass(std::chrono::milliseconds length) {
        Actions all;
        const auto end = now + length;
        while (manager->next_due() <= end) {
            now = std::max(now, manager->next_due());
            const auto done = manager->due(now);
            all.send.insert(all.send.end(), done.send.begin(), done.send.end());
            all.notices.insert(all.notices.end(), done.notices.begin(), done.notices.end());
            all.orders.insert(all.orders.end(), done.orders.begin(), done.orders.end());
        }
        now = end;
        return all;
    }

    Outgoing config(const std::string& service) const {
        return {"service." + service + ".set_config",
                boost::json::serialize(fluxlib::to_json(manager->find(service)->nodes))};
    }

    static std::string of_type(const std::string& yaml_service) { return "services:\n" + yaml_service; }

    // Both of this SDK, up and running.
    void run() {
        manager->begin(now);
        for (const auto* service : {"one", "two"}) {
            answer(service, "READY");
            status(service, "READY");
            status(service, "ACTIVE");
        }
    }

    // A Python service with one node `a`, configured and started.
    void run_python(const std::string& more = "") {
        use("services:\n  one: {nodes: {a: {type: t}}" + more + "}\n");
        manager->begin(now);
        status("one", "CONNECTED");
        pass(ManagedService::config_patience);
        node("a", "created");
        node("a", "started");
    }

    // A Go service, which has its config and says READY.
    void configure_go() {
        use("services:\n  one: {nodes: {a: {type: t}}}\n");
        manager->begin(now);
        go_status("one", "CONNECTED");
        pass(ManagedService::config_patience);
        go_status("one", "READY");
    }
};

// --- Services of this SDK ------------------------------------------------------------------------------------

TEST_F(UpManager, listens_to_what_its_services_and_nodes_announce) {
    EXPECT_THAT(manager->topics(),
                ElementsAre("inbox.one", "inbox.two", "node.a.status", "node.b.status", "service.one.error",
                            "service.one.get_config", "service.one.status", "service.two.error",
                            "service.two.get_config", "service.two.status"));
}

TEST_F(UpManager, asks_every_service_how_it_is_and_configures_those_that_can_answer) {
    EXPECT_THAT(manager->begin(now).send, ElementsAre(asks("one"), asks("two")));
    EXPECT_THAT(answer("one", "ACTIVE").send, ElementsAre(config("one")));
    EXPECT_THAT(status("one", "READY").send, ElementsAre(start("one")));
    EXPECT_THAT(pass(10s).send, IsEmpty()); // nobody knows what runs in place of two
}

TEST_F(UpManager, a_service_that_answers_a_ping_is_configured) {
    manager->begin(now);
    EXPECT_THAT(manager->answered({"two", "x", ""}, now).send, ElementsAre(config("two")));
    EXPECT_THAT(manager->answered({"two", "x", ""}, now).send, IsEmpty());
    EXPECT_THAT(manager->answered({"stranger", "x", ""}, now).send, IsEmpty());
}

TEST_F(UpManager, sends_the_config_to_who_asks_and_who_is_connected) {
    manager->begin(now);
    EXPECT_THAT(hear("service.two.get_config", "two").send, ElementsAre(config("two")));
    answer("one", "CONNECTED");
    EXPECT_THAT(status("one", "CONNECTED").send, IsEmpty()); // it says the same to all
    EXPECT_THAT(pass(ManagedService::config_patience).send, ElementsAre(config("one")));
}

TEST_F(UpManager, starts_all_nodes_once_after_each_config) {
    manager->begin(now);
    answer("one", "READY");
    EXPECT_THAT(status("one", "READY").send, ElementsAre(start("one")));
    EXPECT_THAT(status("one", "READY").send, IsEmpty());
    status("one", "STARTING"); // another process
    status("one", "CONNECTED");
    EXPECT_THAT(hear("service.one.get_config", "one").send, ElementsAre(config("one")));
    EXPECT_THAT(status("one", "READY").send, ElementsAre(start("one")));
    EXPECT_THAT(pass(1h).send, IsEmpty());
}

TEST_F(UpManager, shows_statuses_and_errors_of_the_flow_and_nothing_else) {
    EXPECT_THAT(status("one", "READY").events, ElementsAre(Event{.service = "one", .status = "READY"}));
    EXPECT_THAT(node("b", "started").events,
                ElementsAre(Event{.service = "two", .node = "b", .status = "started"}));
    EXPECT_THAT(hear("service.two.error", "no such device").events,
                ElementsAre(Event{.service = "two", .error = "no such device"}));
    EXPECT_THAT(hear("service.one.get_config", "one").events, IsEmpty());
    EXPECT_EQ(status("three", "READY"), Actions{});
    EXPECT_EQ(hear("service.three.get_config", "three"), Actions{});
}

TEST_F(UpManager, names_who_has_not_said_anything_once) {
    manager->begin(now);
    status("one", "READY");
    EXPECT_THAT(pass(Manager::silence_patience).notices, ElementsAre(notice("waits for", "two")));
    EXPECT_THAT(pass(1h).notices, IsEmpty());
}

TEST_F(UpManager, a_config_that_a_service_of_this_sdk_does_not_confirm_starts_nothing) {
    manager->begin(now);
    answer("one", "ACTIVE");
    const auto later = pass(1min);
    EXPECT_THAT(later.notices, Contains(notice("waits for READY", "one")));
    EXPECT_THAT(later.send, IsEmpty());
}

TEST_F(UpManager, a_change_reaches_only_the_services_that_differ) {
    run();
    const auto same = manager->change(flow_of(two_services), now);
    EXPECT_THAT(same.notices, ElementsAre(Notice{"changed"}));
    EXPECT_THAT(same.send, IsEmpty());
    const auto change = manager->change(flow_of("services:\n"
                                                "  one: {nodes: {a: {type: t}}}\n"
                                                "  two: {nodes: {b: {type: t, settings: {x: 1}}}}\n"
                                                "  three: {nodes: {c: {type: t}}}\n"),
                                        now);
    EXPECT_THAT(change.notices, ElementsAre(Notice{"changed", {"two", "three"}}));
    EXPECT_THAT(change.send, ElementsAre(config("two"), asks("three")));
    EXPECT_TRUE(change.new_topics);
    EXPECT_THAT(manager->topics(), Contains("node.c.status"));
    answer("three", "READY");
    EXPECT_THAT(status("three", "READY").send, ElementsAre(start("three")));
}

constexpr auto one_more_node = "services:\n"
                               "  one: {nodes: {a: {type: t}}}\n"
                               "  two: {nodes: {b: {type: t}, c: {type: t}}}\n";

TEST_F(UpManager, a_change_starts_only_what_is_new) {
    run();
    manager->change(flow_of(one_more_node), now);
    EXPECT_THAT(status("two", "READY").send, ElementsAre(start("two", "c")));
    manager->change(flow_of("services:\n"
                            "  one: {nodes: {a: {type: t}}}\n"
                            "  two: {nodes: {b: {type: other}, c: {type: t, settings: {x: 1}}}}\n"),
                    now);
    EXPECT_THAT(status("two", "READY").send, ElementsAre(start("two", "b")));
    manager->change(flow_of(one_more_node), now);
    node("b", "started"); // a service that was told start for all has done it
    EXPECT_THAT(status("two", "READY").send, IsEmpty());
}

TEST_F(UpManager, a_change_that_a_service_refuses_is_taken_back) {
    run();
    const std::string refusal = "service 'two', on_config: unknown node type: node 'b' has type 'u'";
    manager->change(flow_of("services:\n"
                            "  one: {nodes: {a: {type: t, settings: {x: 1}}}}\n"
                            "  two: {nodes: {b: {type: u}}}\n"
                            "  three: {nodes: {c: {type: t}}}\n"),
                    now);
    status("one", "READY");
    EXPECT_THAT(hear("service.two.error", "node 'b', on_input: something else").notices, IsEmpty());
    const auto reaction = hear("service.two.error", refusal);
    EXPECT_THAT(reaction.notices, ElementsAre(notice("unchanged", "two")));
    EXPECT_THAT(reaction.events, ElementsAre(Event{.service = "two", .error = refusal}));
    EXPECT_THAT(reaction.send,
                ElementsAre(stop("three"), Outgoing{"service.three.set_config", "[]"}, config("one")));
    EXPECT_EQ(manager->flow().services.size(), 2u);
    EXPECT_EQ(manager->find("three"), nullptr);
    EXPECT_THAT(status("one", "READY").send, IsEmpty());
    EXPECT_THAT(hear("service.two.error", refusal).notices, IsEmpty()); // once
    // From there on it is compared with what the services have.
    EXPECT_THAT(manager
                    ->change(flow_of("services:\n"
                                     "  one: {nodes: {a: {type: t}}}\n"
                                     "  two: {nodes: {b: {type: t}, d: {type: t}}}\n"),
                             now)
                    .notices,
                ElementsAre(notice("changed", "two")));
    EXPECT_THAT(status("two", "READY").send, ElementsAre(start("two", "d")));
    EXPECT_THAT(hear("service.two.error", refusal).notices, IsEmpty()); // all have taken it over
}

TEST_F(UpManager, a_change_before_the_first_config_is_applied_starts_all) {
    manager->begin(now);
    answer("two", "READY");
    manager->change(flow_of(one_more_node), now);
    EXPECT_THAT(status("two", "READY").send, ElementsAre(start("two")));
}

TEST_F(UpManager, a_service_that_is_gone_from_the_flow_loses_its_nodes) {
    run();
    const auto change = manager->change(flow_of("services: {two: {nodes: {b: {type: t}}}}"), now);
    EXPECT_THAT(change.notices, ElementsAre(notice("changed", "one")));
    EXPECT_THAT(change.send, ElementsAre(stop("one"), Outgoing{"service.one.set_config", "[]"}));
    EXPECT_THAT(manager->topics(), Not(Contains("service.one.status")));
}

// --- Python: appends nodes, says little, answers nothing -----------------------------------------------------

TEST_F(UpManager, python_gets_one_config_after_it_is_connected_and_a_start_when_its_nodes_are_created) {
    manager->begin(now);
    status("one", "connected"); // in lower case, as fluxmq-py 0.15 says it
    EXPECT_THAT(pass(ManagedService::config_patience - 1ms).send, IsEmpty());
    EXPECT_THAT(pass(1ms).send, ElementsAre(config("one")));
    EXPECT_THAT(node("a", "created").send, ElementsAre(start("one")));
    node("a", "started");
    EXPECT_THAT(pass(1h).send, IsEmpty());
}

TEST_F(UpManager, python_that_asks_for_its_config_gets_it_at_once_and_only_once) {
    manager->begin(now);
    status("one", "CONNECTED");
    EXPECT_THAT(hear("service.one.get_config", "READY").send, ElementsAre(config("one")));
    EXPECT_THAT(pass(1s).send, IsEmpty());
    const auto again = hear("service.one.get_config", "READY");
    EXPECT_THAT(again.send, IsEmpty());
    EXPECT_THAT(again.notices, ElementsAre(notice("has sent the config already", "one")));
}

TEST_F(UpManager, python_that_says_nothing_is_named_and_then_started) {
    manager->begin(now);
    status("one", "CONNECTED");
    pass(ManagedService::config_patience);
    const auto first = pass(ManagedService::naming_patience);
    EXPECT_THAT(first.notices, ElementsAre(notice("waits for READY", "one")));
    EXPECT_THAT(first.send, IsEmpty());
    const auto then = pass(ManagedService::ready_patience - ManagedService::naming_patience);
    EXPECT_THAT(then.notices, Contains(notice("starts without READY", "one")));
    EXPECT_THAT(then.send, ElementsAre(start("one")));
    EXPECT_THAT(pass(1h).send, IsEmpty()); // a second start would run its nodes twice
}

TEST_F(UpManager, python_whose_user_says_ready_before_the_nodes_are_there_is_started_when_they_are) {
    manager->begin(now);
    status("one", "CONNECTED");
    pass(ManagedService::config_patience);
    EXPECT_THAT(status("one", "READY").send, IsEmpty());
    EXPECT_THAT(node("a", "created").send, ElementsAre(start("one")));
    EXPECT_THAT(pass(1h).send, IsEmpty());
}

TEST_F(UpManager, a_python_node_that_is_made_again_gets_a_start_of_its_own) {
    run_python();
    node("a", "created");
    EXPECT_THAT(pass(ManagedService::remade_patience).send, ElementsAre(start("one", "a")));
    node("a", "created");
    node("a", "started"); // its user did it
    EXPECT_THAT(pass(1h).send, IsEmpty());
}

TEST_F(UpManager, an_edit_of_a_python_service_without_command_sends_nothing_and_says_so) {
    run_python();
    const auto edit = manager->change(flow_of("services: {one: {nodes: {a: {type: other}}}}"), now);
    EXPECT_THAT(edit.send, IsEmpty());
    EXPECT_THAT(edit.notices, ElementsAre(notice("needs a restart", "one"), notice("changed", "one")));
    status("one", "CONNECTED"); // its user has restarted it
    EXPECT_THAT(pass(ManagedService::config_patience).send, ElementsAre(config("one")));
}

TEST_F(UpManager, a_manager_that_comes_back_sends_nothing_to_a_python_service_that_runs) {
    manager->begin(now);
    node("a", "my own status");
    status("one", "READY");
    const auto later = pass(1h);
    EXPECT_THAT(later.send, IsEmpty());
}

TEST_F(UpManager, an_edit_of_a_python_service_with_a_command_restarts_it) {
    run_python(", command: [python3]");
    const auto edit =
        manager->change(flow_of("services: {one: {nodes: {a: {type: other}}, command: [python3]}}"), now);
    EXPECT_THAT(edit.send, ElementsAre(stop("one")));
    EXPECT_THAT(edit.orders, IsEmpty());
    const auto stopped = node("a", "stopped");
    EXPECT_THAT(stopped.orders, ElementsAre(order(Order::Kind::terminate, "one")));
    EXPECT_THAT(ends("one", {.signal = 15}).orders, ElementsAre(order(Order::Kind::launch, "one")));
    status("one", "CONNECTED");
    EXPECT_THAT(pass(ManagedService::config_patience).send, ElementsAre(config("one")));
}

TEST_F(UpManager, python_that_does_not_say_that_it_has_stopped_is_not_waited_for_long) {
    run_python(", command: [python3]");
    manager->stop(now);
    EXPECT_THAT(pass(ManagedService::silent_stop_patience).orders,
                ElementsAre(order(Order::Kind::terminate, "one")));
    EXPECT_FALSE(manager->stopped());
    ends("one", {.signal = 15});
    EXPECT_TRUE(manager->stopped());
}

TEST_F(UpManager, a_break_of_the_connection_is_nothing_to_a_python_service_that_runs) {
    run_python();
    manager->lost(now);
    EXPECT_EQ(manager->reconnected(now + 1s), Actions{});
    EXPECT_THAT(pass(1h).notices, IsEmpty()); // it cannot be asked, and is not called silent
}

TEST_F(UpManager, what_a_break_may_have_swallowed_is_not_sent_twice_to_python) {
    manager->begin(now);
    status("one", "CONNECTED");
    pass(ManagedService::config_patience);
    manager->lost(now + 10ms);
    const auto back = manager->reconnected(now + 1s);
    EXPECT_THAT(back.notices, ElementsAre(notice("needs a restart", "one")));
    EXPECT_THAT(back.send, ElementsAre(asks("two")));
}

TEST_F(UpManager, an_edit_beside_python_that_was_there_before_the_manager_says_what_to_do) {
    use("services: {one: {nodes: {a: {type: t}}}}");
    manager->begin(now);
    node("a", "its own status");
    const auto edit = manager->change(flow_of("services: {one: {nodes: {a: {type: other}}}}"), now);
    EXPECT_THAT(edit.send, IsEmpty());
    EXPECT_THAT(edit.notices, Contains(notice("needs a restart", "one")));
}

TEST_F(UpManager, python_that_leaves_the_flow_keeps_its_nodes_and_is_named) {
    run_python();
    const auto edit = manager->change(flow_of("services: {other: {nodes: {}}}"), now);
    EXPECT_THAT(edit.send, ElementsAre(stop("one"), asks("other")));
    EXPECT_THAT(edit.notices, Contains(notice("keeps its nodes", "one")));
}

TEST_F(UpManager, a_python_node_with_headers_of_go_is_not_taken_for_go) {
    run_python();
    hear("node.a.status", "busy", {{"_watermill_message_uuid", "of what it handles"}});
    const auto edit = manager->change(flow_of("services: {one: {nodes: {a: {type: other}}}}"), now);
    EXPECT_THAT(edit.send, IsEmpty());
}

// --- Go: READY too early, nodes made anew --------------------------------------------------------------------

TEST_F(UpManager, go_gets_its_config_a_moment_after_it_asks) {
    manager->begin(now);
    go_status("one", "CONNECTED");
    EXPECT_THAT(hear("service.one.get_config", "one", {{"_watermill_message_uuid", "2"}}).send, IsEmpty());
    EXPECT_THAT(pass(ManagedService::config_patience).send, ElementsAre(config("one")));
}

TEST_F(UpManager, go_is_started_a_moment_after_ready_and_again_until_it_says_that_it_runs) {
    configure_go();
    EXPECT_THAT(pass(ManagedService::go_patience).send, ElementsAre(start("one")));
    EXPECT_THAT(pass(ManagedService::first_repeat).send, ElementsAre(start("one")));
    go_status("one", "READY");
    EXPECT_THAT(pass(1h).send, IsEmpty());
}

TEST_F(UpManager, go_that_never_says_that_it_runs_is_told_so_often_and_then_named) {
    configure_go();
    const auto all = pass(1h);
    EXPECT_EQ(all.send.size(), 1u + ManagedService::most_repeats);
    EXPECT_THAT(all.notices, Contains(notice("does not hear that its nodes run", "one")));
}

TEST_F(UpManager, go_gets_a_config_again_that_was_lost) {
    use("services: {one: {nodes: {a: {type: t}}}}");
    manager->begin(now);
    go_status("one", "CONNECTED");
    pass(ManagedService::config_patience);
    const auto later = pass(ManagedService::ready_patience);
    EXPECT_THAT(later.send, ElementsAre(config("one")));
    EXPECT_THAT(later.notices, Contains(notice("sends the config again", "one")));
}

TEST_F(UpManager, an_edit_of_a_go_service_starts_all_of_its_nodes_again) {
    configure_go();
    pass(ManagedService::go_patience);
    go_status("one", "READY");
    const auto edit = manager->change(flow_of("services: {one: {nodes: {a: {type: t}, b: {type: t}}}}"), now);
    EXPECT_THAT(edit.send, ElementsAre(config("one")));
    go_status("one", "READY");
    EXPECT_THAT(pass(ManagedService::go_patience).send, ElementsAre(start("one")));
}

TEST_F(UpManager, go_that_was_there_before_is_known_by_its_acknowledgement) {
    manager->begin(now);
    EXPECT_THAT(answer("one", "+ACK").send, ElementsAre(config("one")));
}

TEST_F(UpManager, go_that_the_file_names_and_that_was_there_before_gets_its_config) {
    use("services: {one: {sdk: go, nodes: {a: {type: t}}}}");
    EXPECT_THAT(manager->begin(now).send, ElementsAre(config("one")));
    go_status("one", "READY");
    EXPECT_THAT(pass(ManagedService::go_patience).send, ElementsAre(start("one")));
}

TEST_F(UpManager, go_is_asked_again_after_a_break_until_it_is_back) {
    configure_go();
    pass(ManagedService::go_patience);
    go_status("one", "READY");
    manager->lost(now);
    EXPECT_THAT(manager->reconnected(now).send, ElementsAre(asks("one")));
    const auto later = pass(2'500ms);
    EXPECT_THAT(later.send, ElementsAre(asks("one"), asks("one")));
    go_status("one", "READY");
    EXPECT_EQ(pass(1h), Actions{});
}

TEST_F(UpManager, every_node_of_a_config_has_a_timer) {
    EXPECT_THAT(config("one").payload,
                ::testing::HasSubstr(R"("timer":{"type":"NONE","intervalMs":0,"interval":0)"));
}

// --- The connection ------------------------------------------------------------------------------------------

TEST_F(UpManager, after_a_lost_connection_it_repeats_what_may_be_lost_and_asks_the_others) {
    manager->begin(now);
    answer("one", "READY");
    status("one", "READY");
    answer("two", "READY");
    manager->lost(now);
    EXPECT_THAT(manager->reconnected(now).send, ElementsAre(asks("one"), config("two")));
    EXPECT_THAT(status("one", "ACTIVE").send, IsEmpty()); // it has what it needs
    EXPECT_THAT(status("two", "READY").send, ElementsAre(start("two")));
    manager->lost(now);
    manager->reconnected(now);
    status("one", "CONNECTED"); // another process
    answer("one", "CONNECTED");
    EXPECT_THAT(pass(ManagedService::config_patience).send, ElementsAre(config("one")));
    EXPECT_THAT(pass(Manager::return_patience).notices, Contains(notice("waits for", "two")));
}

// --- Signs of life -------------------------------------------------------------------------------------------

TEST_F(UpManager, who_leaves_pings_unanswered_is_gone_until_it_answers_again) {
    run();
    manager->answered({"one", "x", ""}, now);
    for (int i = 0; i < ManagedService::ping_patience; ++i)
        EXPECT_THAT(manager->pinged(now).notices, IsEmpty());
    EXPECT_THAT(manager->pinged(now).notices, ElementsAre(notice("gone", "one")));
    EXPECT_THAT(manager->pinged(now).notices, IsEmpty()); // said once; two has never answered
    const auto back = manager->answered({"one", "x", ""}, now);
    EXPECT_THAT(back.notices, ElementsAre(notice("back", "one")));
    EXPECT_THAT(back.send, ElementsAre(asks("one")));
    EXPECT_EQ(manager->answered({"one", "x", ""}, now), Actions{});
    EXPECT_THAT(status("one", "ACTIVE").send, IsEmpty());
}

TEST_F(UpManager, a_new_process_in_place_of_the_dead_one_is_configured_and_started) {
    run();
    manager->answered({"one", "x", ""}, now);
    for (int i = 0; i <= ManagedService::ping_patience; ++i)
        manager->pinged(now);
    status("one", "STARTING");
    status("one", "CONNECTED");
    EXPECT_THAT(hear("service.one.get_config", "one").send, ElementsAre(config("one")));
    EXPECT_THAT(status("one", "READY").send, ElementsAre(start("one")));
    EXPECT_EQ(manager->answered({"one", "y", ""}, now), Actions{});
}

TEST_F(UpManager, who_ends_in_order_is_not_gone) {
    run();
    manager->answered({"one", "x", ""}, now);
    status("one", "STOPPING");
    for (int i = 0; i <= ManagedService::ping_patience; ++i)
        EXPECT_THAT(manager->pinged(now).notices, IsEmpty());
}

TEST_F(UpManager, the_dead_are_not_waited_for_during_the_stop) {
    run();
    manager->answered({"two", "x", ""}, now);
    manager->stop(now);
    for (int i = 0; i < ManagedService::ping_patience; ++i)
        EXPECT_THAT(manager->pinged(now).send, IsEmpty());
    EXPECT_THAT(manager->pinged(now).send, ElementsAre(stop("one")));
    EXPECT_FALSE(manager->stopped());
}

// --- The end -------------------------------------------------------------------------------------------------

TEST_F(UpManager, services_stop_in_turn_the_last_one_first) {
    run();
    EXPECT_THAT(manager->stop(now).send, ElementsAre(stop("two")));
    EXPECT_THAT(status("one", "PAUSED").send, IsEmpty());
    EXPECT_FALSE(manager->stopped());
    EXPECT_THAT(status("two", "READY").send, IsEmpty());
    EXPECT_THAT(status("two", "PAUSED").send, ElementsAre(stop("one")));
    EXPECT_TRUE(manager->stopped()); // one has paused already
}

TEST_F(UpManager, who_does_not_run_is_not_waited_for) {
    manager->begin(now);
    answer("one", "READY");
    status("one", "READY"); // and it is started
    EXPECT_THAT(manager->stop(now).send, ElementsAre(stop("two"), stop("one")));
    EXPECT_FALSE(manager->stopped());
    status("one", "STOPPED");
    EXPECT_TRUE(manager->stopped());
}

TEST_F(UpManager, when_patience_ends_the_rest_is_told) {
    run();
    manager->stop(now);
    EXPECT_THAT(pass(Manager::stop_patience).send, ElementsAre(stop("one")));
    EXPECT_TRUE(manager->stopped());
}

TEST_F(UpManager, nobody_gets_a_config_any_more_during_the_stop) {
    run();
    manager->stop(now);
    EXPECT_THAT(hear("service.two.get_config", "two").send, IsEmpty());
    EXPECT_THAT(status("two", "CONNECTED").send, IsEmpty());
    EXPECT_THAT(pass(1s).send, IsEmpty());
}

// --- Processes -----------------------------------------------------------------------------------------------

TEST_F(UpManager, a_process_that_fails_is_started_again_by_the_policy) {
    use("services: {one: {nodes: {a: {type: t}}, command: [x], supervision: {restart: on-failure, "
        "mostRestarts: 2}}}");
    EXPECT_THAT(manager->begin(now).orders, ElementsAre(order(Order::Kind::launch, "one")));
    const auto first = ends("one", {.code = 3});
    EXPECT_THAT(first.notices, ElementsAre(notice("process ended", "one", "exit code 3"),
                                           notice("starts again", "one", "in 100ms")));
    EXPECT_THAT(pass(100ms).orders, ElementsAre(order(Order::Kind::launch, "one")));
    ends("one", {.signal = 9});
    EXPECT_THAT(pass(200ms).orders, ElementsAre(order(Order::Kind::launch, "one")));
    EXPECT_THAT(ends("one", {.error = "'x' cannot be started"}).notices,
                ElementsAre(notice("process not started", "one", "'x' cannot be started"),
                            notice("gives up", "one", "2 restarts within 60s")));
    EXPECT_THAT(pass(1h).orders, IsEmpty());
    // An edit may have put it right.
    EXPECT_THAT(manager
                    ->change(flow_of("services: {one: {nodes: {a: {type: t}}, command: [y], supervision: "
                                     "{restart: on-failure, mostRestarts: 2}}}"),
                             now)
                    .orders,
                ElementsAre(order(Order::Kind::launch, "one")));
}

TEST_F(UpManager, a_process_that_ends_by_itself_is_left_alone_without_a_policy) {
    use("services: {one: {nodes: {a: {type: t}}, command: [x]}}");
    manager->begin(now);
    EXPECT_THAT(ends("one", {.code = 1}).notices, ElementsAre(notice("process ended", "one", "exit code 1")));
    EXPECT_THAT(pass(1h).orders, IsEmpty());
}

TEST_F(UpManager, a_process_that_hangs_is_killed_where_it_is_started_again) {
    use("services: {one: {nodes: {a: {type: t}}, command: [x], supervision: always}, two: {nodes: {b: {type: "
        "t}}, command: [x]}}");
    manager->begin(now);
    manager->answered({"one", "x", ""}, now);
    manager->answered({"two", "y", ""}, now);
    std::vector<Order> orders;
    for (int i = 0; i < 2 * ManagedService::kill_patience; ++i)
        for (const auto& each : manager->pinged(now).orders)
            orders.push_back(each);
    EXPECT_EQ(orders.size(), 2u); // a debugger held it the first time
    EXPECT_THAT(orders, ::testing::Each(order(Order::Kind::kill, "one")));
}

TEST_F(UpManager, a_service_with_processes_stops_its_nodes_then_its_processes_then_the_next) {
    use("services:\n"
        "  one: {nodes: {a: {type: t}}, command: [x]}\n"
        "  two: {nodes: {b: {type: t}}, command: [y]}\n");
    manager->begin(now);
    for (const std::string service : {"one", "two"}) {
        status(service, "CONNECTED");
        hear("service." + service + ".get_config", service);
        status(service, "READY");
    }
    EXPECT_THAT(manager->stop(now).send, ElementsAre(stop("two")));
    EXPECT_THAT(status("two", "PAUSED").orders, ElementsAre(order(Order::Kind::terminate, "two")));
    EXPECT_THAT(ends("two", {}).send, ElementsAre(stop("one")));
    EXPECT_THAT(status("one", "PAUSED").orders, ElementsAre(order(Order::Kind::terminate, "one")));
    ends("one", {});
    EXPECT_TRUE(manager->stopped());
}

TEST_F(UpManager, a_service_that_leaves_the_flow_takes_its_processes_along) {
    use("services:\n"
        "  one: {nodes: {a: {type: t}}}\n"
        "  two: {nodes: {b: {type: t}}, command: [y]}\n");
    manager->begin(now);
    const auto change = manager->change(flow_of("services: {one: {nodes: {a: {type: t}}}}"), now);
    EXPECT_THAT(change.orders, ElementsAre(order(Order::Kind::terminate, "two")));
    EXPECT_NE(manager->find("two"), nullptr);
    EXPECT_TRUE(ends("two", {.signal = 15}).new_topics);
    EXPECT_EQ(manager->find("two"), nullptr);
}

TEST_F(UpManager, a_service_that_comes_back_while_its_process_ends_is_launched_again) {
    constexpr auto both = "services:\n"
                          "  one: {nodes: {a: {type: t}}}\n"
                          "  two: {nodes: {b: {type: t}}, command: [y]}\n";
    use(both);
    manager->begin(now);
    manager->change(flow_of("services: {one: {nodes: {a: {type: t}}}}"), now);
    EXPECT_THAT(manager->change(flow_of(both), now).orders, IsEmpty());
    EXPECT_THAT(ends("two", {.signal = 15}).orders, ElementsAre(order(Order::Kind::launch, "two")));
}

TEST_F(UpManager, a_process_that_does_not_run_is_not_waited_for) {
    use("services: {one: {nodes: {a: {type: t}}, command: [x]}, two: {nodes: {b: {type: t}}, command: [x]}}");
    manager->begin(now);
    ends("one", {.code = 1});
    EXPECT_THAT(pass(1h).notices, ElementsAre(notice("waits for", "two")));
}

TEST_F(UpManager, no_process_is_started_again_during_the_end) {
    use("services:\n"
        "  one: {nodes: {a: {type: t}}, command: [x], supervision: always}\n"
        "  two: {nodes: {b: {type: t}}, command: [y], supervision: always}\n");
    manager->begin(now);
    status("two", "CONNECTED");
    hear("service.two.get_config", "two");
    status("two", "READY");
    manager->stop(now);
    EXPECT_THAT(ends("two", {.code = 1}).orders, ElementsAre(order(Order::Kind::terminate, "one")));
    EXPECT_THAT(pass(1min).orders, IsEmpty());
}

TEST_F(UpManager, a_process_that_comes_while_the_connection_is_lost_gets_its_config) {
    use("services: {one: {nodes: {a: {type: t}}, command: [x], supervision: always}}");
    manager->begin(now);
    manager->lost(now);
    ends("one", {.signal = 9});
    pass(100ms);
    manager->reconnected(now);
    EXPECT_THAT(pass(ManagedService::config_patience).send, ElementsAre(config("one")));
}

TEST_F(UpManager, a_node_that_moves_to_another_service_is_heard_there) {
    use("services: {old: {nodes: {a: {type: t}}, command: [x]}}");
    manager->begin(now);
    manager->change(flow_of("services: {fresh: {nodes: {a: {type: t}}, command: [x]}}"), now);
    EXPECT_THAT(node("a", "created").events,
                ElementsAre(Event{.service = "fresh", .node = "a", .status = "created"}));
}

TEST_F(UpManager, a_service_that_an_edit_adds_is_named_too) {
    run();
    manager->change(flow_of(std::string{two_services} + "  three: {nodes: {c: {type: t}}}\n"), now);
    EXPECT_THAT(pass(Manager::silence_patience).notices, Contains(notice("waits for", "three")));
}

TEST_F(UpManager, another_command_or_environment_restarts_the_process) {
    use("services: {one: {nodes: {a: {type: t}}, command: [x]}}");
    manager->begin(now);
    const auto edit = manager->change(
        flow_of("services: {one: {nodes: {a: {type: t}}, command: [x], environment: {A: b}}}"), now);
    EXPECT_THAT(edit.orders, ElementsAre(order(Order::Kind::terminate, "one")));
    EXPECT_THAT(ends("one", {}).orders, ElementsAre(order(Order::Kind::launch, "one")));
}

// --- Replicas ------------------------------------------------------------------------------------------------

constexpr auto three_replicas = "services: {one: {nodes: {a: {type: t}}, command: [x], replicas: 3}}";

TEST_F(UpManager, replicas_are_launched_and_told_apart) {
    use(three_replicas);
    EXPECT_THAT(manager->begin(now).orders,
                ElementsAre(order(Order::Kind::launch, "one", 1), order(Order::Kind::launch, "one", 2),
                            order(Order::Kind::launch, "one", 3)));
    EXPECT_THAT(replica_status("one", "2", "STARTING").events,
                ElementsAre(Event{.service = "one", .replica = "2", .status = "STARTING"}));
    EXPECT_THAT(ends("one", {.code = 1}, 3).notices,
                ElementsAre(notice("process ended", "one#3", "exit code 1")));
    for (const auto* replica : {"1", "2"})
        manager->answered({"one", std::string{"instance "} + replica, replica}, now);
    for (int i = 0; i < ManagedService::ping_patience; ++i) {
        manager->pinged(now);
        manager->answered({"one", "instance 1", "1"}, now);
    }
    EXPECT_THAT(manager->pinged(now).notices, ElementsAre(notice("gone", "one#2")));
}

TEST_F(UpManager, fewer_replicas_end_the_surplus_and_more_launch_what_is_missing) {
    constexpr auto two_replicas = "services: {one: {nodes: {a: {type: t}}, command: [x], replicas: 2}}";
    use(three_replicas);
    manager->begin(now);
    manager->answered({"one", "x", "1"}, now); // of this SDK
    EXPECT_THAT(manager->change(flow_of(two_replicas), now).orders,
                ElementsAre(order(Order::Kind::terminate, "one", 3)));
    ends("one", {}, 3);
    EXPECT_THAT(manager->change(flow_of(three_replicas), now).orders,
                ElementsAre(order(Order::Kind::launch, "one", 3)));
    manager->change(flow_of(two_replicas), now);
    EXPECT_THAT(manager->change(flow_of(three_replicas), now).orders, IsEmpty()); // the old one ends first
    EXPECT_THAT(ends("one", {}, 3).orders, ElementsAre(order(Order::Kind::launch, "one", 3)));
}

TEST_F(UpManager, replicas_that_append_nodes_get_one_config_when_all_have_come_and_start_together) {
    use(three_replicas);
    manager->begin(now);
    status("one", "CONNECTED");
    status("one", "CONNECTED");
    EXPECT_THAT(pass(1s).send, IsEmpty());
    status("one", "CONNECTED");
    EXPECT_THAT(pass(ManagedService::config_patience).send, ElementsAre(config("one")));
    node("a", "created");
    node("a", "created");
    EXPECT_THAT(node("a", "created").send, ElementsAre(start("one")));
}

TEST_F(UpManager, replicas_that_append_nodes_are_all_restarted_when_one_is) {
    use("services: {one: {nodes: {a: {type: t}}, command: [x], replicas: 2, supervision: on-failure}}");
    manager->begin(now);
    status("one", "CONNECTED");
    status("one", "CONNECTED");
    pass(ManagedService::config_patience);
    EXPECT_THAT(ends("one", {.code = 1}, 1).orders, IsEmpty()); // its pause comes first
    EXPECT_THAT(pass(100ms).orders, ElementsAre(order(Order::Kind::terminate, "one", 2)));
    EXPECT_THAT(ends("one", {.signal = 15}, 2).orders,
                ElementsAre(order(Order::Kind::launch, "one", 1), order(Order::Kind::launch, "one", 2)));
}

TEST_F(UpManager, replicas_that_cannot_be_started_are_given_up) {
    use("services: {one: {nodes: {a: {type: t}}, command: [x], replicas: 2, supervision: {restart: "
        "on-failure, mostRestarts: 2, backoff: 1ms}}}");
    auto launches = manager->begin(now).orders.size();
    for (int i = 0; i < 10; ++i) {
        for (int replica = 1; replica <= 2; ++replica)
            ends("one", {.error = "it is not there"}, replica);
        launches += pass(1s).orders.size();
    }
    EXPECT_EQ(launches, 2u + 2u * 2u);
}

TEST_F(UpManager, a_replica_that_comes_late_is_waited_for) {
    use(three_replicas);
    manager->begin(now);
    status("one", "CONNECTED");
    status("one", "CONNECTED");
    const auto later = pass(1h);
    EXPECT_THAT(later.notices, Contains(notice("waits for its replicas", "one")));
    EXPECT_THAT(later.send, IsEmpty());
    EXPECT_THAT(ends("one", {.code = 1}, 3).send, IsEmpty()); // and no more when it has ended
    EXPECT_THAT(pass(1s).send, ElementsAre(config("one")));
}

TEST_F(UpManager, tells_other_commands_what_it_has_heard) {
    run_python();
    const auto known = boost::json::serialize(manager->describe());
    EXPECT_THAT(known, ::testing::HasSubstr(R"("service":"one")"));
    EXPECT_THAT(known, ::testing::HasSubstr(R"("statuses":[{"status":"CONNECTED"}])"));
    EXPECT_THAT(known, ::testing::HasSubstr(R"({"node":"a","type":"t","status":"started"})"));
}

} // namespace
} // namespace fluxctl::up
