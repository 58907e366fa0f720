// SPDX-License-Identifier: MIT
#pragma once

#include <boost/asio/any_io_executor.hpp>

namespace fluxmq {

/// Something has come to the event loop of `executor` from another thread; called on that loop. To fall asleep and to be
/// woken takes longer than most answers do, so the loop looks for more for a moment before it sleeps: as long as that
/// pays. Where what comes is rare it hardly ever does, and what one loop does for itself never causes it.
void stay_awake(const boost::asio::any_io_executor& executor);

} // namespace fluxmq
