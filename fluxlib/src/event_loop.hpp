// SPDX-License-Identifier: MIT
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace fluxlib {

/// An event loop, run by one thread: that of a main(), or one of its own. How it runs is decided here, in run(), for
/// all of them.
class EventLoop {
public:
    EventLoop() = default;
    ~EventLoop() { end_thread(); }
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    boost::asio::io_context::executor_type executor() noexcept { return context_.get_executor(); }

    /// Runs what comes, until stop(). Throws what a handler throws.
    void run();
    /// Ends run() before the next handler; what waits stays. Any thread.
    void stop() noexcept { context_.stop(); }

    /// Does run() on a thread of its own.
    void begin_thread();
    /// Ends that when what is ready now has run, and waits for it. Not on that thread.
    void end_thread() noexcept;

    /// The rest without its thread: runs what is ready, and says whether something still waits.
    bool waits();
    /// Destroys what waits; the loop never runs again. Until it is destroyed it may still be posted to, in vain.
    void drop() noexcept { context_.drop(); }

    /// A thread that belongs to no loop says so while it posts to one: the loop may run what it posts, and end, before
    /// the post has returned. Until then no run() returns.
    class Visit {
    public:
        Visit() noexcept;
        ~Visit();
        Visit(const Visit&) = delete;
        Visit& operator=(const Visit&) = delete;
    };

private:
    class Context : public boost::asio::io_context {
    public:
        Context() : io_context{1} {}
        void drop() noexcept { shutdown(); }
    };

    Context context_;
    std::thread thread_;
};

/// The event loops that a service has beside its own.
///
/// Their threads end before the service's own loop does, whether it is told to or not. The loops themselves are kept
/// until that has ended, for timers and the like that refer to them; another service on it may use them again.
class FurtherLoops {
public:
    explicit FurtherLoops(std::size_t count) : loops_(count) {}
    ~FurtherLoops();
    FurtherLoops(const FurtherLoops&) = delete;
    FurtherLoops& operator=(const FurtherLoops&) = delete;

    /// Makes the loops and their threads, unless they run. `own`: the service's loop.
    static void begin(const std::shared_ptr<FurtherLoops>& loops, const boost::asio::any_io_executor& own);
    /// Between begin() and end(). Any thread.
    bool running() const noexcept { return running_; }
    boost::asio::any_io_executor executor(std::size_t index) const { return loops_[index].loop->executor(); }

    /// Waits for the end of the threads; on the service's loop, or when that has ended. Idempotent.
    void end() noexcept;
    /// The same, and runs on this thread what is ready then: when nothing of the service should be left.
    void finish();
    /// After end(): destroys what waits, the coroutines of a user, say.
    void drop() noexcept;

private:
    class Home;
    struct Store;
    struct Each {
        std::unique_ptr<EventLoop> loop;
        bool empty = true; // as far as is known
    };

    std::vector<Each> loops_;
    std::atomic<bool> running_{false};
    std::weak_ptr<Store> store_; // gone with the service's loop
};

} // namespace fluxlib
