// SPDX-License-Identifier: MIT
// INFO is read, or refused with a short and printable text.
#include <nats/info.hpp>

#include <fluxmq/error.hpp>

#include "target.hpp"

#include <algorithm>
#include <string>

using fluxmq::fuzz::require;

void fuzz_info(std::string_view input) {
    try {
        const auto info = fluxmq::nats::parse_info(input);
        require(info.max_payload > 0, "a server takes some payload");
    } catch (const fluxmq::Error& error) {
        const std::string words = error.what();
        require(error.kind() == fluxmq::errc::protocol_error, "what is no INFO is a protocol error");
        require(std::all_of(words.begin(), words.end(), [](char c) { return c >= ' ' && c <= '~'; }),
                "an error is printable");
        require(words.size() < 200, "an error is short");
    }
}
