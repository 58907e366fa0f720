// SPDX-License-Identifier: MIT
#include <fluxmq/wakeup.hpp>

#include <fluxmq/error.hpp>

#include "stay_awake.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <new>
#include <thread>
#include <utility>

namespace fluxmq {

namespace asio = boost::asio;

struct Wakeup::Waiter {
    virtual ~Waiter() = default;
    // Moves the waiter out of its place and lets it go on at its own executor. `lock` ends before that: once the
    // waiter goes on, it may destroy the Wakeup.
    virtual void resume(bool cancelled, std::unique_lock<std::mutex> lock) = 0;
};

template <class Handler>
struct Wakeup::WaiterFor final : Waiter {
    explicit WaiterFor(Handler&& h) : handler{std::move(h)} {}

    void resume(bool cancelled, std::unique_lock<std::mutex> lock) override {
        Handler moved = std::move(handler);
        const bool elsewhere = thread != std::this_thread::get_id();
        this->~WaiterFor();
        lock.unlock();
        const auto executor = asio::get_associated_executor(moved);
        asio::post(executor, [moved = std::move(moved), cancelled, elsewhere]() mutable {
            if (elsewhere)
                stay_awake(asio::get_associated_executor(moved));
            std::exception_ptr failure;
            if (cancelled)
                failure = std::make_exception_ptr(Error{errc::cancelled, "the wait was cancelled"});
            std::move(moved)(failure);
        });
    }

    Handler handler;
    const std::thread::id thread = std::this_thread::get_id(); // which waits
};

Wakeup::~Wakeup() {
    if (waiter_)
        waiter_->~Waiter();
}

void Wakeup::notify() noexcept { finish(false); }

void Wakeup::finish(bool cancelled) noexcept {
    std::unique_lock lock{mutex_};
    if (auto* waiter = std::exchange(waiter_, nullptr))
        waiter->resume(cancelled, std::move(lock));
    else if (!cancelled)
        notified_ = true;
}

template <class Handler>
void Wakeup::start(Handler handler) {
    static_assert(sizeof(WaiterFor<Handler>) <= sizeof place_);
    if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected())
        slot.assign([this](asio::cancellation_type) { finish(true); });
    std::unique_lock lock{mutex_};
    waiter_ = ::new (place_) WaiterFor<Handler>{std::move(handler)};
    if (std::exchange(notified_, false))
        std::exchange(waiter_, nullptr)->resume(false, std::move(lock));
}

// Not a coroutine itself: one frame less for every wait.
Task<> Wakeup::wait() {
    return asio::async_initiate<const asio::use_awaitable_t<>&, void(std::exception_ptr)>(
        [this](auto handler) { start(std::move(handler)); }, asio::use_awaitable);
}

} // namespace fluxmq
