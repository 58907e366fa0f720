// SPDX-License-Identifier: MIT
#include "load_table.hpp"

#include "screen.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace demo {

namespace {

std::vector<std::string> table(const Rates& rates) {
    std::vector<std::string> lines;
    lines.push_back(
        fmt::format("{:>7.1f} s {:>12} {:>6} {:>10} {:>10}", rates.seconds, "now", "", "mean", "sigma"));
    for (const auto& rate : rates.rates)
        lines.push_back(fmt::format("{:<9} {:>12.1f} {:<6} {:>10.1f} {:>10.1f}  {}", rate.name, rate.value,
                                    rate.unit, rate.mean, rate.deviation, rate.unusual ? "unusual" : ""));
    return lines;
}

std::string line(const Rates& rates) {
    auto line = fmt::format("{:>7.1f} s", rates.seconds);
    for (const auto& rate : rates.rates)
        line += fmt::format("  {} {:.1f} {}{}", rate.name, rate.value, rate.unit,
                            rate.unusual ? " (unusual)" : "");
    return line;
}

} // namespace

fluxlib::Task<> LoadTable::on_input(fluxlib::Message message) {
    const auto rates = message.as<Rates>();
    const auto every = std::max<std::uint64_t>(1, settings_as<TableSettings>().line_every);
    const bool unusual =
        std::any_of(rates.rates.begin(), rates.rates.end(), [](auto& rate) { return rate.unusual; });
    if (screen().is_terminal())
        screen().redraw(table(rates));
    else if (shown_ % every == 0 || unusual)
        screen().print(line(rates));
    ++shown_;
    co_return;
}

} // namespace demo
