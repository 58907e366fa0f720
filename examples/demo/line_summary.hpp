// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/node.hpp>

#include "line_messages.hpp"

#include <boost/describe/class.hpp>

#include <cstdint>

namespace demo {

struct LineSummarySettings {
    std::uint64_t samples = 3; ///< lines to show
};
BOOST_DESCRIBE_STRUCT(LineSummarySettings, (), (samples))

/// Shows the first lines, adds up all of them, and ends the service behind the last.
class LineSummary : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_create() override;
    fluxlib::Task<> on_start() override;
    fluxlib::Task<> on_input(fluxlib::Message message) override;
    fluxlib::Task<> on_stop() override;

private:
    LineSummarySettings settings_;
    std::uint64_t lines_ = 0;
    std::uint64_t words_ = 0;
    std::uint64_t bytes_ = 0;
    Measure longest_;
    fluxmq::Clock::time_point begin_;
    fluxmq::Clock::time_point end_;
};

} // namespace demo
