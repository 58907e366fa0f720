// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/node.hpp>

#include "load_messages.hpp"

#include <boost/describe/class.hpp>

#include <deque>
#include <map>
#include <optional>
#include <string>

namespace demo {

/// Settings of LoadRates; a manager may change them while it runs.
struct RateSettings {
    std::size_t window = 50;  ///< values that say what is usual
    std::size_t warm_up = 10; ///< values before anything is called unusual
    double sigmas = 3;        ///< standard deviations from the mean that are still usual
    double floor = 1;         ///< the least deviation to reckon with, in the measure's unit
};
BOOST_DESCRIBE_STRUCT(RateSettings, (), (window, warm_up, sigmas, floor))

/// Turns each Sample into Rates, by what changed since the one before.
class LoadRates : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_create() override;
    fluxlib::Task<> on_input(fluxlib::Message message) override;
    fluxlib::Task<> on_settings(fluxlib::Message message) override;
    void check_settings(const boost::json::object& wanted) const override;

private:
    Rate rate(std::string name, std::string unit, double value);

    RateSettings settings_;
    std::optional<Sample> first_;
    std::optional<Sample> last_;
    std::map<std::string, std::deque<double>> history_;
};

} // namespace demo
