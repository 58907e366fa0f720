// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// What one run measured.
struct Sample {
    double rate = 0;          ///< messages (or requests) a second; 0 where none are measured
    double cpu_ns = 0;        ///< CPU time of the client a message, all its threads (and processes), in ns
    double server_cpu_ns = 0; ///< that of the nats-server
    double allocations = 0;   ///< calls of malloc and its kin a message, see allocations()
    double p50_us = 0;        ///< latency, where it is measured; otherwise 0
    double p99_us = 0;
    double rss_mib = 0; ///< the most memory that the process had, the code of all peers included, in MiB
    double threads = 0; ///< of the process, at the end
    /// What only this case measures, such as "bytes a node".
    std::map<std::string, double> figures = {};
};

/// The members of Sample that have a name in the results.
struct Metric {
    const char* name;
    double Sample::* value;
};
inline constexpr Metric metrics[]{{"messages/s", &Sample::rate},
                                  {"cpu_ns", &Sample::cpu_ns},
                                  {"server_cpu_ns", &Sample::server_cpu_ns},
                                  {"allocations", &Sample::allocations},
                                  {"p50_us", &Sample::p50_us},
                                  {"p99_us", &Sample::p99_us},
                                  {"rss_mib", &Sample::rss_mib},
                                  {"threads", &Sample::threads}};

/// A metric or a figure by its name; nothing where the sample does not have it.
std::optional<double> value_of(const Sample& sample, std::string_view name);

/// Measures this process from its construction until stop().
class Meter {
public:
    /// `server` is a process whose CPU time is measured beside ours; 0: none.
    explicit Meter(pid_t server = 0);
    Sample stop(std::uint64_t messages) const;

private:
    pid_t server_;
    std::uint64_t allocations_began_;
    double server_cpu_began_;
    double cpu_began_;
    std::chrono::steady_clock::time_point began_;
};

/// Measures round trips one by one.
class Latencies {
public:
    using Clock = std::chrono::steady_clock;

    explicit Latencies(std::uint64_t count) { values_.reserve(count); }

    void begin() noexcept { began_ = Clock::now(); }
    void end() { add(Clock::now() - began_); }
    void add(Clock::duration length) {
        values_.push_back(std::chrono::duration<double, std::micro>{length}.count());
    }

    std::uint64_t count() const noexcept { return values_.size(); }
    void add_to(Sample& sample);

private:
    std::vector<double> values_;
    Clock::time_point began_;
};

} // namespace bench
