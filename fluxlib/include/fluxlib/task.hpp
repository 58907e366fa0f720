// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <functional>
#include <optional>
#include <type_traits>

namespace fluxlib {

using fluxmq::Task;

namespace detail {

// Runs `work` on the pool of blocking work, then `tell`, which posts to the event loop that waits for it.
void run_blocking(std::function<void()> work, std::function<void()> tell);

} // namespace detail

/// Runs `work`, which may block or compute for long, on a pool of threads and awaits its result; meanwhile the
/// event loop goes on. The pool has as many threads as the machine has cores, at least two.
///
/// Rethrows what `work` throws. Cancellation: not possible; `work` runs to its end.
template <class Work>
Task<std::invoke_result_t<Work&>> offload(Work work) {
    using Result = std::invoke_result_t<Work&>;
    std::exception_ptr failure;
    const auto attempt = [&](auto&& store) {
        try {
            store();
        } catch (...) {
            failure = std::current_exception();
        }
    };
    const auto elsewhere = [&](std::function<void()> job) -> Task<> {
        return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void()>(
            [job = std::move(job)](auto handler) {
                auto shared = std::make_shared<decltype(handler)>(std::move(handler));
                detail::run_blocking(job, [shared] {
                    const auto executor = boost::asio::get_associated_executor(*shared);
                    boost::asio::post(executor, [shared] { std::move (*shared)(); });
                });
            },
            boost::asio::use_awaitable);
    };
    if constexpr (std::is_void_v<Result>) {
        co_await elsewhere([&] { attempt([&] { work(); }); });
        if (failure)
            std::rethrow_exception(failure);
    } else {
        std::optional<Result> result;
        co_await elsewhere([&] { attempt([&] { result.emplace(work()); }); });
        if (failure)
            std::rethrow_exception(failure);
        co_return std::move(*result);
    }
}

/// Runs `app` on an event loop of its own until it returns: the body of a main().
/// Returns 0, or 1 after printing what `app` threw to standard error.
int run(Task<> app);
/// The same, and returns what `app` returns.
int run(Task<int> app);

} // namespace fluxlib
