// SPDX-License-Identifier: MIT
// Any block is read without harm; what can be written is read back as it was.
#include <nats/header_block.hpp>

#include <fluxmq/error.hpp>
#include <fluxmq/headers.hpp>

#include "target.hpp"

#include <string>

using fluxmq::Headers;
using fluxmq::fuzz::require;
using namespace fluxmq::nats;

namespace {

std::string written(const Headers& headers) {
    std::string block(header_block_size(headers), '?');
    require(write_header_block(block.data(), headers) == block.data() + block.size(),
            "the block has the size that was told");
    return block;
}

Headers read_back(const std::string& block) {
    Headers headers;
    HeaderStatus status;
    require(read_header_block(block, headers, status), "what was written is a block");
    require(status.code == 0 && status.description.empty(), "what was written has no status");
    return headers;
}

void check_reading(std::string_view block) {
    Headers headers;
    HeaderStatus status;
    if (!read_header_block(block, headers, status)) {
        require(headers.empty() && status.code == 0 && status.description.empty(),
                "what is no block gives nothing");
        return;
    }
    require(status.code <= 999, "a status has three digits");
    require(status.description.find('\n') == std::string_view::npos, "the description is one line");
    constexpr std::string_view blanks = " \t";
    require(status.description.empty() ||
                (blanks.find(status.description.front()) == std::string_view::npos &&
                 blanks.find(status.description.back()) == std::string_view::npos),
            "no white space at the ends of the description");
    require(status.description.empty() ||
                (status.description.data() >= block.data() &&
                 status.description.data() + status.description.size() <= block.data() + block.size()),
            "the description is part of the block");
    require(read_back(written(headers)) == headers,
            "headers that were read are written and read as they are");
}

// Lines `name:value`, up to one that Headers refuse, are written.
void check_writing(std::string_view lines) {
    Headers given;
    Headers expected;
    while (!lines.empty()) {
        const auto line = fluxmq::fuzz::next_line(lines);
        const auto colon = line.find(':');
        if (colon == std::string_view::npos)
            continue;
        const auto value = line.substr(colon + 1);
        const auto first = value.find_first_not_of(" \t");
        try {
            given.add(std::string{line.substr(0, colon)}, std::string{value});
        } catch (const fluxmq::Error& error) {
            require(error.kind() == fluxmq::errc::invalid_header, "what cannot be sent is an invalid header");
            break;
        }
        // White space before a value is not part of it (ADR-4).
        expected.add(std::string{line.substr(0, colon)},
                     std::string{first == std::string_view::npos ? std::string_view{} : value.substr(first)});
    }
    require(read_back(written(given)) == expected, "headers that were written are read");
}

} // namespace

void fuzz_header_block(std::string_view input) {
    check_reading(input);
    check_writing(input);
}
