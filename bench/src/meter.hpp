// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace bench {

/// What one run measured.
struct Sample {
    double rate = 0;        ///< messages (or requests) a second
    double cpu_ns = 0;      ///< CPU time of the process a message, in ns
    double allocations = 0; ///< calls of operator new a message, on the measuring thread
    double p50_us = 0;      ///< latency, where it is measured; otherwise 0
    double p99_us = 0;
};

/// Measures from its construction until stop(), on one thread.
class Meter {
public:
    Meter();
    Sample stop(std::uint64_t messages) const;

private:
    std::chrono::steady_clock::time_point began_;
    double cpu_began_;
    std::uint64_t allocations_began_;
};

/// Measures requests one by one.
class Latencies {
public:
    explicit Latencies(std::uint64_t count) { values_.reserve(count); }

    void begin() noexcept { began_ = std::chrono::steady_clock::now(); }
    void end() {
        values_.push_back(
            std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - began_).count());
    }

    void add_to(Sample& sample);

private:
    std::vector<double> values_;
    std::chrono::steady_clock::time_point began_;
};

} // namespace bench
