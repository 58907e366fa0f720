#pragma once

#include <fluxlib/node.hpp>

#include <boost/describe/class.hpp>

#include <cstdint>

/// What can be set in the flow file, or while the node runs: fluxctl set my-counter step=10
struct MyCounterSettings {
    std::int64_t step = 1; ///< how much each message counts
};
BOOST_DESCRIBE_STRUCT(MyCounterSettings, (), (step))

/// Counts the messages on its input `in`, and publishes the count on its output `out` at each tick.
class MyCounter : public fluxlib::Node {
public:
    using fluxlib::Node::Node;

protected:
    // The hooks of a node never overlap: no locks are needed.
    fluxlib::Task<> on_input(fluxlib::Message) override {
        count_ += settings_as<MyCounterSettings>().step;
        co_return;
    }

    fluxlib::Task<> on_tick(const fluxlib::Tick&) override {
        output("out").publish({{"count", count_}});
        co_return;
    }

    // Settings of a wrong type are refused here, by what this throws, and the old ones stay.
    void check_settings(const boost::json::object& wanted) const override {
        static_cast<void>(fluxmq::from_json<MyCounterSettings>(wanted, fluxmq::Missing::keep_default));
    }

private:
    std::int64_t count_ = 0;
};
