// SPDX-License-Identifier: MIT
#include "terminal.hpp"

#include <boost/json/serialize.hpp>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

namespace fluxctl {

bool is_terminal() noexcept { return isatty(STDOUT_FILENO) == 1; }

std::string styled(std::string_view text, Style style) {
    static const bool wanted = [] {
        const char* refused = std::getenv("NO_COLOR");
        return is_terminal() && !(refused && *refused);
    }();
    std::string out{text};
    if (!wanted)
        return out;
    const char* code = "";
    switch (style) {
    case Style::bold: code = "1"; break;
    case Style::dim: code = "2"; break;
    case Style::red: code = "31"; break;
    case Style::green: code = "32"; break;
    case Style::yellow: code = "33"; break;
    }
    return "\x1b[" + std::string{code} + "m" + out + "\x1b[0m";
}

void print_json(const boost::json::value& value) { print_line(boost::json::serialize(value)); }

void print_line(std::string_view line) { std::cout << line << std::endl; }

void print(const Table& table) {
    bool first = true;
    for (const auto& line : table.lines())
        print_line(std::exchange(first, false) ? styled(line, Style::bold) : line);
}

} // namespace fluxctl
