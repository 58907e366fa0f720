// SPDX-License-Identifier: MIT
#include "arguments.hpp"

#include "format.hpp"

#include <charconv>
#include <iostream>
#include <iterator>

namespace fluxctl {

fluxmq::Headers headers_of(const std::vector<std::string>& lines) {
    fluxmq::Headers headers;
    for (const auto& line : lines) {
        const auto colon = line.find(':');
        if (colon == std::string::npos)
            throw CLI::ValidationError("--header", "'" + line + "' has no colon: say NAME:VALUE");
        const auto value = line.find_first_not_of(' ', colon + 1);
        try {
            headers.add(line.substr(0, colon), value == std::string::npos ? "" : line.substr(value));
        } catch (const fluxmq::Error& error) {
            throw CLI::ValidationError("--header", error.what());
        }
    }
    return headers;
}

CLI::Option* add_headers(CLI::App& command, std::vector<std::string>& lines) {
    return command.add_option("-H,--header", lines, "NAME:VALUE; may be given several times")
        ->type_name("HEADER")
        ->allow_extra_args(false);
}

std::string payload_of(const std::string& argument) {
    if (!argument.empty() && argument != "-")
        return argument;
    return {std::istreambuf_iterator<char>{std::cin}, {}};
}

std::chrono::milliseconds duration_of(std::string_view text) {
    double number = 0;
    const auto [unit, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view name{unit, static_cast<std::size_t>(text.data() + text.size() - unit)};
    const double factor = name == "ms" ? 1 : name == "s" ? 1'000 : name == "m" ? 60'000 : 0;
    const double length = number * factor;
    if (failed != std::errc{} || !(length >= 1 && length < 1e12))
        throw CLI::ValidationError("'" + std::string{text} +
                                   "' is not a duration: say a number and ms, s or m, such as 500ms");
    return std::chrono::milliseconds{static_cast<std::chrono::milliseconds::rep>(length)};
}

CLI::Option* add_duration(CLI::App& command, const std::string& name, std::chrono::milliseconds& duration,
                          const std::string& description) {
    return command
        .add_option_function<std::string>(
            name, [&duration](const std::string& text) { duration = duration_of(text); }, description)
        ->type_name("DURATION")
        ->default_str(format_duration(duration));
}

} // namespace fluxctl
