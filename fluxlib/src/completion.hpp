// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/wakeup.hpp>

#include <exception>
#include <utility>

namespace fluxlib {

/// The answer to a command that another coroutine carries out, on another event loop maybe. The failure goes with it:
/// whoever finishes it keeps nothing of that.
struct Completion {
    fluxmq::Wakeup wakeup;
    std::exception_ptr failure;

    void finish(std::exception_ptr thrown = nullptr) noexcept {
        if (thrown)
            failure = std::move(thrown);
        wakeup.notify();
    }

    /// Throws what the command failed with.
    fluxmq::Task<> wait() {
        co_await wakeup.wait();
        if (failure)
            std::rethrow_exception(std::exchange(failure, nullptr));
    }
};

} // namespace fluxlib
