// SPDX-License-Identifier: MIT
#include "loop.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/execution_context.hpp>

#include <vector>

namespace fluxmq {

namespace asio = boost::asio;

namespace {

// An event loop tells its services when it ends.
class Ending final : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    explicit Ending(asio::execution_context& context) : service{context} {}

    void detach_at_end(const std::shared_ptr<Loop>& loop) {
        const std::lock_guard lock{mutex_};
        std::erase_if(loops_, [](const auto& weak) { return weak.expired(); });
        loops_.push_back(loop);
    }

private:
    void shutdown() override {
        const std::lock_guard lock{mutex_};
        for (const auto& weak : loops_)
            if (const auto loop = weak.lock())
                loop->detach();
    }

    std::mutex mutex_;
    std::vector<std::weak_ptr<Loop>> loops_;
};

Task<> sleep_then(std::shared_ptr<Clock> clock, Clock::time_point when, std::function<void()> function) {
    co_await clock->sleep_until(when);
    function();
}

} // namespace

std::shared_ptr<Loop> Loop::of(const asio::any_io_executor& executor) {
    auto loop = std::make_shared<Loop>();
    auto& context = asio::query(executor, asio::execution::context);
    asio::use_service<Ending>(context).detach_at_end(loop);
    loop->attach(executor);
    return loop;
}

void Loop::call_at(std::shared_ptr<Clock> clock, Clock::time_point when, std::function<void()> function) {
    if (when <= clock->now()) {
        post(std::move(function));
        return;
    }
    const std::lock_guard lock{mutex_};
    if (executor_)
        asio::co_spawn(*executor_, sleep_then(std::move(clock), when, std::move(function)), asio::detached);
}

} // namespace fluxmq
