// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/task.hpp>

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

/// One HTTP request at a time, over a connection of its own.
namespace flux_stock {

struct Url {
    bool secure = false; ///< https
    std::string host;
    std::string port;
    std::string target; ///< path and query
};

/// Throws Error{invalid_settings} that says what is wrong with it.
Url parse_url(std::string_view text);

struct HttpRequest {
    Url url;
    std::map<std::string, std::string> headers;
    std::string body;
    bool post = false;
    std::chrono::milliseconds timeout{10'000}; ///< for each step: connect, TLS, write, read
    std::size_t max_body = std::size_t{1} << 20;
};

/// The body of the answer. The server's certificate is checked with https.
/// Throws Error: connect_failed, timeout, tls_failed, protocol_error (also for a status other than 2xx), and
/// payload_too_large for an answer of more than `max_body`; each names host and target.
fluxlib::Task<std::string> send_http(HttpRequest request);

} // namespace flux_stock
