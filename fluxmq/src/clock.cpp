// SPDX-License-Identifier: MIT
#include <fluxmq/clock.hpp>

#include <fluxmq/error.hpp>
#include <fluxmq/wakeup.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <utility>

namespace fluxmq {

namespace {

class RealClock final : public Clock {
public:
    time_point now() const noexcept override { return std::chrono::steady_clock::now(); }

    Timer call_at(time_point when, boost::asio::any_io_executor executor,
                  std::function<void()> call) override {
        return Timer{std::make_unique<Call>(when, executor, std::move(call))};
    }

private:
    // The wait owns the call, and this only refers to it: a coroutine that sleeps owns its Timer, and the call
    // owns the coroutine, so an owner here would close a circle that outlives the event loop.
    class Call final : public Timer::Pending {
    public:
        Call(time_point when, const boost::asio::any_io_executor& executor, std::function<void()> call)
            : timer_{executor, when} {
            auto shared = std::make_shared<std::function<void()>>(std::move(call));
            call_ = shared;
            timer_.async_wait([shared = std::move(shared)](boost::system::error_code failed) {
                // Moved out first: the call may destroy or replace its own Timer.
                if (const auto due = failed ? nullptr : std::exchange(*shared, nullptr))
                    due();
            });
        }

        // The wait may be over and its handler queued already, where cancelling cannot reach it.
        ~Call() override {
            if (const auto call = call_.lock())
                *call = nullptr;
        }

    private:
        boost::asio::steady_timer timer_;
        std::weak_ptr<std::function<void()>> call_;
    };
};

} // namespace

Task<> Clock::sleep_until(time_point when) {
    const auto executor = co_await boost::asio::this_coro::executor;
    auto done = std::make_shared<Wakeup>();
    auto* wakeup = done.get();    // the call owns it, see RealClock::Call
    std::shared_ptr<Wakeup> kept; // from then on we do: a cancellation may still come before we go on
    const auto timer = call_at(when, executor, [done = std::move(done), &kept] {
        kept = done;
        done->notify();
    });
    co_await wakeup->wait();
}

Task<> Clock::sleep_for(duration length) { return sleep_until(now() + length); }

std::shared_ptr<Clock> Clock::real() {
    static const auto instance = std::make_shared<RealClock>();
    return instance;
}

} // namespace fluxmq
