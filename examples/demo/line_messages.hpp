// SPDX-License-Identifier: MIT
#pragma once

#include <boost/describe/class.hpp>

#include <cstdint>
#include <string>

namespace demo {

/// The header of the last message of an input. What a node publishes while it handles a message carries on its
/// headers, so the end travels down the pipeline behind everything else.
inline constexpr const char* end_header = "demo-end";

/// What was found out about one line.
struct Measure {
    std::uint64_t number = 0; ///< of the line, from 1
    std::uint64_t bytes = 0;  ///< without its end
    std::uint64_t words = 0;
    std::string text = {}; ///< its beginning, fit for a terminal
};
BOOST_DESCRIBE_STRUCT(Measure, (), (number, bytes, words, text))

} // namespace demo
