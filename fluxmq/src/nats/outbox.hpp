// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/counters.hpp>

#include "protocol.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace fluxmq::nats {

/// What waits to be written: any thread appends, the event loop writes.
///
/// Flush when idle, batch when busy: the first frame calls `wake`, which posts a write to the loop; what comes
/// until that runs, or while a write is under way, leaves with the next write.
///
/// When a connection breaks, publishes of which the kernel did not get all bytes are kept and sent on the next
/// one: the server cannot have acted on a part of a frame. Those it got are gone, arrived or not (at most
/// once). Everything else belongs to the connection and goes with it.
///
/// Thread safety: publish, control, counters, refuse, close: any thread; the others: the event loop.
class Outbox {
public:
    /// `wake` is called with the lock held, so it may only post.
    explicit Outbox(std::function<void()> wake) : wake_{std::move(wake)} {}

    void set_limits(std::size_t connected, std::size_t disconnected) noexcept;

    /// Appends. Throws Error: not_connected, closed, buffer_full.
    void publish(std::string_view topic, std::string_view reply, const Headers& headers,
                 std::string_view payload);

    /// Lets `append(OutBuffer&)` add frames of the connection; false, and nothing added, when there is none.
    template <class Append>
    bool control(Append append) {
        const std::lock_guard lock{mutex_};
        if (state_ != State::connected)
            return false;
        append(pending_);
        wake();
        return true;
    }

    /// Begins a write: all that waits; empty when that is nothing. The bytes stay valid until written() has
    /// been told of all of them.
    std::string_view start_write();
    /// Tells of bytes that the kernel took; gives those of the write that remain.
    std::string_view written(std::size_t size) noexcept;

    /// The connection is about to be left: `last` is the last that is written to it, and what is published from now
    /// on waits for the next one.
    void hold(OutBuffer last);
    /// A connection is there: `first` leaves before everything that waits.
    void connected(OutBuffer first);
    /// It broke, and no write is under way any more.
    void disconnected();
    /// publish() throws `closed` from now on; what waits is still written.
    void refuse() noexcept;
    /// Gives up what waits. The first `why` counts.
    void close(const std::string& why);
    std::string why_closed() const;

    /// Adds published, published_bytes, lost and pending.
    void add_to(TransportCounters& counters) const noexcept;

private:
    enum class State { not_connected, connected, holding, disconnected, closed };

    void wake();
    std::uint64_t keep_publishes(std::string_view frames, std::size_t written, OutBuffer& kept) const;

    const std::function<void()> wake_;
    mutable std::mutex mutex_;
    State state_ = State::not_connected;
    bool refusing_ = false;
    std::string why_closed_ = "the connection was closed";
    bool awake_ = false; // a write is posted or under way
    std::size_t connected_limit_ = 0;
    std::size_t disconnected_limit_ = 0;
    OutBuffer pending_;
    OutBuffer held_; // published while holding
    OutBuffer writing_;
    std::size_t written_ = 0; // of writing_
    std::uint64_t pending_messages_ = 0;
    std::uint64_t held_messages_ = 0;
    std::uint64_t writing_messages_ = 0;
    std::uint64_t published_ = 0;
    std::uint64_t published_bytes_ = 0;
    std::uint64_t lost_ = 0;
};

} // namespace fluxmq::nats
