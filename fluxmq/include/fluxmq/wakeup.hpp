// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/task.hpp>

#include <cstddef>
#include <mutex>

namespace fluxmq {

/// One coroutine waits, any thread wakes it: a condition of one bit, reset by the wait that sees it.
///
/// It must outlive the wait. The waiter is resumed through its own executor, never inside notify().
class Wakeup {
public:
    Wakeup() = default;
    ~Wakeup();
    Wakeup(const Wakeup&) = delete;
    Wakeup& operator=(const Wakeup&) = delete;

    /// Ends the present wait, or the next one. Thread safety: any thread.
    void notify() noexcept;

    /// Waits for notify(). Cancellation: throws Error{cancelled}.
    Task<> wait();

private:
    struct Waiter;
    template <class Handler>
    struct WaiterFor;

    template <class Handler>
    void start(Handler handler);
    void finish(bool cancelled) noexcept;

    std::mutex mutex_;
    bool notified_ = false;
    Waiter* waiter_ = nullptr; // in place_
    // A wait is the price of every message that comes alone, so its handler needs no memory of its own.
    alignas(std::max_align_t) std::byte place_[64];
};

} // namespace fluxmq
