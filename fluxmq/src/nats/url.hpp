// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmq::nats {

/// Where a server listens, and what its URL said of TLS and credentials.
struct Server {
    std::string host; ///< a name or an address; IPv6 without brackets
    std::uint16_t port = 4222;
    std::string user = {};
    std::string password = {};
    std::string token = {};
    bool tls = false;          ///< never without
    std::string tls_name = {}; ///< of its certificate; empty: the host

    bool has_credentials() const noexcept { return !user.empty() || !password.empty() || !token.empty(); }
    /// `host:port`, without credentials: what may be shown.
    std::string address() const;
};

/// Reads `[nats://|tls://][user:password@|token@]host[:port]`, several separated by commas. User, password and token
/// are percent-decoded. Throws Error{invalid_url}, which shows no credentials.
std::vector<Server> parse_servers(std::string_view urls);

} // namespace fluxmq::nats
