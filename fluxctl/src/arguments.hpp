// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/task.hpp>
#include <fluxmq/headers.hpp>

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// What several commands read from their command line. What is wrong with it throws CLI::ValidationError.
namespace fluxctl {

/// Of `NAME:VALUE` lines.
fluxmq::Headers headers_of(const std::vector<std::string>& lines);

/// The option for them; each has one, so that an argument may follow.
CLI::Option* add_headers(CLI::App& command, std::vector<std::string>& lines);

/// What stands for the payload when no argument does: standard input.
inline constexpr std::string_view standard_input = "-";

/// The argument for a payload, which is standard_input without one; empty is a payload, too.
CLI::Option* add_payload(CLI::App& command, std::string& payload);

/// The argument itself, or all of standard input. What else runs on the event loop goes on meanwhile.
fluxlib::Task<std::string> payload_of(std::string argument);

/// `500ms`, `2s`, `1.5m`; more than nothing.
std::chrono::milliseconds duration_of(std::string_view text);

/// An option that takes such a duration. One of 0 from the beginning means that there is none: it is not shown.
CLI::Option* add_duration(CLI::App& command, const std::string& name, std::chrono::milliseconds& duration,
                          const std::string& description);

/// An option that takes a whole number of at least `least`. A smaller one from the beginning means that there is none: it
/// is not shown.
CLI::Option* add_number(CLI::App& command, const std::string& name, std::uint64_t& number,
                        std::uint64_t least, const std::string& description);

} // namespace fluxctl
