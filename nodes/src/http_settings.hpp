// SPDX-License-Identifier: MIT
#pragma once

#include "http.hpp"
#include "stock_node.hpp"

#include <algorithm>

namespace flux_stock {

/// Throws Error{invalid_settings} for what would not stay on one line of a request.
inline void check_line(std::string_view field, std::string_view text) {
    if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }))
        refuse(field, "has a line break or another control character");
}

/// For the settings of both HTTP nodes. Throws Error{invalid_settings} that names the field.
template <class Settings>
void check_http(const Settings& settings) {
    if (settings.url.empty())
        refuse("url", "is missing: say where, such as http://localhost:8080/data");
    try {
        parse_url(settings.url);
    } catch (const fluxmq::Error& error) {
        refuse("url", "is wrong: " + error.detail());
    }
    for (const auto& [name, value] : settings.headers) {
        if (name.empty() || name.find_first_of(" :") != std::string::npos)
            refuse("headers", "has '" + name + "', which cannot be the name of a header");
        check_line("headers", name);
        check_line("headers." + name, value);
    }
    check_milliseconds("timeout", settings.timeout);
    constexpr std::int64_t most = std::int64_t{1} << 30;
    if (const std::int64_t max_body = settings.max_body; max_body < 1 || max_body > most)
        refuse("max_body",
               "is " + std::to_string(max_body) + ", and must be between 1 and " + std::to_string(most));
}

template <class Settings>
HttpRequest http_request(const Settings& settings) {
    HttpRequest request;
    request.url = parse_url(settings.url);
    request.headers = settings.headers;
    request.timeout = std::chrono::milliseconds{settings.timeout};
    request.max_body = static_cast<std::size_t>(settings.max_body);
    return request;
}

} // namespace flux_stock
