// SPDX-License-Identifier: MIT
#include "stock_node.hpp"

namespace flux_stock {

using fluxmq::errc;
using fluxmq::Error;

void refuse(std::string_view field, const std::string& why) {
    throw Error{errc::invalid_settings, "field '" + std::string{field} + "' " + why};
}

void check_milliseconds(std::string_view field, std::int64_t value) {
    if (value < 1 || value > 86'400'000)
        refuse(field, "is " + std::to_string(value) + " ms, and must be between 1 and 86400000");
}

namespace {

void check_alias(const char* what, std::string_view alias, std::string_view known) {
    if (alias != known || known.empty())
        throw Error{errc::unknown_port, std::string{"there is no "} + what + " '" + std::string{alias} +
                                            "'; this type has " +
                                            (known.empty() ? "none" : "'" + std::string{known} + "'")};
}

} // namespace

void check_ports(const DataNode& data, Ports ports) {
    for (const auto& input : data.inputs)
        check_alias("input", input.alias, ports.input);
    for (const auto& output : data.outputs)
        check_alias("output", output.alias, ports.output);
}

fluxlib::NodeOptions options_for(const DataNode& data, Ports ports) {
    check_ports(data, ports);
    fluxlib::NodeOptions options;
    options.node = data;
    // A node that nobody reads yet has its output all the same: an edge may come while it runs.
    if (data.outputs.empty() && !ports.output.empty())
        options.node.outputs.push_back({.alias = std::string{ports.output}});
    options.input_limits.overflow = fluxmq::Overflow::block;
    // What several nodes in a row pass on at once must find room in the buffer of their connection.
    options.input_limits.messages = 8192;
    return options;
}

} // namespace flux_stock
