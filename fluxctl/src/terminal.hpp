// SPDX-License-Identifier: MIT
#pragma once

#include "format.hpp"

#include <string>
#include <string_view>

/// Standard output: plain for a pipe, with colour for a terminal.
namespace fluxctl {

/// Whether people read it.
bool is_terminal() noexcept;

enum class Style { bold, dim, red, green, yellow };

/// With colour only where it is wanted: on a terminal, and without NO_COLOR (https://no-color.org).
std::string styled(std::string_view text, Style style);

/// One value on a line, for scripts; at once.
void print_json(const boost::json::value& value);

/// A line for people; at once.
void print_line(std::string_view line);

void print(const Table& table);

} // namespace fluxctl
