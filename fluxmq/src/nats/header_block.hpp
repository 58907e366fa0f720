// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fluxmq {

class Headers;

/// The header block of HPUB and HMSG (ADR-4): `NATS/1.0[ status[ description]]`, one line a header, an empty
/// line.
namespace nats {

/// Bytes that write_header_block() writes.
std::size_t header_block_size(const Headers& headers) noexcept;

/// Writes the block at `at`; gives its end.
char* write_header_block(char* at, const Headers& headers) noexcept;

struct HeaderStatus {
    std::uint16_t code = 0;       // 0: there is none
    std::string_view description; // without white space at its ends; empty where there is no code
};

/// Reads a block into `headers`. As ADR-4 asks, it takes what it can: lines that are no header are passed over,
/// and white space before a value is not part of it. False: it is no header block at all.
bool read_header_block(std::string_view block, Headers& headers, HeaderStatus& status);

} // namespace nats
} // namespace fluxmq
