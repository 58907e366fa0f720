// SPDX-License-Identifier: MIT
// Addresses are read or refused; no error shows what may be a password. A '$' of the input stands for one.
#include <nats/url.hpp>

#include <fluxmq/error.hpp>

#include "target.hpp"

#include <string>
#include <vector>

using fluxmq::fuzz::require;
using fluxmq::nats::parse_servers;
using fluxmq::nats::Server;

namespace {

constexpr std::string_view password = "p4ss_w0rd";

void check(const Server& server) {
    require(!server.host.empty() && server.port != 0, "a server has a host and a port");
    const auto again = parse_servers(server.address());
    require(again.size() == 1 && again[0].host == server.host && again[0].port == server.port,
            "the address of a server is one");
    require(!again[0].has_credentials(), "the address of a server has no credentials");
}

} // namespace

void fuzz_url(std::string_view input) {
    std::string urls;
    for (const char c : input)
        if (c == '$')
            urls += password;
        else
            urls += c;
    // What stands behind the last '@' is a host, in whose place nobody looks for a secret.
    const auto last_at = urls.rfind('@');
    const bool secret_in_host =
        urls.find(password, last_at == std::string::npos ? 0 : last_at) != std::string::npos;
    std::vector<Server> servers;
    try {
        servers = parse_servers(urls);
    } catch (const fluxmq::Error& error) {
        const std::string_view words = error.what();
        require(error.kind() == fluxmq::errc::invalid_url, "what is no address is an invalid one");
        require(secret_in_host || words.find(password) == std::string_view::npos,
                "an error shows no password");
    }
    for (const auto& server : servers)
        check(server);
}
