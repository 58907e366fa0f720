// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/wakeup.hpp>

#include <exception>

namespace fluxlib {

/// The answer to a command that another coroutine carries out.
struct Completion {
    fluxmq::Wakeup wakeup;
    std::exception_ptr failure;

    void finish(std::exception_ptr thrown = nullptr) noexcept {
        if (thrown)
            failure = thrown;
        wakeup.notify();
    }

    /// Throws what the command failed with.
    fluxmq::Task<> wait() {
        co_await wakeup.wait();
        if (failure)
            std::rethrow_exception(failure);
    }
};

} // namespace fluxlib
