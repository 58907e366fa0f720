// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fluxctl::up {

/// Cuts what a process prints into lines, within bounds; no I/O.
class OutputLines {
public:
    using TimePoint = fluxmq::Clock::time_point;

    static constexpr std::size_t longest = 4'096; ///< bytes of a line; the rest of it is cut off
    static constexpr std::uint64_t most = 1'000; ///< lines within `window`; the rest is left out, and counted
    static constexpr std::chrono::seconds window{1};

    /// The lines that end in `bytes`, which may begin and end anywhere.
    std::vector<std::string> add(std::string_view bytes, TimePoint now);

    /// The process has ended: what stands behind the last line end.
    std::vector<std::string> finish(TimePoint now);

    /// How many lines were left out in windows that are over, since the last call.
    std::uint64_t take_left_out(TimePoint now) noexcept;

    /// How many lines were left out that take_left_out() has not told of.
    std::uint64_t left_out() const noexcept { return left_out_ + left_out_now_; }

    /// When take_left_out() has something to tell; TimePoint::max() for nothing.
    TimePoint next_due() const noexcept;

private:
    void end_line(std::vector<std::string>& lines, TimePoint now);
    void roll(TimePoint now) noexcept;

    std::string line_;
    bool cut_ = false;
    TimePoint window_began_ = TimePoint::min();
    std::uint64_t in_window_ = 0;
    std::uint64_t left_out_now_ = 0; // in this window
    std::uint64_t left_out_ = 0;     // in those that are over
};

} // namespace fluxctl::up
