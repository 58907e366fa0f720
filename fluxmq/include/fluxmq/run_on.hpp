// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/error.hpp>
#include <fluxmq/task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

namespace fluxmq {

namespace detail {

template <class T>
struct Outcome {
    std::optional<T> value;
    std::exception_ptr failure;
};
template <>
struct Outcome<void> {
    std::exception_ptr failure;
};

template <class T>
Task<> carry_out(Task<T> task, std::shared_ptr<Outcome<T>> outcome) {
    try {
        if constexpr (std::is_void_v<T>)
            co_await std::move(task);
        else
            outcome->value.emplace(co_await std::move(task));
    } catch (...) {
        outcome->failure = std::current_exception();
    }
    if (outcome->failure) {
        // Whoever has thrown it lets go of it first: then it belongs to the thread that awaits.
        co_await boost::asio::this_coro::throw_if_cancelled(false);
        co_await boost::asio::post(boost::asio::use_awaitable);
    }
}

// All that belongs to `task` happens on `executor`: its start, its cancellation, its end. What waits for it, with
// its cancellation slot, is touched on its own executor only.
inline Task<> cross(boost::asio::any_io_executor executor, Task<> task) {
    namespace asio = boost::asio;
    auto start = [executor = std::move(executor), task = std::move(task)](auto handler) mutable {
        auto signal = std::make_shared<asio::cancellation_signal>();
        if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected())
            slot.assign([executor, weak = std::weak_ptr{signal}](asio::cancellation_type type) {
                asio::post(executor, [weak, type] {
                    if (const auto running = weak.lock())
                        running->emit(type);
                });
            });
        auto end = [signal, handler = std::move(handler)](std::exception_ptr) mutable {
            const auto home = asio::get_associated_executor(handler);
            // What goes on at home may end that loop, so it does not until this thread has left it.
            const auto left = std::make_shared<std::atomic<bool>>(false);
            asio::post(home, [left, handler = std::move(handler)]() mutable {
                while (!left->load(std::memory_order_acquire))
                    std::this_thread::yield();
                std::move(handler)();
            });
            left->store(true, std::memory_order_release);
        };
        asio::post(executor, [executor, signal = std::move(signal), task = std::move(task),
                              end = std::move(end)]() mutable {
            const auto slot = signal->slot();
            asio::co_spawn(executor, std::move(task), asio::bind_cancellation_slot(slot, std::move(end)));
        });
    };
    return asio::async_initiate<const asio::use_awaitable_t<>&, void()>(std::move(start),
                                                                        asio::use_awaitable);
}

} // namespace detail

/// Whether both run on the same event loop: they have one execution context.
inline bool same_loop(const boost::asio::any_io_executor& a, const boost::asio::any_io_executor& b) noexcept {
    namespace asio = boost::asio;
    return &asio::query(a, asio::execution::context) == &asio::query(b, asio::execution::context);
}

/// Runs `task` on `executor`, whose event loop may be that of another thread, and goes on where it was awaited: for
/// what belongs to that loop. Where both are the same loop, `task` is simply awaited.
///
/// Rethrows what `task` throws. Cancellation: cancels `task`, on its own executor, and waits for its end.
template <class T>
Task<T> run_on(boost::asio::any_io_executor executor, Task<T> task) {
    const auto here = co_await boost::asio::this_coro::executor;
    if (same_loop(here, executor))
        co_return co_await std::move(task);
    const auto outcome = std::make_shared<detail::Outcome<T>>();
    try {
        co_await detail::cross(std::move(executor), detail::carry_out(std::move(task), outcome));
        if (outcome->failure)
            std::rethrow_exception(std::exchange(outcome->failure, nullptr));
        if constexpr (std::is_void_v<T>)
            co_return;
        else
            co_return std::move(*outcome->value);
    } catch (const boost::system::system_error& error) {
        // A cancellation that came while `task` did not wait: Asio throws it at the next wait, in its own words.
        if (error.code() != boost::asio::error::operation_aborted)
            throw;
    }
    throw Error{errc::cancelled, "the awaiting coroutine was cancelled"};
}

} // namespace fluxmq
