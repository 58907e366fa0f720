// SPDX-License-Identifier: MIT
#include <fluxmq/testing/virtual_loop.hpp>

#include "scratch.hpp"
#include "stock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

namespace flux_stock {
namespace {

using namespace std::chrono_literals;
using boost::json::object;
using fluxlib::Task;
using fluxmq::testing::VirtualLoop;
using test::Peer;
using test::refusal;
using test::Scratch;
using test::Stock;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// In real time: for nodes that work on threads of the pool.
void run(Task<> task) { ASSERT_EQ(fluxlib::run(std::move(task)), 0); }

fluxlib::ServiceOptions in_time_of(VirtualLoop& loop) {
    fluxlib::ServiceOptions options;
    options.clock = loop.clock();
    return options;
}

TEST(StockNodes, lines_go_through_filter_and_map_into_a_file) {
    const Scratch scratch;
    scratch.write("in.jsonl", R"({"temperature": 25, "unit": "C", "city": "Bern"}
{"temperature": 15, "unit": "C", "city": "Oslo"}
{"temperature": 77, "unit": "F", "city": "Rome"}
{"temperature": 30, "unit": "C"})");
    run([](const Scratch& files) -> Task<> {
        Stock stock;
        stock.add("json-lines", object{{"path", files.path("out.jsonl")}}, "c", "");
        object fields{{"f", "temperature * 2 + 30"}, {"place.name", "city"}};
        stock.add("map", object{{"fields", fields}}, "b", "c");
        stock.add("filter", object{{"where", "temperature > 20 and unit == 'C'"}}, "a", "b");
        auto& lines = stock.add("lines", object{{"path", files.path("in.jsonl")}}, "", "a");
        Peer status;
        co_await status.open(stock.bus, "node.lines.status");
        co_await stock.service.run();
        while (lines.lifecycle() != fluxlib::NodeState::stopped)
            co_await status.next();
        co_await stock.end();
        EXPECT_EQ(stock.service.account().dropped.total(), 0u);
    }(scratch));
    EXPECT_EQ(scratch.read("out.jsonl"), "{\"f\":80,\"place\":{\"name\":\"Bern\"}}\n"
                                         "{\"f\":90,\"place\":{\"name\":null}}\n");
}

TEST(StockNodes, more_lines_than_an_input_has_room_for_all_arrive) {
    constexpr int count = 200'000;
    const Scratch scratch;
    std::string text;
    for (int i = 0; i < count; ++i)
        text += std::to_string(i) + '\n';
    scratch.write("in.txt", text);
    run([](const Scratch& files) -> Task<> {
        Stock stock;
        stock.add("json-lines", object{{"path", files.path("out.txt")}}, "a", "");
        auto& lines = stock.add(
            "lines", object{{"path", files.path("in.txt")}, {"interval", 1}, {"batch", 100'000}}, "", "a");
        Peer status;
        co_await status.open(stock.bus, "node.lines.status");
        co_await stock.service.run();
        while (lines.lifecycle() != fluxlib::NodeState::stopped)
            co_await status.next();
        co_await stock.end();
    }(scratch));
    EXPECT_EQ(scratch.read("out.txt"), text);
}

TEST(StockNodes, lines_begin_again_when_they_repeat) {
    const Scratch scratch;
    scratch.write("in.txt", "a\nb\n");
    run([](const Scratch& files) -> Task<> {
        Stock stock;
        stock.add("lines", object{{"path", files.path("in.txt")}, {"repeat", true}, {"interval", 1}}, "",
                  "out");
        Peer reader;
        co_await reader.open(stock.bus, "out");
        co_await stock.service.run();
        for (const auto* expected : {"a", "b", "a", "b", "a"}) {
            const auto line = co_await reader.next();
            EXPECT_EQ(line, expected);
        }
        co_await stock.end();
    }(scratch));
}

TEST(StockNodes, a_file_that_is_not_there_fails_the_node) {
    run([]() -> Task<> {
        Stock stock;
        auto& lines = stock.add("lines", object{{"path", "/nowhere/in.txt"}}, "", "");
        auto& sink = stock.add("json-lines", object{{"path", "/nowhere/out.txt"}}, "a", "");
        Peer errors;
        co_await errors.open(stock.bus, "service.stock.error");
        co_await stock.service.run();
        EXPECT_EQ(lines.lifecycle(), fluxlib::NodeState::error);
        EXPECT_EQ(sink.lifecycle(), fluxlib::NodeState::error);
        const auto first = co_await errors.next();
        EXPECT_THAT(first, AllOf(HasSubstr("/nowhere/in.txt"), HasSubstr("No such file")));
        co_await stock.end();
    }());
}

Task<> write_csv(const Scratch& files) {
    Stock stock;
    const boost::json::array fields{"t", "place.name", "list"};
    stock.add("csv", object{{"append", true}, {"fields", fields}, {"path", files.path("out.csv")}}, "in", "");
    Peer sender;
    co_await sender.open(stock.bus, "other");
    co_await stock.service.run();
    sender.transport->publish("in", R"({"t": 15, "place": {"name": "Köln, \"am\" Rhein"}, "list": [1, 2]})");
    sender.transport->publish("in", R"({"t": null})");
    co_await stock.end();
}

TEST(StockNodes, csv_quotes_and_names_its_columns_once) {
    const Scratch scratch;
    const std::string lines = "15,\"Köln, \"\"am\"\" Rhein\",\"[1,2]\"\r\n,,\r\n";
    run(write_csv(scratch));
    EXPECT_EQ(scratch.read("out.csv"), "t,place.name,list\r\n" + lines);
    run(write_csv(scratch));
    EXPECT_EQ(scratch.read("out.csv"), "t,place.name,list\r\n" + lines + lines);
}

TEST(StockNodes, json_lines_keep_chosen_fields_and_refuse_what_is_no_json) {
    const Scratch scratch;
    run([](const Scratch& files) -> Task<> {
        Stock stock;
        const boost::json::array fields{"a.b", "c"};
        stock.add("json-lines", object{{"fields", fields}, {"path", files.path("out.jsonl")}}, "in", "");
        Peer peer;
        co_await peer.open(stock.bus, "service.stock.error");
        co_await stock.service.run();
        peer.transport->publish("in", "no JSON");
        peer.transport->publish("in", R"({"a": {"b": 1}, "d": 2})");
        const auto error = co_await peer.next();
        EXPECT_THAT(error, HasSubstr("'json-lines'"));
        co_await stock.end();
    }(scratch));
    EXPECT_EQ(scratch.read("out.jsonl"), "{\"a.b\":1,\"c\":null}\n");
}

TEST(StockNodes, timer_and_rate_publish_at_their_intervals) {
    VirtualLoop loop;
    loop.run([](VirtualLoop& world) -> Task<> {
        Stock stock{in_time_of(world)};
        stock.add("timer", object{{"interval", 100}}, "", "ticks");
        stock.add("rate", object{{"interval", 1000}}, "ticks", "rates");
        Peer ticks;
        co_await ticks.open(stock.bus, "ticks");
        Peer rates;
        co_await rates.open(stock.bus, "rates");
        co_await stock.service.run();
        const auto begin = world.clock()->now();
        for (int i = 1; i <= 3; ++i) {
            const auto text = co_await ticks.next();
            const auto tick = boost::json::parse(text);
            EXPECT_EQ(tick.at("count").to_number<int>(), i);
            EXPECT_EQ(tick.at("time").as_string().size(), 24u) << text;
            EXPECT_EQ(world.clock()->now() - begin, i * 100ms);
        }
        const auto text = co_await rates.next();
        const auto rate = boost::json::parse(text);
        EXPECT_EQ(world.clock()->now() - begin, 1s);
        EXPECT_NEAR(rate.at("messages").to_number<double>(), 10, 1);
        EXPECT_NEAR(rate.at("messages_per_second").to_number<double>(), 10, 1);
        EXPECT_GT(rate.at("bytes").to_number<int>(), 300);
        co_await stock.end();
    }(loop));
}

TEST(StockNodes, logger_writes_with_its_level_and_prefix) {
    std::ostringstream text;
    VirtualLoop loop;
    loop.run([](VirtualLoop& world, std::ostringstream& out) -> Task<> {
        auto options = in_time_of(world);
        options.logger =
            std::make_shared<spdlog::logger>("stock", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
        Stock stock{options};
        stock.add("logger", object{{"level", "warning"}, {"prefix", "got: "}}, "in", "");
        Peer sender;
        co_await sender.open(stock.bus, "other");
        co_await stock.service.run();
        sender.transport->publish("in", "hello");
        co_await stock.end();
    }(loop, text));
    EXPECT_THAT(text.str(), HasSubstr("[stock/logger] [warning] got: hello"));
}

TEST(StockNodes, new_settings_count_and_wrong_ones_change_nothing) {
    VirtualLoop loop;
    loop.run([](VirtualLoop& world) -> Task<> {
        Stock stock{in_time_of(world)};
        stock.add("filter", object{{"where", "x == 1"}}, "in", "out");
        Peer out;
        co_await out.open(stock.bus, "out");
        Peer errors;
        co_await errors.open(stock.bus, "service.stock.error");
        co_await stock.service.run();
        out.transport->publish("node.filter.set_settings", R"({"where": "x >"})");
        const auto error = co_await errors.next();
        EXPECT_THAT(error, AllOf(HasSubstr("'where'"), HasSubstr("column 4")));
        out.transport->publish("in", R"({"x": 1})");
        const auto first = co_await out.next();
        EXPECT_EQ(first, R"({"x": 1})"); // byte for byte
        out.transport->publish("node.filter.set_settings", R"({"where": "x == 2"})");
        out.transport->publish("in", R"({"x": 1})"); // settings go ahead of it
        out.transport->publish("in", R"({"x": 2})");
        const auto second = co_await out.next();
        EXPECT_EQ(second, R"({"x": 2})");
        co_await stock.end();
    }(loop));
}

TEST(StockNodes, wrong_settings_are_refused_by_name) {
    struct Case {
        const char* type;
        const char* settings;
        const char* complaint;
    };
    const Case cases[] = {
        {"timer", R"({"interval": 0})", "'interval'"},
        {"timer", R"({"interval": "1s"})", "'interval'"},
        {"timer", R"({"intervall": 5})", "'intervall' is not known; there are interval"},
        {"rate", R"({"interval": -1})", "'interval'"},
        {"lines", R"({"path": ""})", "'path'"},
        {"lines", R"({"repeat": true})", "'repeat'"},
        {"lines", R"({"batch": 0})", "'batch'"},
        {"lines", R"({"interval": 0})", "'interval'"},
        {"filter", "{}", "'where' is missing"},
        {"filter", R"({"where": "a >"})", "'where' is wrong: column 4"},
        {"map", "{}", "'fields' is missing"},
        {"map", R"({"fields": {"a": "1 +"}})", "'fields.a' is wrong: column 4"},
        {"map", R"({"fields": {"a.": "1"}})", "'fields.a.'"},
        {"map", R"({"fields": {"a": "1", "a.b": "2"}})", "both as a value and as the parent"},
        {"map", R"({"fields": ["a"]})", "fields"},
        {"logger", R"({"level": "loud"})", "'level' is 'loud'"},
        {"json-lines", "{}", "'path' is missing"},
        {"json-lines", R"({"path": "x", "fields": ["a."]})", "'a.'"},
        {"csv", R"({"path": "x"})", "'fields' is missing"},
        {"csv", R"({"fields": ["a"]})", "'path' is missing"},
    };
    for (const auto& [type, settings, complaint] : cases)
        EXPECT_THAT(refusal(type, settings), HasSubstr(complaint)) << type << ' ' << settings;
}

TEST(StockNodes, a_port_that_a_type_does_not_have_is_refused_by_name) {
    Stock stock;
    fluxlib::DataNode data{.id = "t", .type = "timer"};
    data.outputs.push_back({.alias = "tick", .topics = {"x"}});
    try {
        Stock::make(stock.service, data);
        ADD_FAILURE() << "it was made";
    } catch (const fluxmq::Error& error) {
        EXPECT_EQ(error.kind(), fluxmq::errc::unknown_port);
        EXPECT_THAT(error.what(), AllOf(HasSubstr("'tick'"), HasSubstr("'out'")));
    }
}

} // namespace
} // namespace flux_stock
