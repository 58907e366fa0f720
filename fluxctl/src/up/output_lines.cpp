// SPDX-License-Identifier: MIT
#include "up/output_lines.hpp"

#include <algorithm>
#include <utility>

namespace fluxctl::up {

std::vector<std::string> OutputLines::add(std::string_view bytes, TimePoint now) {
    std::vector<std::string> lines;
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        const auto part = bytes.substr(0, end);
        const auto room = longest - line_.size();
        line_ += part.substr(0, room);
        cut_ = cut_ || part.size() > room;
        if (end == std::string_view::npos)
            break;
        end_line(lines, now);
        bytes.remove_prefix(end + 1);
    }
    return lines;
}

std::vector<std::string> OutputLines::finish(TimePoint now) {
    std::vector<std::string> lines;
    if (!line_.empty())
        end_line(lines, now);
    return lines;
}

void OutputLines::end_line(std::vector<std::string>& lines, TimePoint now) {
    auto line = std::exchange(line_, {});
    if (std::exchange(cut_, false))
        line += "...";
    roll(now);
    if (++in_window_ > most)
        ++left_out_now_;
    else
        lines.push_back(std::move(line));
}

void OutputLines::roll(TimePoint now) noexcept {
    if (window_began_ != TimePoint::min() && now - window_began_ < window)
        return;
    window_began_ = now;
    in_window_ = 0;
    left_out_ += std::exchange(left_out_now_, 0);
}

std::uint64_t OutputLines::take_left_out(TimePoint now) noexcept {
    roll(now);
    return std::exchange(left_out_, 0);
}

OutputLines::TimePoint OutputLines::next_due() const noexcept {
    if (left_out_ > 0)
        return window_began_;
    return left_out_now_ > 0 ? window_began_ + window : TimePoint::max();
}

} // namespace fluxctl::up
