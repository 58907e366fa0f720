// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/clock.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace fluxmq {

/// An event loop to post to from any thread, which may be gone: then nothing is posted. Thread safety: all members.
class Loop {
public:
    /// Until detach(), which must come before the loop ends.
    void attach(boost::asio::any_io_executor executor) {
        const std::lock_guard lock{mutex_};
        context_ = &boost::asio::query(executor, boost::asio::execution::context);
        executor_.emplace(std::move(executor));
    }
    void detach() noexcept {
        const std::lock_guard lock{mutex_};
        context_ = nullptr;
        executor_.reset();
    }

    /// Its executor, for one who runs on `caller`; nothing when that is this very loop, or when the loop is gone.
    std::optional<boost::asio::any_io_executor> beyond(const boost::asio::any_io_executor& caller) {
        if (context_ == &boost::asio::query(caller, boost::asio::execution::context))
            return std::nullopt;
        const std::lock_guard lock{mutex_};
        return executor_;
    }

    /// Attached to `executor`; its loop detaches it by itself when it ends.
    static std::shared_ptr<Loop> of(const boost::asio::any_io_executor& executor);

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

    /// Runs `function` on the loop when it is `when`, as post() does when that is past. What waits keeps the loop
    /// running for so long.
    void call_at(std::shared_ptr<Clock> clock, Clock::time_point when, std::function<void()> function);

private:
    std::mutex mutex_;
    std::optional<boost::asio::any_io_executor> executor_;
    std::atomic<const boost::asio::execution_context*> context_{nullptr}; // of executor_
};

} // namespace fluxmq
