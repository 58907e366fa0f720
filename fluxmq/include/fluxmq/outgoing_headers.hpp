// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/headers.hpp>

#include <string_view>

namespace fluxmq {

/// The headers of what is sent while a message is handled, the answer to it included: those of the message travel on.
///
/// - Some belong to one message, and stay behind: see travels().
/// - Explicit headers win: one takes the place of all inherited values of its name, and is sent whatever its name is.
/// - No name stands there twice: several values of one name become one value, in their order, with ", " between
///   them, as in HTTP (RFC 9110, section 5.3). Of a header with two values, a Python peer sees the last one only, and
///   a Go peer discards the message.
///
/// Names differ by case, as they do in NATS (ADR-4), except in travels().
///
/// Thread safety: that of a value that refers to others.
class OutgoingHeaders {
public:
    /// Refers to both, which must outlive it. It copies only where neither of them can be sent as it is.
    OutgoingHeaders(const Headers& inherited, const Headers& own);
    OutgoingHeaders(const OutgoingHeaders&) = delete;
    OutgoingHeaders& operator=(const OutgoingHeaders&) = delete;

    const Headers& get() const noexcept { return *chosen_; }

    /// Whether an inherited header of this name is sent on. Those about one message are not: `Nats-*`,
    /// `KV-Operation`, `ce-id`, `_watermill_message_uuid` and `Flux-Replica`, in upper or lower case. With the id of an old message, a
    /// stream would take a new one for a duplicate.
    static bool travels(std::string_view name) noexcept;

private:
    Headers made_;
    const Headers* chosen_;
};

} // namespace fluxmq
