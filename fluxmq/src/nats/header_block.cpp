// SPDX-License-Identifier: MIT
#include "header_block.hpp"

#include <fluxmq/error.hpp>
#include <fluxmq/headers.hpp>

#include "text.hpp"

#include <string>

namespace fluxmq::nats {

namespace {

constexpr std::string_view version = "NATS/1.0";
constexpr std::string_view line_end = "\r\n";
constexpr std::string_view separator = ": ";

std::string_view trim_left(std::string_view text) noexcept {
    const auto start = text.find_first_not_of(" \t");
    return start == std::string_view::npos ? std::string_view{} : text.substr(start);
}

HeaderStatus read_status(std::string_view text) noexcept {
    text = trim_left(text);
    if (text.size() < 3)
        return {};
    std::uint16_t code = 0;
    for (const char c : text.substr(0, 3)) {
        if (c < '0' || c > '9')
            return {};
        code = static_cast<std::uint16_t>(code * 10 + (c - '0'));
    }
    return {code, trim(text.substr(3), " \t")};
}

} // namespace

std::size_t header_block_size(const Headers& headers) noexcept {
    std::size_t size = version.size() + 2 * line_end.size();
    for (const auto& [name, value] : headers)
        size += name.size() + separator.size() + value.size() + line_end.size();
    return size;
}

char* write_header_block(char* at, const Headers& headers) noexcept {
    at = put(at, version);
    at = put(at, line_end);
    for (const auto& [name, value] : headers) {
        at = put(at, name);
        at = put(at, separator);
        at = put(at, value);
        at = put(at, line_end);
    }
    return put(at, line_end);
}

bool read_header_block(std::string_view block, Headers& headers, HeaderStatus& status) {
    const auto first = next_line(block);
    if (!first.starts_with(version))
        return false;
    status = read_status(first.substr(version.size()));
    while (!block.empty()) {
        const auto line = next_line(block);
        if (line.empty())
            break; // the end; what follows is none, as for nats.go
        const auto colon = line.find(':');
        if (colon == std::string_view::npos)
            continue;
        try {
            headers.add(std::string{line.substr(0, colon)}, std::string{trim_left(line.substr(colon + 1))});
        } catch (const Error&) { // NOLINT(bugprone-empty-catch)
            // a name or value that no client of ours could have sent
        }
    }
    return true;
}

} // namespace fluxmq::nats
