// SPDX-License-Identifier: MIT
#include <fluxmq/testing/virtual_loop.hpp>

#include <boost/asio/co_spawn.hpp>

#include <stdexcept>
#include <utility>

namespace fluxmq::testing {

VirtualLoop::VirtualLoop() : clock_{std::make_shared<VirtualClock>()} {}

VirtualLoop::~VirtualLoop() { clock_->drop_calls(); }

void VirtualLoop::rethrow() {
    if (const auto failure = std::exchange(failure_, nullptr))
        std::rethrow_exception(failure);
}

void VirtualLoop::spawn(Task<> task) {
    boost::asio::co_spawn(context_, std::move(task), [this](std::exception_ptr thrown) {
        if (thrown)
            failure_ = thrown;
    });
}

void VirtualLoop::run_to_end(Task<> task) {
    const auto done = std::make_shared<bool>(false);
    boost::asio::co_spawn(context_, std::move(task), [this, done](std::exception_ptr thrown) {
        *done = true;
        if (thrown)
            failure_ = thrown;
    });
    for (;;) {
        settle();
        if (*done)
            return;
        const auto next = clock_->next();
        if (!next)
            throw std::logic_error{
                "the task can never end: nothing is ready, and no call of the clock is pending"};
        clock_->advance_to(*next);
    }
}

void VirtualLoop::settle() {
    context_.restart();
    while (context_.poll() != 0)
        context_.restart();
    rethrow();
}

void VirtualLoop::advance(Clock::duration length) {
    const auto end = clock_->now() + length;
    settle();
    for (auto next = clock_->next(); next && *next <= end; next = clock_->next()) {
        clock_->advance_to(*next);
        settle();
    }
    clock_->advance_to(end);
    settle();
}

} // namespace fluxmq::testing
