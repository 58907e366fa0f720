// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/counters.hpp>
#include <fluxmq/receiver.hpp>
#include <fluxmq/task.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

namespace fluxmq {

/// What happens to a message that arrives at a full inlet.
enum class Overflow {
    block, ///< it waits before the inlet, and nothing is lost: InProc keeps it with its publisher, whose
           ///< flush() takes longer; Nats stops reading its connection, for all subscriptions
    drop_oldest, ///< the oldest waiting message of the inlet makes room: the reader sees the latest
    drop_newest, ///< it is dropped: the reader sees the earliest
    fail         ///< it is dropped, and the reader is told by an error
};

/// The bounds of an inlet. Both hold; a single message larger than `bytes` is taken by an empty inlet.
struct MailboxLimits {
    std::size_t messages = 65'536;             ///< waiting messages, at least 1
    std::size_t bytes = std::size_t{64} << 20; ///< memory kept alive by waiting messages
    Overflow overflow = Overflow::drop_oldest; ///< what happens beyond
};

/// Messages of the control lane are popped before those of the data lane.
enum class Lane { control, data };

class Inlet;

/// A bounded queue between the threads that deliver messages and the one coroutine that reads them: the only
/// place where messages cross threads.
///
/// Messages come in through inlets, each with limits of its own; the order of arrival holds across the inlets
/// of a lane. Ahead of both lanes go functions to run, which the owner posts and which are never dropped.
///
/// Thread safety: offer, post, close, closed, counters: any thread. pop_*, wait: one reader.
class Mailbox : public std::enable_shared_from_this<Mailbox> {
public:
    using Control = std::function<Task<>()>;

    struct Delivery {
        Message message;
        void* user; ///< of the inlet that it came in by
    };

    static std::shared_ptr<Mailbox> create();
    ~Mailbox();
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    /// Opens a way in. `user` is whatever the reader wants to find it by.
    std::shared_ptr<Inlet> add_inlet(MailboxLimits limits, void* user = nullptr, Lane lane = Lane::data);

    /// Queues `control` ahead of all messages. Says no once closed.
    bool post(Control control);

    std::optional<Control> pop_control();

    /// The next message, to be used or moved from until the next call of pop_message() or wait(); null when there is
    /// none.
    Delivery* pop_message();

    /// Waits until there is something to pop. False: closed, and nothing is left.
    /// Cancellation: throws Error{cancelled}; nothing is lost.
    Task<bool> wait();

    /// What wait() is made of, for a reader whose own coroutine waits, without the memory of another one: look(), and
    /// as long as it says `nothing`, await woken() and look again. The mailbox must live meanwhile.
    enum class Look { something, nothing, closed };
    Look look();
    Task<> woken();

    /// While it is held, messages of the data lane come in and stay: pop_message() and wait() pass over them. For the
    /// reader.
    void hold(bool held) noexcept;

    /// Takes nothing in from now on; what waits can still be popped. Idempotent.
    void close() noexcept;

    bool closed() const noexcept;

    /// Closes, and drops what waits: messages, counted as Drops::closed, and functions. For a reader that is gone.
    void discard() noexcept;

    /// Of all inlets, the closed ones included.
    MailboxCounters counters() const;

private:
    friend class Inlet;
    struct State;

    Mailbox();
    std::unique_ptr<State> state_;
};

/// A bounded way into a Mailbox. Keeps its mailbox alive. Thread safety: all members.
class Inlet final : public Receiver {
public:
    /// Why an inlet that is not open drops what arrives.
    enum class Gate { open, not_started, closed };

    ~Inlet() override;

    bool offer(Message&& message) noexcept override;
    void when_ready(std::function<void()> resume) override;
    /// The reader is at a message from pop_message() until it calls that or wait() again.
    std::uint64_t pending() const noexcept override;
    void when_idle(std::function<void()> resume) override;
    std::uint64_t overflowed() const noexcept override;
    void on_overflow(std::function<void()> notify) override;
    Offered offer_through(Intake& intake, Message&& message) noexcept override;
    void shut(Intake& intake) noexcept override;

    /// Several messages in a row under one lock, for a transport that has read them all. Until it is destroyed, which
    /// must be soon, nobody else comes in by this mailbox, and whoever made it calls nothing else of it.
    class Batch {
    public:
        explicit Batch(Inlet& inlet) noexcept;
        ~Batch();
        Batch(const Batch&) = delete;
        Batch& operator=(const Batch&) = delete;

        /// Takes `message`, or leaves it untouched and returns false: offer() it, when this is gone.
        bool offer(Message&& message) noexcept;

    private:
        Inlet& inlet_;
        bool took_ = false;
    };

    /// Opens or shuts it. Shutting drops what waits, counted as Drops::closed.
    void set_gate(Gate gate) noexcept;

    /// Applies from the next message on.
    void set_limits(MailboxLimits limits) noexcept;

    /// What the reader finds it by.
    void* user() const noexcept;

    MailboxCounters counters() const;

    /// Messages dropped under Overflow::fail since the last call: for the reader to report.
    std::uint64_t take_failures() noexcept;
    /// Whether there are any.
    bool has_failures() const noexcept;

private:
    friend class Mailbox;
    struct Part;
    explicit Inlet(Part& part) noexcept;
    Offered take(Message&& message, Intake* intake) noexcept;
    Offered take_when_full(Message&& message, Intake* intake) noexcept;
    Part& part_;
};

} // namespace fluxmq
