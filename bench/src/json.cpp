// SPDX-License-Identifier: MIT
#include "inproc.hpp"

#include <boost/describe/class.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>

/// A struct out as JSON and in again.
namespace bench {

namespace {

struct Reading {
    std::string sensor = "thermometer-17";
    std::uint64_t number = 0;
    double value = 21.375;
    std::string unit = "celsius";
    bool valid = true;
    std::int64_t time_ms = 1'700'000'000'123;
};
BOOST_DESCRIBE_STRUCT(Reading, (), (sensor, number, value, unit, valid, time_ms))

Task<Sample> through_node(std::uint64_t messages) {
    const auto transport = co_await connect_inproc();
    Arrivals arrivals;
    const auto receive = [&](const fluxmq::Message& message) {
        if (message.as<Reading>().valid)
            arrivals.count();
    };
    const auto publish = [reading = Reading{}](fluxlib::Output& out) mutable {
        ++reading.number;
        out.publish(reading);
    };
    co_return co_await node_to_node(transport, messages, Burst{}, publish, receive, arrivals);
}

// The same conversions, and nothing that carries the text.
Sample alone_with_json(const Job& job) {
    Reading reading;
    std::uint64_t valid = 0;
    const Meter meter;
    for (std::uint64_t i = 0; i < job.messages; ++i) {
        reading.number = i;
        const auto text = boost::json::serialize(boost::json::value_from(reading));
        valid += boost::json::value_to<Reading>(boost::json::parse(text)).valid;
    }
    const auto sample = meter.stop(job.messages);
    check_delivered(valid, job.messages);
    return sample;
}

} // namespace

std::vector<Case> json_cases() {
    return {inproc_case("inproc json", "ours", 300'000, through_node),
            {.path = "inproc json",
             .side = "Boost.JSON alone",
             .messages = 300'000,
             .drive = alone,
             .run = alone_with_json}};
}

} // namespace bench
