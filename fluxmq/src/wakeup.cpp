// SPDX-License-Identifier: MIT
#include <fluxmq/wakeup.hpp>

#include <fluxmq/error.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <new>
#include <utility>

namespace fluxmq {

namespace asio = boost::asio;
using boost::system::error_code;

struct Wakeup::Waiter {
    virtual ~Waiter() = default;
    // Moves the waiter out of its place and lets it go on at its own executor. `lock` ends before that: once the
    // waiter goes on, it may destroy the Wakeup.
    virtual void resume(error_code result, std::unique_lock<std::mutex> lock) = 0;
};

template <class Handler>
struct Wakeup::WaiterFor final : Waiter {
    explicit WaiterFor(Handler&& h) : handler{std::move(h)} {}

    void resume(error_code result, std::unique_lock<std::mutex> lock) override {
        Handler moved = std::move(handler);
        this->~WaiterFor();
        lock.unlock();
        const auto executor = asio::get_associated_executor(moved);
        asio::post(executor, [moved = std::move(moved), result]() mutable { std::move(moved)(result); });
    }

    Handler handler;
};

Wakeup::~Wakeup() {
    if (waiter_)
        waiter_->~Waiter();
}

void Wakeup::notify() noexcept { finish({}, true); }

void Wakeup::finish(error_code result, bool keep_notice) noexcept {
    std::unique_lock lock{mutex_};
    if (auto* waiter = std::exchange(waiter_, nullptr))
        waiter->resume(result, std::move(lock));
    else if (keep_notice)
        notified_ = true;
}

template <class Handler>
void Wakeup::start(Handler handler) {
    static_assert(sizeof(WaiterFor<Handler>) <= sizeof place_);
    if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected())
        slot.assign([this](asio::cancellation_type) { finish(asio::error::operation_aborted, false); });
    std::unique_lock lock{mutex_};
    waiter_ = ::new (place_) WaiterFor<Handler>{std::move(handler)};
    if (std::exchange(notified_, false))
        std::exchange(waiter_, nullptr)->resume({}, std::move(lock));
}

Task<> Wakeup::wait() {
    error_code failed;
    auto token = asio::redirect_error(asio::use_awaitable, failed);
    co_await asio::async_initiate<decltype(token), void(error_code)>(
        [this](auto handler) { start(std::move(handler)); }, token);
    if (failed)
        throw Error{errc::cancelled, "the wait was cancelled"};
}

} // namespace fluxmq
