// SPDX-License-Identifier: MIT
#pragma once

#include "bench.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// All runs of one case.
struct Result {
    const Case* what = nullptr;
    std::uint64_t messages = 0;
    std::vector<Sample> samples = {};
};

struct Spread {
    double median;
    double min;
    double max;
};

/// Of a metric or figure over all runs; nothing where the case does not measure it.
std::optional<Spread> spread(const Result& result, std::string_view metric);

/// A number for people: `1.23 M`, `45 k`, `0.5`.
std::string short_number(double value);

} // namespace bench
