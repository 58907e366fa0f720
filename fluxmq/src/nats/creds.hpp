// SPDX-License-Identifier: MIT
#pragma once

#include "secret.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace fluxmq::nats {

/// What a `.creds` file holds.
struct Creds {
    std::string_view jwt;
    std::string_view seed; ///< of an nkey
};

/// Reads the text of a `.creds` file: a block "-----BEGIN NATS USER JWT-----" and a block "-----BEGIN USER NKEY
/// SEED-----". The views point into `text`. Throws Error{authorization_failed}, which shows nothing of it.
Creds parse_creds(std::string_view text);

/// Reads the text of a file with an nkey's seed: such a block, or a line that begins with 'S'. Throws as
/// parse_creds().
std::string_view parse_nkey_file(std::string_view text);

/// When a JWT expires; nothing when it does not, or cannot be read. Its signature is the server's business.
std::optional<std::chrono::system_clock::time_point> jwt_expiry(std::string_view jwt);

/// The content of a file. Throws Error{authorization_failed} that names it.
Secret read_secret_file(const std::string& path);

} // namespace fluxmq::nats
