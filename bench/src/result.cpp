// SPDX-License-Identifier: MIT
#include "result.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>

namespace bench {

std::optional<Spread> spread(const Result& result, std::string_view metric) {
    std::vector<double> values;
    for (const auto& sample : result.samples)
        if (const auto value = value_of(sample, metric))
            values.push_back(*value);
    if (values.empty())
        return std::nullopt;
    std::sort(values.begin(), values.end());
    const auto middle = values.size() / 2;
    const auto median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    return Spread{median, values.front(), values.back()};
}

std::string short_number(double value) {
    if (value >= 1e6)
        return fmt::format("{:.2f} M", value / 1e6);
    if (value >= 1e4)
        return fmt::format("{:.0f} k", value / 1e3);
    if (value >= 100)
        return fmt::format("{:.0f}", value);
    if (value == std::floor(value))
        return fmt::format("{:.0f}", value);
    return fmt::format("{:.{}f}", value, value >= 10 ? 1 : 2);
}

} // namespace bench
