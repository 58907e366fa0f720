// SPDX-License-Identifier: MIT
#include <fluxmq/counters.hpp>

namespace fluxmq {

Drops& Drops::operator+=(const Drops& other) noexcept {
    oldest += other.oldest;
    newest += other.newest;
    failed += other.failed;
    not_started += other.not_started;
    closed += other.closed;
    return *this;
}

MailboxCounters& MailboxCounters::operator+=(const MailboxCounters& other) noexcept {
    received += other.received;
    delivered += other.delivered;
    dropped += other.dropped;
    pending += other.pending;
    pending_bytes += other.pending_bytes;
    return *this;
}

} // namespace fluxmq
