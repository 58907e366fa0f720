// SPDX-License-Identifier: MIT
// What tests of transports share: a loop with a deadline, a receiver that remembers, conditions to await.
#pragma once

#include <fluxmq/error.hpp>
#include <fluxmq/receiver.hpp>
#include <fluxmq/task.hpp>
#include <fluxmq/transport.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace fluxmq::test {

inline constexpr std::chrono::seconds patience{60};

/// Runs the coroutine that `make` gives until it ends; what it throws fails the test, and so does taking for ever.
template <class Make>
void run(Make make, boost::asio::io_context& io) {
    std::exception_ptr thrown;
    bool done = false;
    boost::asio::co_spawn(io, make(), [&](std::exception_ptr error) {
        thrown = error;
        done = true;
    });
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!done && std::chrono::steady_clock::now() < deadline && io.run_one_until(deadline) > 0) {
    }
    if (thrown)
        std::rethrow_exception(thrown);
    if (!done)
        throw std::runtime_error{"the test did not end in time"};
}

template <class Make>
void run(Make make) {
    boost::asio::io_context io{1};
    run(std::move(make), io);
}

/// Waits until `condition` holds, which other coroutines or threads bring about.
inline Task<> until(std::function<bool()> condition, std::string what) {
    boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor};
    const auto deadline = std::chrono::steady_clock::now() + patience / 2;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline)
            throw std::runtime_error{"waited in vain for " + what};
        timer.expires_after(std::chrono::milliseconds{1});
        co_await timer.async_wait(boost::asio::use_awaitable);
    }
}

/// Runs the coroutine that `make` gives on an event loop and a thread of its own; the caller's loop goes on.
inline Task<> elsewhere(std::function<Task<>()> make) {
    std::exception_ptr failure;
    std::atomic<bool> ended{false};
    std::jthread thread{[&] {
        try {
            run(make);
        } catch (...) {
            failure = std::current_exception();
        }
        ended = true;
    }};
    co_await until([&] { return ended.load(); }, "another event loop");
    thread.join();
    if (failure)
        std::rethrow_exception(failure);
}

/// Lets everything run that is ready.
inline Task<> turn() {
    co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
}

/// The Error that `task` ends with; nothing when it succeeds.
template <class T>
Task<std::optional<Error>> failure_of(Task<T> task) {
    try {
        co_await std::move(task);
    } catch (const Error& error) {
        co_return error;
    }
    co_return std::nullopt;
}

/// An operation that runs beside the test's coroutine, on the same loop, and may be cancelled.
class Beside {
public:
    template <class T>
    Beside(boost::asio::any_io_executor executor, Task<T> operation) : state_{std::make_shared<State>()} {
        boost::asio::co_spawn(executor, failure_of(std::move(operation)),
                              boost::asio::bind_cancellation_slot(
                                  state_->signal.slot(),
                                  [state = state_](std::exception_ptr thrown, std::optional<Error> failure) {
                                      state->thrown = thrown;
                                      state->failure = std::move(failure);
                                      state->done = true;
                                  }));
    }

    bool done() const noexcept { return state_->done; }
    void cancel() { state_->signal.emit(boost::asio::cancellation_type::terminal); }

    /// Waits for its end; gives its Error.
    Task<std::optional<Error>> end() {
        co_await until([this] { return done(); }, "the end of an operation");
        if (state_->thrown)
            std::rethrow_exception(state_->thrown);
        co_return state_->failure;
    }

private:
    struct State {
        boost::asio::cancellation_signal signal;
        bool done = false;
        std::exception_ptr thrown;
        std::optional<Error> failure;
    };
    std::shared_ptr<State> state_;
};

/// Runs `operation(0)` to `operation(count - 1)` beside each other until all have ended; none may fail.
inline Task<> at_once(std::size_t count, std::function<Task<>(std::size_t)> operation) {
    const auto executor = co_await boost::asio::this_coro::executor;
    std::vector<Beside> running;
    running.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
        running.emplace_back(executor, operation(i));
    for (auto& each : running) {
        const auto failure = co_await each.end();
        EXPECT_FALSE(failure) << failure->what();
    }
}

template <class Function>
std::optional<errc> kind_thrown_by(Function function) {
    try {
        function();
    } catch (const Error& error) {
        return error.kind();
    }
    return std::nullopt;
}

/// Publishes to `topic` in a thread of its own, as fast as the transport takes it, until it is stopped.
inline std::jthread flood(Transport& transport, std::string topic) {
    return std::jthread{[&transport, name = std::move(topic)](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            kind_thrown_by([&] { // when its buffer is full
                for (int i = 0; i < 50; ++i)
                    transport.publish(name, "x");
            });
            std::this_thread::yield();
        }
    }};
}

/// Remembers what it is offered; as full as a test wants. Thread safety: all members.
class Inbox final : public Receiver {
public:
    explicit Inbox(std::size_t room = SIZE_MAX) : room_{room} {}

    bool offer(Message&& message) noexcept override {
        const std::lock_guard lock{mutex_};
        if (messages_.size() >= room_) {
            ++refusals_;
            return false;
        }
        messages_.push_back(std::move(message));
        if (on_message_)
            on_message_(messages_.back());
        return true;
    }
    void when_ready(std::function<void()> resume) override {
        std::unique_lock lock{mutex_};
        if (messages_.size() >= room_) {
            waiting_.push_back(std::move(resume));
            return;
        }
        lock.unlock();
        resume();
    }

    /// What a test's receiver does besides; a real one only queues.
    void on_message(std::function<void(const Message&)> call) {
        const std::lock_guard lock{mutex_};
        on_message_ = std::move(call);
    }
    void make_room(std::size_t room) {
        std::unique_lock lock{mutex_};
        room_ = room;
        const auto waiting = std::exchange(waiting_, {});
        lock.unlock();
        for (const auto& resume : waiting)
            resume();
    }

    std::size_t size() const {
        const std::lock_guard lock{mutex_};
        return messages_.size();
    }
    /// How often it was too full.
    std::size_t refusals() const {
        const std::lock_guard lock{mutex_};
        return refusals_;
    }
    std::vector<Message> messages() const {
        const std::lock_guard lock{mutex_};
        return messages_;
    }
    std::vector<std::string> texts() const {
        const std::lock_guard lock{mutex_};
        std::vector<std::string> texts;
        for (const auto& message : messages_)
            texts.emplace_back(message.text());
        return texts;
    }
    Message last() const {
        const std::lock_guard lock{mutex_};
        return messages_.empty() ? Message{} : messages_.back();
    }
    void clear() {
        const std::lock_guard lock{mutex_};
        messages_.clear();
    }

    Task<> holds(std::size_t count) {
        co_await until([&] { return size() >= count; },
                       std::to_string(count) + " messages, have " + std::to_string(size()));
    }

private:
    mutable std::mutex mutex_;
    std::size_t room_;
    std::size_t refusals_ = 0;
    std::vector<Message> messages_;
    std::vector<std::function<void()>> waiting_;
    std::function<void(const Message&)> on_message_;
};

/// Answers every request on what it is subscribed to.
class Echo final : public Receiver {
public:
    explicit Echo(Transport& transport) : transport_{transport} {}
    bool offer(Message&& message) noexcept override {
        transport_.respond(message, message.payload());
        return true;
    }
    void when_ready(std::function<void()> resume) override { resume(); }

private:
    Transport& transport_;
};

} // namespace fluxmq::test
