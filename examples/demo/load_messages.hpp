// SPDX-License-Identifier: MIT
#pragma once

#include <boost/describe/class.hpp>

#include <cstdint>
#include <string>
#include <vector>

/// What the nodes that watch the machine's load tell each other. A struct that is described can be published as it
/// is, and read with Message::as: it travels as JSON.
namespace demo {

/// Counters of the kernel at one moment.
struct Sample {
    double seconds = 0;         ///< since the machine was started
    std::uint64_t cpu_busy = 0; ///< in ticks of the kernel, over all cores
    std::uint64_t cpu_all = 0;
    std::uint64_t memory_used = 0; ///< bytes
    std::uint64_t network_in = 0;  ///< bytes, over all interfaces but loopback
    std::uint64_t network_out = 0;
};
BOOST_DESCRIBE_STRUCT(Sample, (), (seconds, cpu_busy, cpu_all, memory_used, network_in, network_out))

/// One measure, and what was usual for it before.
struct Rate {
    std::string name = {};
    std::string unit = {};
    double value = 0;
    double mean = 0;
    double deviation = 0;
    bool unusual = false;
};
BOOST_DESCRIBE_STRUCT(Rate, (), (name, unit, value, mean, deviation, unusual))

struct Rates {
    double seconds = 0; ///< since the first sample
    std::vector<Rate> rates = {};
};
BOOST_DESCRIBE_STRUCT(Rates, (), (seconds, rates))

} // namespace demo
