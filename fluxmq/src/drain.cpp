// SPDX-License-Identifier: MIT
#include "drain.hpp"

#include <fluxmq/wakeup.hpp>

#include <boost/asio/this_coro.hpp>

namespace fluxmq {

Task<std::uint64_t> wait_idle(std::shared_ptr<Receiver> receiver, std::shared_ptr<Clock> clock,
                              Clock::time_point deadline) {
    const auto executor = co_await boost::asio::this_coro::executor;
    const auto over = std::make_shared<Wakeup>();
    const std::function<void()> notify = [weak = std::weak_ptr{over}] {
        if (const auto waiting = weak.lock())
            waiting->notify();
    };
    const auto timer = clock->call_at(deadline, executor, notify);
    receiver->when_idle(notify);
    co_await over->wait();
    co_return receiver->pending();
}

} // namespace fluxmq
