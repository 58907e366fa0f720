// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmq::nats {

/// What a server says about itself in INFO, as far as it is used here.
struct ServerInfo {
    std::string name = {};
    std::string version = {};
    std::size_t max_payload = std::size_t{1} << 20;
    bool headers = false;
    bool tls_required = false;
    bool tls_available = false;
    bool lame_duck = false;                     ///< it will go soon
    std::string nonce = {};                     ///< to be signed with an nkey
    std::vector<std::string> connect_urls = {}; ///< `host:port` of all servers of its cluster
};

/// Reads the JSON of INFO; members that are missing or of another type keep their defaults. Throws
/// Error{protocol_error} for text that is no JSON object.
ServerInfo parse_info(std::string_view json);

} // namespace fluxmq::nats
