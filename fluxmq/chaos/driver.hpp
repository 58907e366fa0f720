// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/task.hpp>

#include "account.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

namespace fluxmq::chaos {

/// Something did not happen.
struct Hang : std::runtime_error {
    using runtime_error::runtime_error;
};

/// The event loop of a run, in a thread of its own, and the waits of the thread that directs the run: none of them is
/// without an end. Thread safety: spawn(); the rest is for the directing thread.
class Driver {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// Beyond it something hangs.
    static constexpr std::chrono::seconds patience{40};

    /// `sample` is called now and then while the directing thread waits.
    explicit Driver(std::function<void()> sample);
    ~Driver();

    void pause_until(Time when);
    /// Throws Hang.
    void await(const std::function<bool()>& condition, const std::string& what);
    /// Runs `task` on the loop and waits for its end; throws what it throws, or Hang.
    void complete(Task<> task, const std::string& what);

    /// Starts an activity that ends when it sees that it shall.
    void spawn(Task<> task, const std::string& what);
    /// How many of them have not ended.
    int running() const noexcept { return running_; }
    /// What they threw.
    Violations failures() const;

    /// The loop does not go on. Then `last_words` runs, and what it makes ready.
    void stop(const std::function<void()>& last_words);

private:
    const std::function<void()> sample_;
    Time next_sample_{};
    std::atomic<int> running_{0};
    mutable std::mutex mutex_;
    Violations failures_;
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
    std::thread thread_;
};

} // namespace fluxmq::chaos
