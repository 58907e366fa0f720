// SPDX-License-Identifier: MIT
#include <fluxlib/config.hpp>
#include <fluxmq/error.hpp>

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fluxlib {
namespace {

using fluxmq::errc;
using fluxmq::Error;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ResultOf;

constexpr std::string_view sample = R"([{
    "id": "n1", "name": "Node 1", "type": "processor",
    "timer": {"type": "LOCAL", "intervalMs": 250},
    "settings": {"batch_size": 100},
    "inputs": [{"alias": "in", "topics": ["raw.*", "more/raw"]}],
    "outputs": [{"alias": "out", "topics": ["done"]}]
}, {"id": "n2", "type": "sink"}])";

std::string refusal(std::string_view json) {
    try {
        parse_config(json);
    } catch (const Error& error) {
        return error.what();
    }
    return "accepted";
}

TEST(config, parse_config_reads_every_field) {
    const auto nodes = parse_config(sample);
    ASSERT_EQ(nodes.size(), 2u);
    DataNode first;
    first.id = "n1";
    first.name = "Node 1";
    first.type = "processor";
    first.timer = DataTimer{TimerType::local, std::chrono::milliseconds{250}};
    first.settings = {{"batch_size", 100}};
    first.inputs = {{"in", {"raw.*", "more/raw"}}};
    first.outputs = {{"out", {"done"}}};
    EXPECT_EQ(nodes[0], first);
    EXPECT_EQ(nodes[1].timer, std::nullopt);
    EXPECT_TRUE(nodes[1].inputs.empty());
}

TEST(config, parse_config_takes_an_object_with_nodes) {
    EXPECT_EQ(parse_config(R"({"nodes": )" + std::string{sample} + "}"), parse_config(sample));
}

TEST(config, parse_config_knows_pythons_timer_words) {
    const auto nodes = parse_config(R"([{"id":"a","timer":{"type":"interval","interval":1000}},
                                        {"id":"b","timer":{"type":"global"}},{"id":"c","timer":{"type":"NONE"}}])");
    EXPECT_EQ(nodes[0].timer, (DataTimer{TimerType::local, std::chrono::milliseconds{1000}}));
    EXPECT_EQ(nodes[1].timer->type, TimerType::global);
    EXPECT_EQ(nodes[2].timer->type, TimerType::none);
}

TEST(config, parse_config_reads_supervision_and_keeps_the_defaults_of_what_is_not_there) {
    const auto nodes = parse_config(
        R"([{"id": "a", "supervision": {"restart": "on_failure", "failOnThrow": true, "backoffMs": 10}},
            {"id": "b", "supervision": {"restart": "always", "longestBackoffMs": 1, "mostRestarts": 2, "windowMs": 3,
                                        "hookTimeoutMs": 4}},
            {"id": "c", "supervision": null}])");
    Supervision first;
    first.restart = Restart::on_failure;
    first.fail_on_throw = true;
    first.backoff = std::chrono::milliseconds{10};
    EXPECT_EQ(nodes[0].supervision, first);
    Supervision second;
    second.restart = Restart::always;
    second.longest_backoff = std::chrono::milliseconds{1};
    second.most_restarts = 2;
    second.window = std::chrono::milliseconds{3};
    second.hook_timeout = std::chrono::milliseconds{4};
    EXPECT_EQ(nodes[1].supervision, second);
    EXPECT_EQ(nodes[2].supervision, std::nullopt);
    EXPECT_EQ(parse_config(boost::json::serialize(to_json(nodes))), nodes);
}

TEST(config, to_json_is_what_parse_config_reads) {
    const auto nodes = parse_config(sample);
    EXPECT_EQ(parse_config(boost::json::serialize(to_json(nodes))), nodes);
}

TEST(config, to_json_writes_a_timer_for_every_node_and_none_is_read_as_none) {
    const auto nodes = parse_config(R"([{"id": "a"}, {"id": "b", "timer": {"type": "NONE"}}])");
    const auto written = to_json(nodes);
    EXPECT_EQ(written.at(0).at("timer"),
              (boost::json::value{{"type", "NONE"}, {"intervalMs", 0}, {"interval", 0}, {"unset", true}}));
    EXPECT_EQ(written.at(1).at("timer"),
              (boost::json::value{{"type", "NONE"}, {"intervalMs", 0}, {"interval", 0}}));
    const auto again = parse_config(boost::json::serialize(written));
    EXPECT_EQ(again, nodes);
    EXPECT_EQ(again[0].timer, std::nullopt);
    EXPECT_EQ(again[1].timer, DataTimer{});
}

TEST(config, only_a_true_unset_makes_a_timer_none) {
    const auto timer_of = [](const std::string& unset) {
        return parse_config(R"([{"id": "a", "timer": {"type": "GLOBAL", "unset": )" + unset + "}}]")[0].timer;
    };
    EXPECT_EQ(timer_of("true"), std::nullopt);
    for (const auto* other : {"false", "null", "1", R"("true")", "[true]"})
        EXPECT_EQ(timer_of(other), (DataTimer{TimerType::global})) << other;
    EXPECT_THAT(refusal(R"([{"id": "a", "timer": {"type": "HOURLY", "unset": true}}])"),
                HasSubstr("expected GLOBAL, LOCAL or NONE"));
}

TEST(config, an_error_names_the_node_and_the_field) {
    EXPECT_THAT(refusal("[x"), HasSubstr("line 1, column 2"));
    EXPECT_THAT(refusal("42"), HasSubstr("expected an array of nodes"));
    const auto supervised = [](const std::string& text) {
        return refusal(R"([{"id": "a", "supervision": )" + text + "}]");
    };
    EXPECT_THAT(supervised("3"), HasSubstr("node 'a': field 'supervision': "));
    EXPECT_THAT(supervised(R"({"restart": "often"})"), HasSubstr("never, on_failure, always"));
    EXPECT_THAT(supervised(R"({"mostRestarts": 0})"),
                HasSubstr("field 'supervision'.mostRestarts: expected at least 1, got 0"));
    EXPECT_THAT(supervised(R"({"windowMs": -1})"), HasSubstr("expected milliseconds, got -1"));
    EXPECT_THAT(refusal(R"({"nodes": 3})"), HasSubstr("expected an array of nodes"));
    EXPECT_THAT(refusal("[3]"), HasSubstr("node [0]: expected an object, got 3"));
    EXPECT_THAT(refusal(R"([{"type":"x"}])"), HasSubstr("node [0]: field 'id': it is missing"));
    EXPECT_THAT(refusal(R"([{"id":"a b"}])"), HasSubstr("node 'a b': field 'id'"));
    EXPECT_THAT(refusal(R"([{"id":"*"}])"), HasSubstr("wildcard"));
    EXPECT_THAT(refusal(R"([{"id":"a"},{"id":"a"}])"), HasSubstr("node 'a': the id occurs twice"));
    EXPECT_THAT(refusal(R"([{"id":"a","settings":[1]}])"),
                HasSubstr("node 'a': field 'settings': expected an object, got [1]"));
    EXPECT_THAT(refusal(R"([{"id":"a","type":5}])"), HasSubstr("field 'type': expected a string, got 5"));
    EXPECT_THAT(refusal(R"([{"id":"a","inputs":{}}])"), HasSubstr("field 'inputs': expected an array"));
    EXPECT_THAT(refusal(R"([{"id":"a","inputs":[{"topics":[]}]}])"),
                HasSubstr("field 'inputs' [0]: field 'alias'"));
    EXPECT_THAT(refusal(R"([{"id":"a","inputs":[{"alias":"x","topics":["a b"]}]}])"),
                HasSubstr("'a b' is not a valid topic: it has a space"));
    EXPECT_THAT(refusal(R"([{"id":"a","outputs":[{"alias":"x","topics":["a.*"]}]}])"), HasSubstr("wildcard"));
    EXPECT_THAT(refusal(R"([{"id":"a","inputs":[{"alias":"x"},{"alias":"x"}]}])"),
                HasSubstr("'x' occurs twice"));
    EXPECT_THAT(refusal(R"([{"id":"a","timer":{"type":"HOURLY"}}])"),
                HasSubstr("expected GLOBAL, LOCAL or NONE"));
    EXPECT_THAT(refusal(R"([{"id":"a","timer":{"type":"LOCAL"}}])"), HasSubstr("needs an interval"));
    EXPECT_THAT(refusal(R"([{"id":"a","timer":{"type":"LOCAL","intervalMs":-1}}])"),
                HasSubstr("expected milliseconds, got -1"));
    EXPECT_THAT(refusal(R"([{"id":"a","timer":{"intervalMs":0e999}}])"), HasSubstr("expected milliseconds"));
    EXPECT_THAT(refusal(R"([{"id":"a","settings":{"deep":{"k":[1,10e999]}}}])"),
                HasSubstr("node 'a': field 'settings.deep.k': a number in it is too large"));
}

TEST(config, diff_config_tells_what_to_destroy_change_and_create) {
    const auto current = parse_config(R"([{"id":"same"},{"id":"tuned","settings":{"a":1}},{"id":"gone"},
                                          {"id":"rewired","inputs":[{"alias":"in","topics":["x"]}]},
                                          {"id":"timed","timer":{"type":"NONE"}},{"id":"other","type":"a"}])");
    const auto wanted = parse_config(R"([{"id":"same"},{"id":"tuned","settings":{"a":2}},{"id":"new"},
                                         {"id":"rewired","inputs":[{"alias":"in","topics":["y"]}]},
                                         {"id":"timed","timer":{"type":"GLOBAL"}},{"id":"other","type":"b"}])");
    const auto plan = diff_config(current, wanted);
    EXPECT_THAT(plan.destroy, ElementsAre("gone", "other"));
    const auto id = [](const DataNode& node) { return node.id; };
    EXPECT_THAT(plan.change,
                ElementsAre(ResultOf(id, "tuned"), ResultOf(id, "rewired"), ResultOf(id, "timed")));
    EXPECT_THAT(plan.create, ElementsAre(ResultOf(id, "new"), ResultOf(id, "other")));
}

TEST(config, diff_config_of_equal_configs_is_empty) {
    const auto nodes = parse_config(sample);
    const auto plan = diff_config(nodes, nodes);
    EXPECT_TRUE(plan.destroy.empty() && plan.change.empty() && plan.create.empty());
}

} // namespace
} // namespace fluxlib
