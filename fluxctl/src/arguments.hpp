// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/headers.hpp>

#include <CLI/CLI.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

/// What several commands read from their command line. What is wrong with it throws CLI::ValidationError.
namespace fluxctl {

/// Of `NAME:VALUE` lines.
fluxmq::Headers headers_of(const std::vector<std::string>& lines);

/// The option for them; each has one, so that an argument may follow.
CLI::Option* add_headers(CLI::App& command, std::vector<std::string>& lines);

/// The argument itself; for none and for `-` all of standard input.
std::string payload_of(const std::string& argument);

/// `500ms`, `2s`, `1.5m`; more than nothing.
std::chrono::milliseconds duration_of(std::string_view text);

/// An option that takes such a duration.
CLI::Option* add_duration(CLI::App& command, const std::string& name, std::chrono::milliseconds& duration,
                          const std::string& description);

} // namespace fluxctl
