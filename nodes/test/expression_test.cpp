// SPDX-License-Identifier: MIT
#include <fluxmq/error.hpp>

#include "expression.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flux_stock {
namespace {

using ::testing::HasSubstr;

const boost::json::value message = boost::json::parse(R"({
    "temperature": 21, "unit": "C", "on": true, "off": false, "nothing": null, "half": 0.5,
    "place": {"name": "Bern", "and_more": [{"x": 7}, 8]}, "note": "true", "orange": 5})");

std::string value_of(std::string_view text) {
    return boost::json::serialize(Expression{text}.evaluate(message));
}

std::string error_of(std::string_view text) {
    try {
        Expression{text};
    } catch (const fluxmq::Error& error) {
        EXPECT_EQ(error.kind(), fluxmq::errc::invalid_settings);
        return error.detail();
    }
    return "nothing was thrown";
}

struct Case {
    const char* text;
    const char* value;
};

TEST(Expression, its_values) {
    const Case cases[] = {
        {"temperature > 20 and unit == 'C'", "true"},
        {"temperature > 21 or unit != \"C\"", "false"},
        {"temperature >= 21 and temperature <= 21.0", "true"},
        {"not on", "false"},
        {"not (off or nothing)", "true"},
        {"not not on", "true"},
        {"on or on and off", "true"}, // `and` binds more
        {"not off and off", "false"}, // and `not` still more
        {"1 + 2 * 3 - 4", "3"},
        {"(1 + 2) * -3", "-9"},
        {"8 / 4 / 2", "1E0"},
        {"7 - 2 - 1", "4"},
        {"--7", "7"},
        {"temperature * 9 / 5 + 32", "6.98E1"},
        {"half + half == 1", "true"},
        {"place.name", "\"Bern\""},
        {"place.and_more.0.x", "7"},
        {"place.and_more.1", "8"},
        {"place.and_more.2", "null"},
        {"place.and_more.x", "null"},
        {"temperature.x", "null"},
        {"missing", "null"},
        {"missing == null", "true"},
        {"missing > 20", "false"},
        {"not (missing > 20)", "true"},
        {"missing + 1", "null"},
        {"unit + 1", "null"},
        {"1 / 0", "null"},
        {"unit < 'D'", "true"},
        {"unit < 5", "false"},
        {"note == true", "false"},
        {"on == true", "true"},
        {"orange", "5"}, // begins with a word of the language
        {"'it\\'s' == \"it's\"", "true"},
        {"1.5e3", "1.5E3"},
        {"9223372036854775807 + 1 > 9000000000000000000", "true"}, // goes on as a floating point number
        {"-9223372036854775807 - 1", "-9223372036854775808"},
        {"18446744073709551616 > 1", "true"},
        {"unit and 1", "true"}, // what is there is true
        {"0 or 0", "true"},
    };
    for (const auto& [text, value] : cases)
        EXPECT_EQ(value_of(text), value) << text;
}

TEST(Expression, its_errors_say_where_and_what) {
    const Case cases[] = {
        {"", "column 1: expected a field, a number, a text or '(', found the end"},
        {"temperature >", "column 14: expected a field, a number, a text or '(', found the end"},
        {"temperature > > 2", "column 15: expected a field, a number, a text or '(', found '>'"},
        {"temperature = 2", "column 13: expected '==', found '='"},
        {"temperature 20", "column 13: expected an operator or the end, found '20'"},
        {"1 < 2 < 3", "column 7: expected an operator or the end, found '<'"},
        {"(a or b", "column 8: expected ')', found the end"},
        {"a or b)", "column 7: expected an operator or the end, found ')'"},
        {"a and and b", "column 7: expected a field, a number, a text or '(', found 'and'"},
        {"a && b", "column 3: expected an operator or the end, found '&'"},
        {"place.", "column 7: expected a field name after '.', found the end"},
        {"place..name", "column 7: expected a field name after '.', found '.'"},
        {"12x", "column 1: expected a number, found '12x'"},
        {"1.2.3", "column 1: expected a number, found '1'"},
        {"1e999", "column 1: expected a number, found '1e999'"},
        {"a == 'C", "column 6: the text that begins here has no closing '"},
        {"'\\q'", "column 3: expected one of n t \\ ' \" after '\\', found 'q'"},
        {"'\\", "column 3: expected one of n t \\ ' \" after '\\', found the end"},
        {"a # b", "column 3: expected an operator or the end, found '#'"},
    };
    for (const auto& [text, what] : cases)
        EXPECT_EQ(error_of(text), what) << text;
}

TEST(Expression, it_is_bounded_in_length_and_depth) {
    EXPECT_THAT(error_of(std::string(Expression::max_length + 1, ' ')), HasSubstr("4097 characters"));
    for (const auto* const opening : {"(", "-", "not "}) {
        std::string deep;
        for (int i = 0; i <= Expression::max_depth; ++i)
            deep += opening;
        EXPECT_THAT(error_of(deep + "1"), HasSubstr("more than 64 levels")) << opening;
    }
    const std::string open(Expression::max_depth, '(');
    const std::string close(Expression::max_depth, ')');
    EXPECT_EQ(value_of(open + "1" + close), "1");
    std::string chain = "1";
    while (chain.size() + 2 <= Expression::max_length)
        chain += "+1"; // no depth, however long
    EXPECT_EQ(value_of(chain), std::to_string((chain.size() + 1) / 2));
}

TEST(Paths, an_empty_part_is_refused) {
    EXPECT_EQ(split_path("a.b"), (std::vector<std::string>{"a", "b"}));
    for (const auto* const bad : {"", ".", "a.", ".a", "a..b"})
        EXPECT_THROW(split_path(bad), fluxmq::Error) << bad;
}

} // namespace
} // namespace flux_stock
