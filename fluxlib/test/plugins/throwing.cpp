// SPDX-License-Identifier: MIT
// The other half: nodes that fail, when they are made and when they start.
#include <fluxlib/plugin.hpp>
#include <fluxmq/error.hpp>

namespace {

class Unmakable : public fluxlib::Node {
public:
    Unmakable(fluxlib::Service& service, const fluxlib::DataNode& data)
        : Node{service, data.id, fluxlib::NodeOptions{.node = data}} {
        throw fluxmq::Error{fluxmq::errc::invalid_settings, "field 'lens' is missing"};
    }
};

class Unstartable : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_start() override {
        throw std::runtime_error{"the lens is gone"};
        co_return;
    }
};

FLUX_REGISTER_NODE(Unmakable, "unmakable");
FLUX_REGISTER_NODE(Unstartable, "unstartable");

} // namespace
