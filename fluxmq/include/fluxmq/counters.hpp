// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace fluxmq {

/// Messages that were not delivered, by reason. Each is counted once, where it was given up.
struct Drops {
    std::uint64_t oldest = 0;      ///< a full mailbox made room for a newer one (drop_oldest)
    std::uint64_t newest = 0;      ///< arrived at a full mailbox (drop_newest)
    std::uint64_t failed = 0;      ///< arrived at a full mailbox that reports it as an error (fail)
    std::uint64_t not_started = 0; ///< arrived at a node that was not started
    std::uint64_t closed = 0;      ///< waited in, or arrived at, a mailbox that was stopped or closed

    std::uint64_t total() const noexcept { return oldest + newest + failed + not_started + closed; }
    Drops& operator+=(const Drops& other) noexcept;
};

/// What went through a mailbox, one of its inlets, or several of them.
/// At rest: received == delivered + dropped.total() + pending.
struct MailboxCounters {
    std::uint64_t received = 0;      ///< messages offered and taken
    std::uint64_t delivered = 0;     ///< messages handed to the reader
    Drops dropped;                   ///< messages given up
    std::uint64_t pending = 0;       ///< messages waiting now
    std::uint64_t pending_bytes = 0; ///< memory they keep alive, in bytes

    MailboxCounters& operator+=(const MailboxCounters& other) noexcept;
};

/// What went through a transport since it was made.
struct TransportCounters {
    std::uint64_t published = 0;       ///< messages accepted by publish(), respond() and request()
    std::uint64_t published_bytes = 0; ///< their payloads, in bytes
    std::uint64_t received = 0;        ///< messages handed to receivers
    std::uint64_t received_bytes = 0;  ///< their payloads, in bytes
    std::uint64_t rejected = 0;        ///< messages that publish() refused with an error
    std::uint64_t lost = 0;            ///< accepted, and given up: the connection broke, or the receiver left
    std::uint64_t pending = 0;         ///< accepted, not yet passed on
    std::uint64_t reconnects = 0;      ///< connections made after the first
};

} // namespace fluxmq
