// SPDX-License-Identifier: MIT
#pragma once

#include "out_buffer.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// The NATS client protocol without any I/O: bytes to frames and back.
/// Source: docs.nats.io, "Client Protocol"; headers: ADR-4.
namespace fluxmq {

class Headers;

namespace nats {

/// What a server may make us hold at most.
struct Limits {
    std::size_t control_line = 4096;               ///< bytes of any line but INFO, as the server's own limit
    std::size_t info_line = std::size_t{64} << 10; ///< INFO grows with the cluster
    std::size_t payload = std::size_t{64} << 20;   ///< bytes of headers and payload; the server's own maximum
};

/// What the server sent next. Its views point into the parsed input.
struct Frame {
    enum class Kind {
        incomplete, ///< more input is needed
        message,    ///< MSG, HMSG
        info,
        ping,
        pong,
        ok,
        error,     ///< -ERR
        malformed, ///< not the protocol, see explain()
    };

    Kind kind = Kind::incomplete;
    /// Bytes of input it takes. Of an incomplete one: the bytes it will take, 0 when not known yet.
    std::size_t size = 0;
    std::uint64_t sid = 0;
    std::string_view subject;
    std::string_view reply;
    std::string_view headers; ///< the whole block, its empty line included; empty for MSG
    std::string_view payload;
    std::string_view text; ///< info: the JSON; error: the text without quotes; malformed: what was seen
    const char* problem = nullptr; ///< malformed: what is wrong with it
};

/// Reads the frame that `input` starts with. Keeps no state: after Kind::incomplete call again with the same
/// bytes and more of them.
Frame::Kind parse(std::string_view input, Frame& frame, const Limits& limits = {}) noexcept;

/// A malformed frame in words: what was seen, and what is wrong with it.
std::string explain(const Frame& frame);

/// `bytes` for people: printable, and cut where they are long.
std::string printable(std::string_view bytes);

void append_publish(OutBuffer& out, std::string_view subject, std::string_view reply, const Headers& headers,
                    std::string_view payload);
void append_subscribe(OutBuffer& out, std::string_view subject, std::string_view queue, std::uint64_t sid);
/// `after`: the server ends the subscription when it has sent so many messages; 0: at once.
void append_unsubscribe(OutBuffer& out, std::uint64_t sid, std::uint64_t after = 0);
void append_connect(OutBuffer& out, std::string_view json);
inline void append_ping(OutBuffer& out) { out.append("PING\r\n"); }
inline void append_pong(OutBuffer& out) { out.append("PONG\r\n"); }

/// Bytes of headers and payload, as the server's max_payload counts them.
std::size_t body_size(const Headers& headers, std::string_view payload) noexcept;

/// A frame of our own output, for what has to be sent again.
struct OutFrame {
    std::string_view bytes;
    bool publish = false; ///< PUB or HPUB
};

/// Cuts the first frame off `out`, which holds whole frames that the functions above wrote.
OutFrame next_out_frame(std::string_view& out) noexcept;

} // namespace nats
} // namespace fluxmq
