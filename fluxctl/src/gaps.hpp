// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>

namespace fluxctl {

/// The gaps between events, in milliseconds; in constant memory (Welford's method).
class Gaps {
public:
    void add(std::chrono::nanoseconds gap) {
        const double ms = std::chrono::duration<double, std::milli>{gap}.count();
        ++count_;
        min_ = std::min(min_, ms);
        max_ = std::max(max_, ms);
        const double off = ms - mean_;
        mean_ += off / static_cast<double>(count_);
        squares_ += off * (ms - mean_);
    }

    std::uint64_t count() const noexcept { return count_; }
    /// These have a meaning once there is a gap.
    double min() const noexcept { return min_; }
    double mean() const noexcept { return mean_; }
    double max() const noexcept { return max_; }
    /// Of the gaps themselves, not an estimate from a sample.
    double deviation() const noexcept { return std::sqrt(squares_ / static_cast<double>(count_)); }

private:
    std::uint64_t count_ = 0;
    double min_ = std::numeric_limits<double>::infinity();
    double mean_ = 0;
    double max_ = 0;
    double squares_ = 0; // of the distances from the mean
};

} // namespace fluxctl
