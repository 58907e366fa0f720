// SPDX-License-Identifier: MIT
#include <fluxmq/payload.hpp>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <optional>

namespace fluxmq {
namespace {

BOOST_DEFINE_ENUM_CLASS(Mode, fast, slow)

struct Point {
    int x = 0;
    std::optional<std::string> name;
    Mode mode = Mode::fast;
};
BOOST_DESCRIBE_STRUCT(Point, (), (x, name, mode))

// A payload as a function gets it: conversions are implicit.
std::string sent(const Payload& payload) { return std::string{payload.view()}; }
boost::json::value json(const Payload& payload) { return boost::json::parse(payload.view()); }

TEST(Payload, text_goes_out_as_it_is) {
    const std::string text = "a \"text\"";
    EXPECT_EQ(sent("a \"text\""), text);
    EXPECT_EQ(sent(text), text);
    EXPECT_EQ(sent(std::string_view{text}), text);
    EXPECT_EQ(sent(std::string{text}), text);
    EXPECT_EQ(sent(Bytes::copy(text)), text);
    EXPECT_EQ(sent(""), "");
    EXPECT_EQ(sent({}), "");
}

TEST(Payload, raw_bytes_go_out_as_they_are) {
    const std::vector<unsigned char> chars{0, 1, 255};
    const std::array<std::byte, 2> bytes{std::byte{7}, std::byte{0}};
    EXPECT_EQ(sent(chars), std::string("\0\1\xff", 3));
    EXPECT_EQ(sent(bytes), std::string("\7\0", 2));
    EXPECT_EQ(sent(std::span<const std::byte>{bytes}), std::string("\7\0", 2));
    EXPECT_EQ(sent(std::vector<std::byte>{std::byte{9}}), "\x09");
    EXPECT_EQ(sent(std::vector<unsigned char>{}), "");
}

TEST(Payload, a_braced_list_of_pairs_is_a_json_object) {
    EXPECT_EQ(json({{"k", 1}}), (boost::json::value{{"k", 1}}));
    EXPECT_EQ(json({{"message", "hi"}}).at("message"), "hi");
    EXPECT_EQ(json({{"a", {{"b", true}}}, {"c", nullptr}, {"d", 1.5}}),
              boost::json::parse(R"({"a":{"b":true},"c":null,"d":1.5})"));
    EXPECT_EQ(json({{"list", {1, 2, 3}}}), boost::json::parse(R"({"list":[1,2,3]})"));
}

TEST(Payload, any_other_braced_list_is_a_json_array) {
    EXPECT_EQ(json({1, "two", nullptr}), boost::json::parse(R"([1,"two",null])"));
    EXPECT_EQ(json({"a", "b"}), boost::json::parse(R"(["a","b"])"));
    EXPECT_EQ(json({{1, 2}, {3, 4}}), boost::json::parse("[[1,2],[3,4]]"));
}

TEST(Payload, json_values_are_serialized) {
    EXPECT_EQ(sent(boost::json::value{{"k", 1}}), R"({"k":1})");
    EXPECT_EQ(sent(boost::json::object{{"k", 1}}), R"({"k":1})");
    EXPECT_EQ(sent(boost::json::array{1, 2}), "[1,2]");
    EXPECT_EQ(sent(boost::json::value("text")), "\"text\""); // a JSON value, so JSON
}

TEST(Payload, numbers_bools_and_null_are_json) {
    EXPECT_EQ(sent(42), "42");
    EXPECT_EQ(sent(-7L), "-7");
    EXPECT_EQ(sent(std::uint64_t{18446744073709551615u}), "18446744073709551615");
    EXPECT_EQ(json(0.25), 0.25);
    EXPECT_EQ(sent(true), "true");
    EXPECT_EQ(sent(false), "false");
    EXPECT_EQ(sent(nullptr), "null");
}

TEST(Payload, optionals_and_containers_are_json) {
    EXPECT_EQ(sent(std::optional<int>{5}), "5");
    EXPECT_EQ(sent(std::optional<int>{}), "null");
    EXPECT_EQ(sent(std::vector<int>{1, 2}), "[1,2]");
    EXPECT_EQ(sent(std::vector<std::string>{"a"}), R"(["a"])");
    EXPECT_EQ(sent(std::map<std::string, int>{{"a", 1}}), R"({"a":1})");
}

TEST(Payload, described_structs_and_enums_are_json) {
    EXPECT_EQ(json(Point{3, "p", Mode::slow}), boost::json::parse(R"({"x":3,"name":"p","mode":"slow"})"));
    EXPECT_EQ(json(std::vector<Point>{{1, {}, Mode::fast}}),
              boost::json::parse(R"([{"x":1,"name":null,"mode":"fast"}])"));
    EXPECT_EQ(sent(Mode::slow), "\"slow\"");
}

TEST(Payload, own_does_not_copy_owned_bytes) {
    const auto bytes = Bytes::copy("owned");
    EXPECT_TRUE(Payload(bytes).own().shares_storage_with(bytes));
    const Payload json{{"k", 1}};
    EXPECT_EQ(json.own().data(), json.view().data());
}

TEST(Payload, own_copies_what_it_only_refers_to) {
    std::string text = "borrowed";
    const Payload payload(text); // with braces it would be a JSON array
    EXPECT_EQ(payload.view().data(), text.data());
    const auto owned = payload.own();
    text.assign(text.size(), 'x');
    EXPECT_EQ(owned.view(), "borrowed");
    EXPECT_TRUE(Payload("").own().empty());
    EXPECT_TRUE(Payload{}.own().empty());
}

TEST(Payload, own_keeps_a_slice_a_slice) {
    const auto all = Bytes::copy("hello world");
    const auto owned = Payload(all.slice(6)).own();
    EXPECT_EQ(owned.view(), "world");
    EXPECT_TRUE(owned.shares_storage_with(all));
}

TEST(Payload, a_copy_stands_by_itself) {
    std::optional<Payload> first{std::in_place, 12345};
    const Payload second = *first;
    first.reset();
    EXPECT_EQ(second.view(), "12345");
    EXPECT_EQ(second.size(), 5u);
}

} // namespace
} // namespace fluxmq
