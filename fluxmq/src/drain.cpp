// SPDX-License-Identifier: MIT
#include "drain.hpp"

#include <fluxmq/error.hpp>

#include "loop.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace fluxmq {

namespace asio = boost::asio;

namespace {

// The event loop owns the wait, so that it takes the coroutine with it.
struct Signal {
    explicit Signal(const asio::any_io_executor& executor)
        : timer{executor, asio::steady_timer::time_point::max()} {}

    void raise() {
        raised = true;
        timer.cancel();
    }

    bool raised = false;
    asio::steady_timer timer;
};

} // namespace

Task<std::uint64_t> wait_idle(std::shared_ptr<Receiver> receiver, std::shared_ptr<Clock> clock,
                              Clock::time_point deadline) {
    const auto executor = co_await asio::this_coro::executor;
    const auto signal = std::make_shared<Signal>(executor);
    const auto loop = Loop::of(executor);
    const std::function<void()> raise = [loop, weak = std::weak_ptr{signal}] {
        loop->post([weak] {
            if (const auto waiting = weak.lock())
                waiting->raise();
        });
    };
    const auto timer = clock->call_at(deadline, executor, raise);
    receiver->when_idle(raise);
    boost::system::error_code ended;
    if (!signal->raised)
        co_await signal->timer.async_wait(asio::redirect_error(asio::use_awaitable, ended));
    if (!signal->raised)
        throw Error{errc::cancelled, "the drain was cancelled"};
    co_return receiver->pending();
}

} // namespace fluxmq
