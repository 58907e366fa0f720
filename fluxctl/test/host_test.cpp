// SPDX-License-Identifier: MIT
#include <fluxlib/plugin.hpp>
#include <fluxmq/error.hpp>
#include <fluxmq/inproc.hpp>
#include <fluxmq/testing/virtual_loop.hpp>

#include "host.hpp"

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

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

/// Says what it was set to, and refuses what it is told to refuse.
class Strict : public fluxlib::Node {
public:
    using Node::Node;

protected:
    Task<> on_create() override {
        if (settings().contains("broken"))
            throw std::runtime_error{"no such device"};
        co_return;
    }
    Task<> on_settings(fluxlib::Message) override {
        received.push_back(id() + " x=" + boost::json::serialize(settings().at("x")));
        co_return;
    }
    void check_settings(const boost::json::object& wanted) const override {
        if (wanted.contains("refused"))
            throw fluxmq::Error{fluxmq::errc::invalid_settings, "field 'refused' is not known"};
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
FLUX_REGISTER_NODE(Strict, "strict");

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
            events_.push_back(event.id + ": " +
                              (event.kind == HostEvent::Kind::flow_changed ? "changed" : event.text));
        };
        if (!later_.empty())
            options.next = [this]() -> std::optional<Wanted> {
                if (later_.empty())
                    return std::nullopt;
                auto next = std::move(later_.front());
                later_.erase(later_.begin());
                return Wanted{std::move(next), types_};
            };
        return options;
    }

    auto count(const std::string& event) { return std::count(events_.begin(), events_.end(), event); }

    HostReport run(const flow::Flow& flow) {
        Host host{{flow, types_}, options()};
        return loop_.run(host.run());
    }

    std::string refusal(const flow::Flow& flow) {
        try {
            Host host{{flow, types_}, options()};
        } catch (const flow::Refused& refused) {
            return refused.what();
        }
        return "nothing was thrown";
    }

    fluxmq::testing::VirtualLoop loop_;
    std::shared_ptr<fluxmq::InProcBus> bus_ =
        std::make_shared<fluxmq::InProcBus>(fluxmq::InProcOptions{.clock = loop_.clock()});
    NodeTypes types_;
    std::vector<flow::Flow> later_; ///< wanted 200 ms after the start, 400 ms, and so on
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
    EXPECT_THAT(refusal(flow), ::testing::AllOf(HasSubstr("nodes.bad: "), HasSubstr("'lens'")));
    EXPECT_TRUE(events_.empty());
}

TEST_F(HostTest, a_node_that_cannot_be_created_is_named_and_nothing_starts) {
    auto flow = two_services();
    flow.services[0].nodes.push_back(node("strict", "strict"));
    flow.services[0].nodes[1].settings = {{"broken", true}};
    try {
        run(flow);
        FAIL() << "nothing was thrown";
    } catch (const fluxmq::Error& error) {
        EXPECT_THAT(error.what(), ::testing::AllOf(HasSubstr("node 'strict'"), HasSubstr("no such device")));
    }
    EXPECT_THAT(events_, Contains("second: STOPPED"));
    EXPECT_EQ(count("to: started"), 0);
}

TEST_F(HostTest, an_unknown_type_is_named_with_the_nearest) {
    auto flow = two_services();
    flow.services[1].nodes[0].type = "sinc";
    EXPECT_EQ(refusal(flow),
              "services.second.nodes.to.type: there is no node type 'sinc'; did you mean 'sink'?");
}

TEST_F(HostTest, all_that_types_and_constructors_refuse_is_told_in_the_order_of_the_file) {
    types_.load(FLUXLIB_TEST_PLUGIN);
    auto flow = two_services();
    flow.services[0].nodes.push_back(node("above", "unmakable"));
    flow.services[1].nodes.push_back(node("below", "unmakable")); // made first, for its service starts first
    flow.places["above"] = {{5, 13}, {6, 9}};
    flow.places["below"] = {{15, 13}, {16, 9}};
    const auto problems_of = [&] {
        try {
            Host host{{flow, types_}, options()};
        } catch (const flow::Refused& refused) {
            return refused.problems();
        }
        return std::vector<flow::Problem>{};
    };
    auto problems = problems_of();
    ASSERT_EQ(problems.size(), 2u);
    EXPECT_THAT(problems[0].text("f.yaml"), HasSubstr("f.yaml:6:9: services.first.nodes.above: "));
    EXPECT_THAT(problems[1].text("f.yaml"), HasSubstr("f.yaml:16:9: services.second.nodes.below: "));
    flow.services[0].nodes[1].type = "sinc";
    flow.services[1].nodes[1].type = "\x1b[2J";
    problems = problems_of();
    ASSERT_EQ(problems.size(), 2u);
    EXPECT_THAT(problems[0].text("f.yaml"), HasSubstr("f.yaml:5:13: services.first.nodes.above.type: "));
    EXPECT_THAT(problems[1].text("f.yaml"), HasSubstr("there is no node type '?[2J'; known are "));
}

TEST_F(HostTest, end_ends_it) {
    auto opts = options();
    opts.run_for.reset();
    Host* running = nullptr;
    opts.on_event = [&](const HostEvent& event) {
        if (event.id == "from" && event.text == "started")
            running->end();
    };
    Host host{{two_services(), types_}, opts};
    running = &host;
    EXPECT_FALSE(loop_.run(host.run()).failed);
    EXPECT_THAT(received, ElementsAre("start"));
}

// --- Another flow takes the place of the one that runs -----------------------------------------------------------

TEST_F(HostTest, a_node_that_is_added_runs_and_the_others_go_on) {
    auto flow = two_services();
    flow.services[0].nodes[0].timer = fluxlib::DataTimer{fluxlib::TimerType::local, 300ms};
    auto& next = later_.emplace_back(flow);
    next.services[1].nodes.push_back(node("strict", "strict"));
    auto third = node("third", "sink");
    third.inputs.push_back({.alias = "in", .topics = {"data"}});
    next.services.push_back({.id = "other", .nodes = {third}});
    const auto report = run(flow);
    EXPECT_FALSE(report.failed);
    EXPECT_THAT(received, ElementsAre("start", "1", "1", "2", "2", "3", "3"));
    EXPECT_EQ(count("from: created"), 1);
    EXPECT_EQ(count("to: started"), 1);
    EXPECT_EQ(count("strict: started"), 1);
    EXPECT_EQ(count("third: started"), 1);
    EXPECT_EQ(count("two: changed"), 1);
    EXPECT_EQ(report.services.size(), 3u);
}

TEST_F(HostTest, changed_settings_reach_a_node_that_goes_on) {
    auto flow = two_services();
    flow.services[1].nodes.push_back(node("strict", "strict"));
    later_.push_back(flow);
    later_[0].services[1].nodes[1].settings = {{"x", 7}};
    run(flow);
    EXPECT_THAT(received, ElementsAre("start", "strict x=7"));
    EXPECT_EQ(count("strict: started"), 1);
    EXPECT_EQ(count("strict: stopped"), 1);
}

TEST_F(HostTest, a_service_that_is_gone_ends_and_the_clock_changes) {
    auto flow = two_services();
    flow.clock = 150ms;
    flow.services[0].nodes[0].timer = fluxlib::DataTimer{.type = fluxlib::TimerType::global};
    auto& next = later_.emplace_back(flow);
    next.clock = 350ms;
    std::swap(next.services[0], next.services[1]);
    next.services.push_back({.id = "third", .nodes = {node("last", "sink")}});
    later_.push_back(next);
    later_[1].services.erase(later_[1].services.begin());
    const auto report = run(flow);
    EXPECT_FALSE(report.failed);
    EXPECT_THAT(received,
                ElementsAre("start", "1")); // at 150 ms; the next tick is at 550, and nobody reads it
    ASSERT_EQ(report.services.size(), 3u);
    EXPECT_EQ(report.services[0].service, "second");
    EXPECT_LT(std::find(events_.begin(), events_.end(), "to: destroyed"),
              std::find(events_.begin(), events_.end(), "from: stopped"));
}

TEST_F(HostTest, a_flow_that_is_refused_changes_nothing_and_says_why) {
    types_.load(FLUXLIB_TEST_PLUGIN);
    auto flow = two_services();
    flow.services[0].nodes[0].timer = fluxlib::DataTimer{fluxlib::TimerType::local, 350ms};
    flow.services[0].nodes.push_back(node("strict", "strict"));
    // In the service that is configured last, so that the other one has to go back.
    const auto refused = [&](const DataNode& added) {
        auto& next = later_.emplace_back(flow);
        next.services[1].nodes[0].id = "other";
        next.edges[0].to.node = "other";
        next.services.push_back({.id = "fresh", .nodes = {node("extra", "sink")}});
        next.services[0].nodes[1] = added;
    };
    refused(node("strict", "strikt"));
    refused(node("bad", "unmakable"));
    auto strict = node("strict", "strict");
    strict.settings = {{"refused", 1}};
    refused(strict);
    strict.id = "broken";
    strict.settings = {{"broken", true}};
    refused(strict);
    const auto report = run(flow);
    EXPECT_FALSE(report.failed); // what runs did not fail
    EXPECT_THAT(events_, Contains(HasSubstr(
                             "nodes.strict.type: there is no node type 'strikt'; did you mean 'strict'?")));
    EXPECT_THAT(events_, Contains(HasSubstr("nodes.bad: invalid settings: field 'lens' is missing")));
    EXPECT_THAT(
        events_,
        Contains("two: invalid settings: node 'strict': field 'settings': field 'refused' is not known"));
    EXPECT_THAT(events_, Contains(::testing::AllOf(HasSubstr("node 'broken'"), HasSubstr("no such device"))));
    EXPECT_EQ(count("two: changed"), 0);
    EXPECT_EQ(count("strict: created"), 1);
    EXPECT_EQ(count("from: created"), 1);
    EXPECT_EQ(count("to: started"), 3); // gone, and had again, twice
    EXPECT_EQ(count("extra: started"), 0);
    EXPECT_THAT(received, ElementsAre("start", "1", "2"));
}

TEST_F(HostTest, a_node_may_move_to_another_service) {
    const auto flow = two_services();
    later_.push_back(flow);
    later_[0].services[0].nodes.push_back(flow.services[1].nodes[0]);
    later_[0].services.pop_back();
    const auto report = run(flow);
    EXPECT_FALSE(report.failed);
    EXPECT_EQ(count("two: changed"), 1);
    EXPECT_EQ(count("to: started"), 2);
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
