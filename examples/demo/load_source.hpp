// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/node.hpp>

namespace demo {

/// Publishes a Sample of this machine on its output `samples` at each tick.
class LoadSource : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_tick(const fluxlib::Tick& tick) override;
};

} // namespace demo
