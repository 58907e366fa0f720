// SPDX-License-Identifier: MIT
#include "line_summary.hpp"

#include <fluxlib/service.hpp>

#include "screen.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace demo {

fluxlib::Task<> LineSummary::on_create() {
    settings_ = settings_as<LineSummarySettings>();
    input("measures").set_limits({.overflow = fluxmq::Overflow::block});
    co_return;
}

fluxlib::Task<> LineSummary::on_start() {
    begin_ = end_ = clock().now();
    co_return;
}

fluxlib::Task<> LineSummary::on_input(fluxlib::Message message) {
    if (message.headers().contains(end_header)) {
        service().shutdown();
        co_return;
    }
    auto measure = message.as<Measure>();
    ++lines_;
    words_ += measure.words;
    bytes_ += measure.bytes;
    end_ = clock().now();
    if (lines_ <= settings_.samples)
        screen().print(fmt::format("line {}: {} words, {} bytes: {}", measure.number, measure.words,
                                   measure.bytes, measure.text));
    else if (lines_ % 100'000 == 0 && screen().is_terminal())
        screen().redraw({fmt::format("{} lines", lines_)});
    if (measure.bytes > longest_.bytes)
        longest_ = std::move(measure);
}

fluxlib::Task<> LineSummary::on_stop() {
    const double seconds = std::chrono::duration<double>(end_ - begin_).count();
    if (longest_.number > settings_.samples)
        screen().print(fmt::format("longest line, {}: {} words, {} bytes: {}", longest_.number,
                                   longest_.words, longest_.bytes, longest_.text));
    screen().print(fmt::format("{} lines, {} words, {} bytes in {:.2f} s: {:.0f} lines/s, {:.1f} MB/s",
                               lines_, words_, bytes_, seconds, lines_ / std::max(seconds, 1e-3),
                               bytes_ / 1e6 / std::max(seconds, 1e-3)));
    co_return;
}

} // namespace demo
