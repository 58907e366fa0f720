// SPDX-License-Identifier: MIT
// One half of a plugin of several sources.
#include <fluxlib/plugin.hpp>

namespace {

/// Publishes what comes in.
class Echo : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_input(fluxlib::Message message) override {
        output("out").publish(message.text());
        co_return;
    }
};

FLUX_REGISTER_NODE(Echo, "echo");

} // namespace
