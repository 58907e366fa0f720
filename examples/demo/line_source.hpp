// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/node.hpp>

#include "line_reader.hpp"

#include <boost/describe/class.hpp>

#include <memory>

namespace demo {

struct LineSourceSettings {
    std::string path = "-";   ///< a file, or `-` for standard input
    std::size_t batch = 1000; ///< lines to publish before waiting until they have left
};
BOOST_DESCRIBE_STRUCT(LineSourceSettings, (), (path, batch))

/// Publishes each line of its input on `lines`, as fast as they come and are taken.
class LineSource : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_start() override;
    fluxlib::Task<> on_tick(const fluxlib::Tick& tick) override;

private:
    std::unique_ptr<LineReader> reader_;
    bool ended_ = false;
};

} // namespace demo
