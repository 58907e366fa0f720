// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/message.hpp>

#include <cstdint>
#include <functional>

namespace fluxmq {

class Intake;

/// Where a transport puts what a subscription receives; a Mailbox's Inlet is one.
///
/// A transport calls it from any thread, also inside a publish(), so it must be thread-safe, must not block,
/// and must run no user code: it queues.
class Receiver {
public:
    virtual ~Receiver() = default;

    /// Takes `message` (a drop that a policy asks for counts as taken), or leaves it untouched and returns
    /// false: full, offer it again later, and nothing after it before that.
    [[nodiscard]] virtual bool offer(Message&& message) noexcept = 0;

    /// After a false: `resume` is called once, on any thread, when there is room again; at once when there is
    /// already.
    virtual void when_ready(std::function<void()> resume) = 0;

    // What a transport needs for drain() and slow_consumer events; the defaults are for receivers that keep nothing
    // and drop nothing.

    /// Messages taken that the reader has not finished with: those that wait, and the one it is at.
    virtual std::uint64_t pending() const noexcept { return 0; }

    /// `resume` is called once, on any thread, when nothing is pending; at once when nothing is.
    virtual void when_idle(std::function<void()> resume) { resume(); }

    /// Messages dropped because it was full, since it was made.
    virtual std::uint64_t overflowed() const noexcept { return 0; }

    /// `notify` is called, on any thread, each time that overflowed() has grown; it replaces the earlier one.
    virtual void on_overflow(std::function<void()> notify) { static_cast<void>(notify); }

    // For transports that offer from several threads. A receiver with a lock of its own spares them a second one for
    // each message by overriding both. Internal.

    enum class Offered { taken, full, ended };
    /// offer(), as long as `intake` is open, which then learns of it.
    virtual Offered offer_through(Intake& intake, Message&& message) noexcept;
    /// Shuts `intake`: after it returns, nothing more is taken through it.
    virtual void shut(Intake& intake) noexcept;
};

} // namespace fluxmq
