// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/error.hpp>
#include <fluxmq/task.hpp>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <type_traits>
#include <utility>

namespace fluxmq {

/// `task`, for one that awaits more than once: a cancellation that comes between two waits is thrown by Asio at the
/// next one, in its own words, which become Error{cancelled}.
template <class T>
Task<T> cancellable(Task<T> task) {
    try {
        if constexpr (std::is_void_v<T>)
            co_await std::move(task);
        else
            co_return co_await std::move(task);
    } catch (const boost::system::system_error& error) {
        if (error.code() == boost::asio::error::operation_aborted)
            throw Error{errc::cancelled, "the awaiting coroutine was cancelled"};
        throw;
    }
}

} // namespace fluxmq
