// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/mailbox.hpp>
#include <fluxmq/message.hpp>
#include <fluxmq/receiver.hpp>

#include "account.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

namespace fluxmq::chaos {

constexpr std::size_t publishers = 4;
constexpr std::size_t topics = 3; // of each
constexpr std::size_t queued_topic = topics - 1;
constexpr std::size_t flows = publishers * topics;

/// `load.<publisher>.<topic>`, and `queued.<publisher>` for those of a queue group. They are kept apart: when a member
/// is gone, a server may send a queued message on to another server, which then gives it once more to its ordinary
/// subscriptions (nats-server 2.9).
std::string topic_of(std::size_t flow);

/// The numbered message of a flow, with a filling that tells a damaged one.
std::string payload_of(Number number);

/// Between a transport and the inlet of a mailbox: writes down what is handed over, in which order, and compares
/// it with what the reader gets. Thread safety: all members.
class Tap final : public Receiver {
public:
    /// `connection` counts those of the receiver.
    Tap(std::string name, const std::atomic<Number>& connection, Mailbox& mailbox, MailboxLimits limits);

    bool offer(Message&& message) noexcept override;
    void when_ready(std::function<void()> resume) override { inlet_->when_ready(std::move(resume)); }

    /// The reader got `message`.
    void read(const Message& message);
    /// It was unsubscribed: from now on nothing may be offered.
    void end();

    /// From now on the longest time between two arrivals is measured, the time until now being none; nothing
    /// while `on` is false.
    void measure_gap(bool on);
    std::chrono::milliseconds gap() const;

    const std::string& name() const noexcept { return name_; }
    const Inlet& inlet() const noexcept { return *inlet_; }
    Trace trace(std::size_t flow) const;
    bool has(std::size_t flow, Number number) const;
    bool has_any_from(std::size_t flow, Number number) const;
    std::uint64_t taken() const;
    std::uint64_t taken_bytes() const;

    /// The mailbox's account, and what was seen to be wrong on the way. At rest.
    Violations judge() const;

private:
    using Time = std::chrono::steady_clock::time_point;
    struct Mark {
        std::size_t flow = 0;
        Number number = 0;
        friend bool operator==(const Mark&, const Mark&) = default;
    };

    bool understand(const Message& message, Mark& mark) const;
    void complain(std::string what);

    const std::string name_;
    const std::atomic<Number>& connection_;
    const Overflow policy_;
    std::shared_ptr<Inlet> inlet_;
    mutable std::mutex mutex_;
    std::array<Trace, flows> traces_;
    std::deque<Mark> unread_; // in the order of arrival; what was dropped among them
    std::uint64_t taken_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint64_t read_ = 0;
    bool ended_ = false;
    bool measures_ = false;
    Time last_arrival_;
    std::chrono::steady_clock::duration gap_{0};
    Violations wrong_;
};

} // namespace fluxmq::chaos
