// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace fluxmq::nats {

/// The nkey of a user: an Ed25519 key pair whose seed is written "SU..." and whose public key "U...".
/// Source: github.com/nats-io/nkeys.
///
/// Both functions throw Error{authorization_failed}, which does not show the seed, for one that is not a user's.
std::string nkey_public_key(std::string_view seed);

/// What CONNECT has as `sig`: the signature of the server's `nonce`, in base64url without padding.
std::string nkey_sign(std::string_view seed, std::string_view nonce);

} // namespace fluxmq::nats
