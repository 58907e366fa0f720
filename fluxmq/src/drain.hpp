// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/clock.hpp>
#include <fluxmq/receiver.hpp>
#include <fluxmq/task.hpp>

#include <cstdint>
#include <memory>

namespace fluxmq {

/// Waits until the reader of `receiver` has finished with everything, or for `deadline`. What it has not finished with
/// then, in messages. Cancellation: throws Error{cancelled}.
Task<std::uint64_t> wait_idle(std::shared_ptr<Receiver> receiver, std::shared_ptr<Clock> clock,
                              Clock::time_point deadline);

} // namespace fluxmq
