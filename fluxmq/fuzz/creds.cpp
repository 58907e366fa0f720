// SPDX-License-Identifier: MIT
// A `.creds` file, an nkey file and a JWT are read or refused; no error shows a piece of them. A '$' of the input
// stands for such a piece.
#include <nats/creds.hpp>

#include <fluxmq/error.hpp>

#include "target.hpp"

#include <nats/nkey.hpp>

#include <string>

using fluxmq::fuzz::require;
using namespace fluxmq::nats;

namespace {

constexpr std::string_view secret = "SEEKRET";

bool is_line_of(std::string_view line, std::string_view text) {
    return !line.empty() && line.data() >= text.data() &&
           line.data() + line.size() <= text.data() + text.size() &&
           line.find('\n') == std::string_view::npos;
}

// `read`, whose error may only be one that shows nothing.
template <class Read>
void try_reading(Read read) {
    try {
        read();
    } catch (const fluxmq::Error& error) {
        require(error.kind() == fluxmq::errc::authorization_failed, "bad credentials are not authorized");
        require(std::string_view{error.what()}.find(secret) == std::string_view::npos,
                "an error shows nothing of the file");
    }
}

void check_seed(std::string_view seed) {
    const auto key = nkey_public_key(seed);
    require(key.starts_with('U') && key.size() == 56, "the public key of a user is one");
}

void check_expiry(std::string_view jwt) {
    const auto expiry = jwt_expiry(jwt);
    require(!expiry || expiry->time_since_epoch().count() > 0,
            "a JWT expires at a time that the clock can tell");
}

std::string base64url(std::string_view bytes) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string text;
    unsigned bits = 0;
    unsigned count = 0;
    for (const char byte : bytes) {
        bits = (bits << 8 | static_cast<unsigned char>(byte)) & 0xffff;
        for (count += 8; count >= 6; count -= 6)
            text += digits[bits >> (count - 6) & 63];
    }
    if (count > 0)
        text += digits[bits << (6 - count) & 63];
    return text;
}

} // namespace

void fuzz_creds(std::string_view input) {
    std::string text;
    for (const char c : input)
        if (c == '$')
            text += secret;
        else
            text += c;
    try_reading([&] {
        const auto creds = parse_creds(text);
        require(is_line_of(creds.jwt, text) && is_line_of(creds.seed, text),
                "JWT and seed are lines of the file");
        check_expiry(creds.jwt);
        check_seed(creds.seed);
    });
    try_reading([&] {
        const auto seed = parse_nkey_file(text);
        require(is_line_of(seed, text), "a seed is a line of the file");
        check_seed(seed);
    });
    check_expiry(text);
    check_expiry("head." + base64url(input) + ".signature"); // what it claims is the input
}
