// SPDX-License-Identifier: MIT
#include <fluxmq/json.hpp>

#include "support.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <gmock/gmock.h>

#include <cstdint>
#include <set>

namespace fluxmq {
namespace {

using test::error_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

BOOST_DEFINE_ENUM_CLASS(Mode, fast, slow)

struct Point {
    int x = 1;
    double y = 2;
};
BOOST_DESCRIBE_STRUCT(Point, (), (x, y))

struct Base {
    std::string id = "none";
};
BOOST_DESCRIBE_STRUCT(Base, (), (id))

struct Shape : Base {
    std::vector<Point> points;
    std::optional<Mode> mode;
    std::map<std::string, Point> named;
    bool closed = true;
};
BOOST_DESCRIBE_STRUCT(Shape, (Base), (points, mode, named, closed))

template <class T>
T read(std::string_view text, Missing missing = Missing::error) {
    return from_json<T>(boost::json::parse(text), missing);
}

template <class T>
std::string refusal(std::string_view text, Missing missing = Missing::error) {
    const auto error = error_of([&] { read<T>(text, missing); });
    EXPECT_EQ(error.kind(), errc::wrong_type);
    return error.detail();
}

std::string parse_refusal(std::string_view text) {
    const auto error = error_of([&] { parse_json(text, "the config"); });
    EXPECT_EQ(error.kind(), errc::malformed_json);
    EXPECT_THAT(error.detail(), HasSubstr("the config: "));
    return error.detail();
}

TEST(ParseJson, reads_one_document_with_space_around_it) {
    EXPECT_EQ(parse_json(" \n{\"a\": [1, 2.5, null]}\r\n\t", "x").at("a").as_array().size(), 3u);
    EXPECT_EQ(parse_json("5", "x"), 5);
    EXPECT_EQ(parse_json("\"text\"", "x"), "text");
}

TEST(ParseJson, says_where_the_text_goes_wrong) {
    EXPECT_THAT(parse_refusal("{\"a\": x}"), HasSubstr("at line 1, column 7"));
    EXPECT_THAT(parse_refusal("{\n  \"a\": 1,\n  oops\n}"), HasSubstr("at line 3, column 3"));
    EXPECT_THAT(parse_refusal("not json"), HasSubstr("at line 1, column"));
}

TEST(ParseJson, says_when_the_text_ends_too_early) {
    EXPECT_THAT(parse_refusal("{\"a\": 1"), HasSubstr("at its end"));
    EXPECT_THAT(parse_refusal("[1, 2"), HasSubstr("at its end"));
    EXPECT_THAT(parse_refusal("\"open"), HasSubstr("at its end"));
    EXPECT_THAT(parse_refusal("  "), HasSubstr("at its end"));
    EXPECT_THAT(parse_refusal(""), HasSubstr("it is empty"));
}

TEST(ParseJson, says_where_more_text_follows) {
    EXPECT_THAT(parse_refusal("{}\n {}"), HasSubstr("more text after the end at line 2, column 2"));
    EXPECT_THAT(parse_refusal("1 2"), HasSubstr("more text after the end at line 1, column 3"));
}

TEST(ParseJson, refuses_text_that_is_not_utf8_and_nesting_without_end) {
    EXPECT_THAT(parse_refusal("\"\xff\""), HasSubstr("line 1"));
    EXPECT_THAT(parse_refusal(std::string(100'000, '[')), HasSubstr("line 1"));
}

TEST(FromJson, reads_every_kind) {
    EXPECT_EQ(read<int>("-5"), -5);
    EXPECT_EQ(read<std::uint64_t>("18446744073709551615"), 18446744073709551615u);
    EXPECT_EQ(read<double>("2"), 2.0);
    EXPECT_EQ(read<float>("0.5"), 0.5f);
    EXPECT_EQ(read<bool>("true"), true);
    EXPECT_EQ(read<std::string>("\"t\""), "t");
    EXPECT_EQ(read<Mode>("\"slow\""), Mode::slow);
    EXPECT_EQ(read<std::optional<int>>("null"), std::nullopt);
    EXPECT_EQ(read<std::optional<int>>("3"), 3);
    EXPECT_THAT(read<std::vector<int>>("[1,2]"), ElementsAre(1, 2));
    EXPECT_THAT(read<std::vector<bool>>("[true,false]"), ElementsAre(true, false));
    EXPECT_EQ((read<std::map<std::string, int>>(R"({"a":1})")), (std::map<std::string, int>{{"a", 1}}));
    EXPECT_EQ((read<std::unordered_map<std::string, bool>>(R"({"a":true})").at("a")), true);
    EXPECT_EQ(read<boost::json::value>("[1]"), boost::json::value(boost::json::array{1}));
    EXPECT_EQ(read<boost::json::object>(R"({"a":1})").size(), 1u);
    EXPECT_EQ(read<std::set<int>>("[2,1]"), (std::set<int>{1, 2})); // by Boost.JSON
}

TEST(FromJson, reads_described_structs_with_their_bases) {
    const auto shape = read<Shape>(R"({"id":"s", "points":[{"x":1,"y":2.5},{"x":3,"y":4}], "mode":"slow",
                                       "named":{"a":{"x":5,"y":6}}, "closed":false, "unknown":0})");
    EXPECT_EQ(shape.id, "s");
    ASSERT_EQ(shape.points.size(), 2u);
    EXPECT_EQ(shape.points[1].x, 3);
    EXPECT_EQ(shape.mode, Mode::slow);
    EXPECT_EQ(shape.named.at("a").y, 6);
    EXPECT_FALSE(shape.closed);
}

TEST(FromJson, an_error_names_the_field_by_its_path) {
    EXPECT_EQ(refusal<Point>(R"({"x":"no","y":1})"), "'x': expected a whole number, got \"no\"");
    EXPECT_EQ(
        refusal<Shape>(R"({"id":"s","points":[{"x":1,"y":1},{"x":1,"y":1},{"x":1,"y":1},{"x":true,"y":1}],
                                 "named":{},"closed":true})"),
        "'points[3].x': expected a whole number, got true");
    EXPECT_EQ(refusal<Shape>(R"({"id":"s","points":[],"named":{"a":{"x":1,"y":[]}},"closed":true})"),
              "'named.a.y': expected a number, got []");
    EXPECT_EQ(refusal<Shape>(R"({"id":"s","points":{},"named":{},"closed":true})"),
              "'points': expected an array, got {}");
    EXPECT_EQ(refusal<int>("\"x\""), "expected a whole number, got \"x\"");
    EXPECT_EQ((refusal<std::vector<std::vector<int>>>("[[1],[2,\"x\"]]")),
              "'[1][1]': expected a whole number, got \"x\"");
}

TEST(FromJson, every_kind_refuses_the_others) {
    EXPECT_EQ(refusal<int>("1.5"), "expected a whole number, got 1.5E0");
    EXPECT_EQ(refusal<int>("null"), "expected a whole number, got null");
    EXPECT_EQ(refusal<double>("\"1\""), "expected a number, got \"1\"");
    EXPECT_EQ(refusal<bool>("1"), "expected true or false, got 1");
    EXPECT_EQ(refusal<std::string>("1"), "expected a string, got 1");
    EXPECT_EQ(refusal<Mode>("1"), "expected a string, got 1");
    EXPECT_EQ(refusal<Point>("[]"), "expected an object, got []");
    EXPECT_EQ((refusal<std::map<std::string, int>>("[]")), "expected an object, got []");
    EXPECT_EQ(refusal<std::optional<int>>("\"x\""), "expected a whole number, got \"x\"");
    EXPECT_THAT(refusal<std::set<int>>("{}"), HasSubstr("got {}"));
}

TEST(FromJson, long_values_are_shown_in_part) {
    EXPECT_LT(refusal<int>("\"" + std::string(1000, 'x') + "\"").size(), 120u);
}

TEST(FromJson, a_missing_member_is_an_error_unless_it_is_optional) {
    EXPECT_EQ(refusal<Point>(R"({"x":1})"), "'y' is missing");
    EXPECT_EQ(refusal<Shape>(R"({"id":"s","points":[{"y":1}],"named":{},"closed":true})"),
              "'points[0].x' is missing");
    EXPECT_EQ(refusal<Shape>(R"({"points":[],"named":{},"closed":true})"), "'id' is missing");
    EXPECT_EQ(read<Shape>(R"({"id":"s","points":[],"named":{},"closed":true})").mode, std::nullopt);
}

TEST(FromJson, a_missing_member_keeps_its_default_when_asked_to) {
    const auto shape = read<Shape>(R"({"points":[{"y":9}]})", Missing::keep_default);
    EXPECT_EQ(shape.id, "none");
    EXPECT_TRUE(shape.closed);
    EXPECT_EQ(shape.points.at(0).x, 1);
    EXPECT_EQ(shape.points.at(0).y, 9);
    EXPECT_EQ(refusal<Shape>(R"({"closed":1})", Missing::keep_default),
              "'closed': expected true or false, got 1");
}

TEST(FromJson, numbers_out_of_range_are_refused) {
    EXPECT_EQ(read<std::int8_t>("127"), 127);
    EXPECT_EQ(refusal<std::int8_t>("128"), "128 is out of range");
    EXPECT_EQ(refusal<unsigned>("-1"), "-1 is out of range");
    EXPECT_EQ(refusal<std::uint16_t>("65536"), "65536 is out of range");
    EXPECT_EQ(refusal<std::int64_t>("18446744073709551615"), "18446744073709551615 is out of range");
    EXPECT_EQ(refusal<Point>(R"({"x":3000000000,"y":0})"), "'x': 3000000000 is out of range");
}

TEST(FromJson, an_unknown_enumerator_is_answered_with_the_known_ones) {
    EXPECT_EQ(refusal<Mode>("\"warp\""), "expected one of fast, slow, got \"warp\"");
    EXPECT_EQ(refusal<Shape>(R"({"id":"s","points":[],"mode":"warp","named":{},"closed":true})"),
              "'mode': expected one of fast, slow, got \"warp\"");
}

} // namespace
} // namespace fluxmq
