// SPDX-License-Identifier: MIT
// What must hold of the messages of a run, as functions of what was seen: no server, no time.
#pragma once

#include <fluxmq/counters.hpp>
#include <fluxmq/mailbox.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace fluxmq::chaos {

using Number = std::uint32_t;
using Violations = std::vector<std::string>;

/// What one subscription saw of one flow: of the messages of one publisher to one topic, numbered from 0.
class Trace {
public:
    /// `connection`: of the receiver, counted from 0.
    void arrived(Number number, Number connection);

    bool has(Number number) const noexcept {
        return number < connections_.size() && connections_[number] != 0;
    }
    /// How many arrived, each counted once.
    Number count() const noexcept { return count_; }
    /// Arrivals of what had come before on the same connection of the receiver.
    Number duplicates() const noexcept { return duplicates_; }
    /// And of what had come before on an earlier one.
    Number repeated() const noexcept { return repeated_; }
    /// Arrivals behind one with a higher number.
    Number late() const noexcept { return late_; }
    /// The least number of increasing sequences that the arrivals are a merge of: 1 when nothing came late.
    std::size_t strands() const noexcept { return strands_.size(); }
    /// The least number from `from` on that arrived; `end()` when none did.
    Number first_from(Number from) const noexcept;
    /// One more than the highest number that arrived.
    Number end() const noexcept { return static_cast<Number>(connections_.size()); }
    /// Of the numbers from `from` up to `to`, those that did not arrive.
    Number missing(Number from, Number to) const noexcept;
    /// And in how many runs without a gap they lie.
    Number missing_runs(Number from, Number to) const noexcept;

private:
    std::vector<Number> connections_; // by number: the one it first arrived on, plus 1; 0 when it did not
    std::vector<Number> strands_;     // the last number of each, highest first
    Number count_ = 0;
    Number duplicates_ = 0;
    Number repeated_ = 0;
    Number late_ = 0;
};

/// What is known of a flow besides what a subscription saw.
struct Facts {
    Number first = 0;     ///< the number from which on the subscription was known to be routed
    Number published = 0; ///< accepted by publish()
    Number calm = 0;      ///< the number from which on nothing may be missing
    Number publisher_breaks = 0;
    Number receiver_breaks = 0;
    bool old_bytes_may_come = false; ///< see Schedule
    bool moves = false;              ///< whether the receiver goes from one server to another
};

/// Core NATS is at most once and in order on each connection. So: on one connection of the receiver nothing comes
/// twice; after it moved to another server of a cluster, what a route brings there may have come before. Each break
/// of the publisher's or the receiver's connection loses at most one run of messages: when neither broke, nothing is
/// missing. Order holds as long as the publisher's connection does; what an old connection still had may come after
/// the first of the new one, each in its own order. In the calm everything arrives.
Violations judge(const Trace& trace, const Facts& facts);

/// `offered` messages were taken by an inlet with `policy`, and `read` by its reader: every one that was not read was
/// dropped for the policy's reason, or waits.
Violations judge(const MailboxCounters& counters, Overflow policy, std::uint64_t offered, std::uint64_t read);

/// What publishers and receivers of a connection at rest counted themselves.
struct Traffic {
    std::uint64_t published = 0;
    std::uint64_t published_bytes = 0;
    std::uint64_t rejected = 0;
    std::uint64_t received = 0;
    std::uint64_t received_bytes = 0;
    std::uint64_t lost = 0; ///< given up by close()
    std::uint64_t reconnects = 0;
};

/// A connection at rest: its counters are ours, and published = sent + lost, with nothing pending.
Violations judge(const TransportCounters& counters, const Traffic& traffic);

} // namespace fluxmq::chaos
