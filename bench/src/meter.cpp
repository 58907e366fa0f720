// SPDX-License-Identifier: MIT
#include "meter.hpp"

#include "allocations.hpp"
#include "process.hpp"

#include <algorithm>

namespace bench {

std::optional<double> value_of(const Sample& sample, std::string_view name) {
    for (const auto& metric : metrics)
        if (name == metric.name)
            return sample.*metric.value;
    const auto found = sample.figures.find(std::string{name});
    return found != sample.figures.end() ? std::optional{found->second} : std::nullopt;
}

Meter::Meter(pid_t server)
    : server_{server}, allocations_began_{allocations()}, server_cpu_began_{server ? cpu_seconds(server) : 0},
      cpu_began_{cpu_seconds()}, began_{std::chrono::steady_clock::now()} {}

Sample Meter::stop(std::uint64_t messages) const {
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began_;
    const auto cpu = cpu_seconds() - cpu_began_;
    const auto server_cpu = server_ ? cpu_seconds(server_) - server_cpu_began_ : 0;
    const auto calls = allocations() - allocations_began_;
    const auto count = static_cast<double>(messages);
    return {.rate = count / wall.count(),
            .cpu_ns = cpu * 1e9 / count,
            .server_cpu_ns = server_cpu * 1e9 / count,
            .allocations = static_cast<double>(calls) / count,
            .rss_mib = status_number("VmHWM") / 1024,
            .threads = status_number("Threads")};
}

void Latencies::add_to(Sample& sample) {
    if (values_.empty())
        return;
    std::sort(values_.begin(), values_.end());
    sample.p50_us = values_[values_.size() / 2];
    sample.p99_us = values_[values_.size() * 99 / 100];
}

} // namespace bench
