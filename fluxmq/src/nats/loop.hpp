// SPDX-License-Identifier: MIT
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>

#include <mutex>
#include <optional>
#include <utility>

namespace fluxmq::nats {

/// The executor of a connection, for any thread: there while the connection lives, and gone before its event
/// loop is.
class Loop {
public:
    void attach(boost::asio::any_io_executor executor) {
        const std::lock_guard lock{mutex_};
        executor_.emplace(std::move(executor));
    }
    void detach() noexcept {
        const std::lock_guard lock{mutex_};
        executor_.reset();
    }
    /// Runs `function` on the loop. False, and nothing happens, when that is gone or there is no memory.
    template <class Function>
    bool post(Function function) noexcept {
        try {
            const std::lock_guard lock{mutex_};
            if (executor_)
                boost::asio::post(*executor_, std::move(function));
            return executor_.has_value();
        } catch (...) {
            return false;
        }
    }

private:
    std::mutex mutex_;
    std::optional<boost::asio::any_io_executor> executor_;
};

} // namespace fluxmq::nats
