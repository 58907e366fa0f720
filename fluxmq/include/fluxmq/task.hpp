// SPDX-License-Identifier: MIT
#pragma once

#include <boost/asio/awaitable.hpp>

namespace fluxmq {

/// A coroutine that yields a T: what every awaitable operation here returns.
///
/// Lazy: nothing runs before it is awaited. It runs on the executor of the coroutine that awaits it, and
/// honours that coroutine's cancellation.
template <class T = void>
using Task = boost::asio::awaitable<T>;

} // namespace fluxmq
