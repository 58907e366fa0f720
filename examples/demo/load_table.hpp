// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/node.hpp>

#include "load_messages.hpp"

#include <boost/describe/class.hpp>

namespace demo {

/// Settings of LoadTable.
struct TableSettings {
    std::uint64_t line_every = 5; ///< where there is no terminal to redraw: a line for each so many Rates
};
BOOST_DESCRIBE_STRUCT(TableSettings, (), (line_every))

/// Shows Rates: as a table in place on a terminal, otherwise as lines.
class LoadTable : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_input(fluxlib::Message message) override;

private:
    std::uint64_t shown_ = 0;
};

} // namespace demo
