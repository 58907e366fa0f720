// SPDX-License-Identifier: MIT
// JSON is read as Boost.JSON reads it at once, and becomes a typed value or an error that tells the place.
#include <fluxmq/json.hpp>

#include "target.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

using fluxmq::errc;
using fluxmq::Error;
using fluxmq::fuzz::require;

namespace {

enum class Mode { slow, fast };
BOOST_DESCRIBE_ENUM(Mode, slow, fast)

struct Point {
    std::int8_t x = 0;
    double y = 0;
};
BOOST_DESCRIBE_STRUCT(Point, (), (x, y))

struct Everything {
    bool flag = false;
    std::uint64_t big = 0;
    std::string text;
    Mode mode = Mode::slow;
    std::optional<Point> point;
    std::vector<Point> points;
    std::map<std::string, int> counts;
    boost::json::value any;
};
BOOST_DESCRIBE_STRUCT(Everything, (), (flag, big, text, mode, point, points, counts, any))

std::optional<boost::json::value> parsed(std::string_view text) {
    try {
        return fluxmq::parse_json(text, "input");
    } catch (const Error& error) {
        require(error.kind() == errc::malformed_json, "what is no JSON is malformed");
        require(error.detail().starts_with("input: "), "an error names what was read");
        return std::nullopt;
    }
}

} // namespace

void fuzz_json(std::string_view input) {
    const auto value = parsed(input);
    boost::json::error_code failed;
    const auto expected = boost::json::parse(input, failed);
    require(value.has_value() == !failed, "JSON is what Boost.JSON takes for it");
    if (!value)
        return;
    // Boost.JSON reads 0e999 as NaN, which does not equal itself.
    require(*value == expected || boost::json::serialize(*value) == boost::json::serialize(expected),
            "the value is the one that the text has");
    for (const auto missing : {fluxmq::Missing::error, fluxmq::Missing::keep_default}) {
        try {
            fluxmq::from_json<Everything>(*value, missing);
        } catch (const Error& error) {
            require(error.kind() == errc::wrong_type, "JSON of another form is of the wrong type");
        }
    }
}
