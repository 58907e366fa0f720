// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/node.hpp>

#include <boost/describe/class.hpp>

#include <cstdint>

namespace demo {

struct LineMeterSettings {
    std::size_t text_size = 60; ///< bytes of a line that its Measure shows
};
BOOST_DESCRIBE_STRUCT(LineMeterSettings, (), (text_size))

/// Publishes a Measure for each line.
class LineMeter : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_create() override;
    fluxlib::Task<> on_input(fluxlib::Message message) override;

private:
    LineMeterSettings settings_;
    std::uint64_t lines_ = 0;
};

} // namespace demo
