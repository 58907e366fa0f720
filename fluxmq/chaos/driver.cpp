// SPDX-License-Identifier: MIT
#include "driver.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace fluxmq::chaos {

using namespace std::chrono_literals;

Driver::Driver(std::function<void()> sample) : sample_{std::move(sample)}, thread_{[this] { io_.run(); }} {}

Driver::~Driver() {
    stop([] {});
}

void Driver::stop(const std::function<void()>& last_words) {
    if (!thread_.joinable())
        return;
    io_.stop();
    thread_.join();
    last_words();
    io_.restart();
    io_.poll();
}

void Driver::pause_until(Time when) {
    for (auto now = std::chrono::steady_clock::now(); now < when; now = std::chrono::steady_clock::now()) {
        std::this_thread::sleep_until(std::min(when, now + 5ms));
        if (now < next_sample_)
            continue;
        next_sample_ = now + 5ms;
        sample_();
    }
}

void Driver::await(const std::function<bool()>& condition, const std::string& what) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline)
            throw Hang{"hangs: waited in vain for " + what};
        pause_until(std::chrono::steady_clock::now() + 1ms);
    }
}

void Driver::complete(Task<> task, const std::string& what) {
    struct End {
        std::atomic<bool> reached{false};
        std::exception_ptr thrown;
    };
    const auto end = std::make_shared<End>();
    boost::asio::co_spawn(io_, std::move(task), [end](std::exception_ptr thrown) {
        end->thrown = thrown;
        end->reached = true;
    });
    await([&] { return end->reached.load(); }, what);
    if (end->thrown)
        std::rethrow_exception(end->thrown);
}

void Driver::spawn(Task<> task, const std::string& what) {
    ++running_;
    boost::asio::co_spawn(io_, std::move(task), [this, what](std::exception_ptr thrown) {
        try {
            if (thrown)
                std::rethrow_exception(thrown);
        } catch (const std::exception& error) {
            const std::lock_guard lock{mutex_};
            failures_.push_back(what + " ended: " + error.what());
        }
        --running_;
    });
}

Violations Driver::failures() const {
    const std::lock_guard lock{mutex_};
    return failures_;
}

} // namespace fluxmq::chaos
