// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <vector>

/// Many topics, and what subscribes to them: one subscription in ten is a wildcard.
namespace bench {

namespace detail {

inline bool is_wild(std::size_t number) { return number % 10 == 9; }

} // namespace detail

inline std::string pattern_of(std::size_t number) {
    return "bench.many." + std::to_string(number) + (detail::is_wild(number) ? ".*" : ".value");
}

inline std::string topic_of(std::size_t number) { return "bench.many." + std::to_string(number) + ".value"; }

inline std::vector<std::string> patterns_of(std::size_t count) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count; ++i)
        all.push_back(pattern_of(i));
    return all;
}

/// All numbers once, in an order in which neighbours are far apart, so that no cache helps.
inline std::size_t spread_number(std::size_t i, std::size_t count) {
    constexpr std::size_t step = 7919; // a prime, so it has no divisor in common with the counts
    return i * step % count;
}

} // namespace bench
