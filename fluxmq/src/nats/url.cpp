// SPDX-License-Identifier: MIT
#include "url.hpp"

#include <fluxmq/error.hpp>

#include "text.hpp"

#include <algorithm>

namespace fluxmq::nats {

namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// Bytes of `name://` at the start of a URL. A password may hold "://" as well.
std::size_t scheme_size(std::string_view url) noexcept {
    const auto end = url.find("://");
    const auto is_name = [](char c) {
        c = lower(c);
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
    };
    if (end == std::string_view::npos || !std::all_of(url.begin(), url.begin() + end, is_name))
        return 0;
    return end + 3;
}

// What of a URL may be shown: the part after its credentials.
std::string shown(std::string_view url) {
    const auto at = url.rfind('@');
    if (at == std::string_view::npos) { // what stands where a port should may be a password without its host
        const auto start = scheme_size(url);
        const auto colon = url.find(':', start);
        const bool bracketed = url.substr(start).starts_with('[');
        const auto digits = colon == std::string_view::npos || bracketed ||
                            url.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
        return digits ? std::string{url} : std::string{url.substr(0, colon + 1)} + "***";
    }
    return std::string{url.substr(0, scheme_size(url))} + "***" + std::string{url.substr(at)};
}

[[noreturn]] void refuse(std::string_view url, const std::string& why) {
    throw Error{errc::invalid_url, "'" + shown(url) + "': " + why};
}

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string percent_decode(std::string_view text, std::string_view url) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
        if (high < 0 || low < 0)
            refuse(url, "a '%' in its credentials is not followed by two hex digits");
        decoded += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return decoded;
}

// Without its scheme, which says whether it is to be TLS.
std::string_view read_scheme(std::string_view url, bool& tls) {
    const auto size = scheme_size(url);
    if (size == 0)
        return url;
    std::string scheme{url.substr(0, size - 3)};
    std::transform(scheme.begin(), scheme.end(), scheme.begin(), lower);
    tls = scheme == "tls";
    if (!tls && scheme != "nats")
        refuse(url, "the scheme '" + scheme + "' is not supported, nats://host:port and tls://host:port are");
    return url.substr(size);
}

std::uint16_t read_port(std::string_view text, std::string_view url) {
    unsigned port = 0;
    if (text.empty() || text.size() > 5 || text.find_first_not_of("0123456789") != std::string_view::npos)
        refuse(url, "its port is not a number from 1 to 65535");
    for (const char c : text)
        port = port * 10 + static_cast<unsigned>(c - '0');
    if (port == 0 || port > 65'535)
        refuse(url, "its port is not a number from 1 to 65535");
    return static_cast<std::uint16_t>(port);
}

void read_credentials(std::string_view text, std::string_view url, Server& server) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) {
        server.token = percent_decode(text, url);
        return;
    }
    server.user = percent_decode(text.substr(0, colon), url);
    server.password = percent_decode(text.substr(colon + 1), url);
}

void read_host(std::string_view text, std::string_view url, Server& server) {
    std::string_view after;
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos)
            refuse(url, "the '[' of its IPv6 address is not closed");
        server.host = text.substr(1, end - 1);
        after = text.substr(end + 1);
    } else {
        const auto colon = text.find(':');
        server.host = text.substr(0, colon);
        after = colon == std::string_view::npos ? std::string_view{} : text.substr(colon);
        if (after.find(':', 1) != std::string_view::npos)
            refuse(url, "an IPv6 address is written in brackets, [::1]:4222");
    }
    if (server.host.empty())
        refuse(url, "it has no host");
    const auto odd = std::find_if(server.host.begin(), server.host.end(), [](unsigned char c) {
        return c <= ' ' || c == 0x7f || c == '/' || c == '[' || c == ']';
    });
    if (odd != server.host.end())
        refuse(url, "its host has a character that no host name has");
    if (after.empty())
        return;
    if (after.front() != ':')
        refuse(url, "after the host comes ':port' or nothing");
    server.port = read_port(after.substr(1), url);
}

Server parse_one(std::string_view url) {
    if (url.empty())
        throw Error{errc::invalid_url, "an address is empty; nats://host:port is expected"};
    Server server;
    auto rest = read_scheme(url, server.tls);
    if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
        read_credentials(rest.substr(0, at), url, server);
        rest = rest.substr(at + 1);
    }
    if (rest.ends_with('/'))
        rest.remove_suffix(1);
    read_host(rest, url, server);
    return server;
}

} // namespace

std::string Server::address() const {
    const bool bracketed = host.find(':') != std::string::npos;
    return (bracketed ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::vector<Server> parse_servers(std::string_view urls) {
    std::vector<Server> servers;
    for (;;) {
        const auto comma = urls.find(',');
        try {
            servers.push_back(parse_one(trim(urls.substr(0, comma), " \t")));
        } catch (const Error&) {
            // What ends with a comma in a password has no '@', and what it says would show that.
            if (urls.find('@', comma) == std::string_view::npos)
                throw;
            throw Error{errc::invalid_url,
                        "address " + std::to_string(servers.size() + 1) +
                            " of the list, not shown for the credentials that follow: a comma "
                            "in a password is written %2C"};
        }
        if (comma == std::string_view::npos)
            return servers;
        urls.remove_prefix(comma + 1);
    }
}

} // namespace fluxmq::nats
