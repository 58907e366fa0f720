// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/task.hpp>
#include <fluxmq/testing/virtual_clock.hpp>

#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>

namespace fluxmq::testing {

/// An event loop in virtual time: it runs what is ready, and when nothing is, moves its clock to the next call.
/// One thread, no waiting, the same order at every run: a whole mesh on an InProc bus becomes deterministic, as
/// long as everything in it uses clock() and runs on this loop. It knows nothing of others: time may pass while they
/// work, and a task that waits for them alone counts as one that can never end.
class VirtualLoop {
public:
    VirtualLoop();
    /// Destroys the tasks that still sleep, also when somebody else keeps the clock.
    ~VirtualLoop();
    VirtualLoop(const VirtualLoop&) = delete;
    VirtualLoop& operator=(const VirtualLoop&) = delete;

    const std::shared_ptr<VirtualClock>& clock() const noexcept { return clock_; }
    boost::asio::io_context& context() noexcept { return context_; }
    boost::asio::any_io_executor executor() noexcept { return context_.get_executor(); }

    /// Runs `task` to its end, time passing as it needs, and gives its result or throws what it threw.
    /// Throws std::logic_error when it can never end: nothing is ready and no call is pending.
    template <class T>
    T run(Task<T> task) {
        // Shared with the task, which lives on when something else ends this run.
        const auto result = std::make_shared<std::optional<T>>();
        run_to_end([](Task<T> inner, std::shared_ptr<std::optional<T>> out) -> Task<> {
            out->emplace(co_await std::move(inner));
        }(std::move(task), result));
        return std::move(**result);
    }
    void run(Task<> task) { run_to_end(std::move(task)); }

    /// Starts `task` beside what run() runs; what it throws ends the next run() or settle().
    void spawn(Task<> task);

    /// Runs what is ready now, without letting time pass.
    void settle();

    /// Lets `length` of time pass, running everything that becomes ready on the way.
    void advance(Clock::duration length);

private:
    void run_to_end(Task<> task);
    void rethrow();

    boost::asio::io_context context_{1};
    std::shared_ptr<VirtualClock> clock_;
    std::exception_ptr failure_;
};

} // namespace fluxmq::testing
