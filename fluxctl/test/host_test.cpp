// SPDX-License-Identifier: MIT
#include <fluxlib/plugin.hpp>
#include <fluxmq/error.hpp>
#include <fluxmq/inproc.hpp>
#include <fluxmq/testing/virtual_loop.hpp>

#include "host.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fluxctl {
namespace {

using namespace std::chrono_literals;
using fluxlib::DataNode;
using fluxlib::Task;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> received; // by all sinks of a test

/// Publishes at its start, and at each tick.
class Source : public fluxlib::Node {
public:
    using Node::Node;

protected:
    Task<> on_start() override {
        output("out").publish("start");
        co_return;
    }
    Task<> on_tick(const fluxlib::Tick& tick) override {
        output("out").publish(std::to_string(tick.count));
        co_return;
    }
};

class Sink : public fluxlib::Node {
public:
    using Node::Node;

protected:
    Task<> on_input(fluxlib::Message message) override {
        received.emplace_back(message.text());
        co_return;
    }
};

FLUX_REGISTER_NODE(Source, "source");
FLUX_REGISTER_NODE(Sink, "sink");

DataNode node(std::string id, std::string type) { return {.id = std::move(id), .type = std::move(type)}; }

/// `first` gives to `second`, each in a service of its own, in this order.
flow::Flow two_services() {
    flow::Flow flow;
    flow.name = "two";
    auto from = node("from", "source");
    from.outputs.push_back({.alias = "out", .topics = {"data"}});
    auto to = node("to", "sink");
    to.inputs.push_back({.alias = "in", .topics = {"data"}});
    flow.services.push_back({.id = "first", .nodes = {from}});
    flow.services.push_back({.id = "second", .nodes = {to}});
    flow.edges.push_back({.from = {"from", "out"}, .to = {"to", "in"}});
    return flow;
}

class HostTest : public ::testing::Test {
protected:
    HostTest() { received.clear(); }

    HostOptions options() {
        HostOptions options;
        options.transport = [this] { return std::make_shared<fluxmq::InProc>(bus_); };
        options.clock = loop_.clock();
        options.run_for = 1s;
        options.on_event = [this](const HostEvent& event) {
            events_.push_back(event.id + ": " + event.text);
        };
        return options;
    }

    HostReport run(const flow::Flow& flow) {
        Host host{flow, types_, options()};
        return loop_.run(host.run());
    }

    std::string refusal(const flow::Flow& flow) {
        try {
            Host host{flow, types_, options()};
        } catch (const fluxmq::Error& error) {
            return error.what();
        }
        return "nothing was thrown";
    }

    fluxmq::testing::VirtualLoop loop_;
    std::shared_ptr<fluxmq::InProcBus> bus_ =
        std::make_shared<fluxmq::InProcBus>(fluxmq::InProcOptions{.clock = loop_.clock()});
    NodeTypes types_;
    std::vector<std::string> events_;
};

TEST_F(HostTest, what_a_node_publishes_at_its_start_reaches_another_service) {
    const auto report = run(two_services());
    EXPECT_THAT(received, ElementsAre("start"));
    EXPECT_FALSE(report.failed);
    ASSERT_EQ(report.services.size(), 2u);
    EXPECT_EQ(report.services[0].service, "first"); // whoever publishes ends first
    EXPECT_EQ(report.services[0].report.account.published, 1u);
    EXPECT_EQ(report.services[1].report.account.delivered, 1u);
}

TEST_F(HostTest, so_it_does_in_a_circle) {
    auto flow = two_services();
    auto& back = flow.services[1].nodes.emplace_back(node("back", "source"));
    back.outputs.push_back({.alias = "out", .topics = {"answer"}});
    auto& end = flow.services[0].nodes.emplace_back(node("end", "sink"));
    end.inputs.push_back({.alias = "in", .topics = {"answer"}});
    flow.edges.push_back({.from = {"back", "out"}, .to = {"end", "in"}});
    run(flow);
    EXPECT_THAT(received, ElementsAre("start", "start"));
}

TEST_F(HostTest, global_nodes_tick_with_the_clock_of_the_flow) {
    auto flow = two_services();
    flow.clock = 300ms;
    flow.services[0].nodes[0].timer = fluxlib::DataTimer{.type = fluxlib::TimerType::global};
    run(flow);
    EXPECT_THAT(received, ElementsAre("start", "1", "2", "3"));
}

TEST_F(HostTest, it_tells_of_statuses_from_the_first_to_the_last) {
    run(two_services());
    EXPECT_EQ(events_.front(), "second: STARTING");
    EXPECT_EQ(events_.back(), "second: STOPPED");
    EXPECT_THAT(events_, Contains("to: started"));
    EXPECT_THAT(events_, Contains("from: destroyed"));
}

TEST_F(HostTest, a_node_that_fails_is_told_of_and_the_others_go_on) {
    types_.load(FLUXLIB_TEST_PLUGIN);
    auto flow = two_services();
    flow.services[0].nodes.insert(flow.services[0].nodes.begin(), node("bad", "unstartable"));
    const auto report = run(flow);
    EXPECT_TRUE(report.failed);
    EXPECT_THAT(events_, Contains("bad: error"));
    EXPECT_THAT(events_, Contains(HasSubstr("the lens is gone")));
    EXPECT_THAT(received, ElementsAre("start"));
}

TEST_F(HostTest, a_node_that_cannot_be_made_is_named_before_anything_starts) {
    types_.load(FLUXLIB_TEST_PLUGIN);
    auto flow = two_services();
    flow.services[1].nodes.push_back(node("bad", "unmakable"));
    EXPECT_THAT(refusal(flow), ::testing::AllOf(HasSubstr("'bad'"), HasSubstr("'lens'")));
    EXPECT_TRUE(events_.empty());
}

TEST_F(HostTest, an_unknown_type_is_named_with_the_nearest_and_all_known) {
    auto flow = two_services();
    flow.services[1].nodes[0].type = "sinc";
    EXPECT_THAT(refusal(flow), ::testing::AllOf(HasSubstr("node 'to'"), HasSubstr("did you mean 'sink'"),
                                                HasSubstr("source")));
}

TEST_F(HostTest, end_ends_it) {
    auto opts = options();
    opts.run_for.reset();
    Host* running = nullptr;
    opts.on_event = [&](const HostEvent& event) {
        if (event.id == "from" && event.text == "started")
            running->end();
    };
    Host host{two_services(), types_, opts};
    running = &host;
    EXPECT_FALSE(loop_.run(host.run()).failed);
    EXPECT_THAT(received, ElementsAre("start"));
}

TEST(StartOrder, readers_come_first_and_circles_keep_their_order) {
    auto flow = two_services();
    EXPECT_THAT(start_order(flow), ElementsAre(1, 0));
    flow.edges.push_back({.from = {"to", "x"}, .to = {"from", "y"}});
    EXPECT_THAT(start_order(flow), ElementsAre(1, 0));
    flow.edges.clear();
    EXPECT_THAT(start_order(flow), ElementsAre(0, 1));
}

} // namespace
} // namespace fluxctl
