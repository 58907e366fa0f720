// SPDX-License-Identifier: MIT
#include <fluxmq/wakeup.hpp>

#include "support.hpp"

#include <boost/asio/detached.hpp>

#include <atomic>
#include <thread>

namespace fluxmq {
namespace {

using test::Cancellable;
using test::VirtualLoop;

TEST(Wakeup, a_notice_before_the_wait_ends_it) {
    VirtualLoop loop;
    Wakeup wakeup;
    wakeup.notify();
    EXPECT_NO_THROW(loop.run(wakeup.wait()));
}

TEST(Wakeup, notices_are_one_bit_which_the_wait_resets) {
    VirtualLoop loop;
    Wakeup wakeup;
    wakeup.notify();
    wakeup.notify();
    loop.run(wakeup.wait());
    EXPECT_THROW(loop.run(wakeup.wait()), std::logic_error);
}

TEST(Wakeup, resumes_the_waiter_through_its_executor_and_not_inside_notify) {
    VirtualLoop loop;
    Wakeup wakeup;
    Cancellable waiting{loop, wakeup.wait()};
    loop.settle();
    wakeup.notify();
    EXPECT_FALSE(waiting.done);
    loop.settle();
    EXPECT_TRUE(waiting.done);
    EXPECT_EQ(waiting.failure(), std::nullopt);
}

TEST(Wakeup, cancelled_throws_cancelled_and_can_be_waited_for_again) {
    VirtualLoop loop;
    Wakeup wakeup;
    Cancellable waiting{loop, wakeup.wait()};
    loop.settle();
    waiting.cancel();
    loop.settle();
    EXPECT_EQ(waiting.failure(), errc::cancelled);
    wakeup.notify();
    EXPECT_NO_THROW(loop.run(wakeup.wait()));
}

TEST(Wakeup, a_cancellation_after_the_notice_changes_nothing) {
    VirtualLoop loop;
    Wakeup wakeup;
    Cancellable waiting{loop, wakeup.wait()};
    loop.settle();
    boost::asio::post(loop.context(), [&] {
        wakeup.notify();
        waiting.cancel();
    });
    loop.settle();
    EXPECT_TRUE(waiting.done);
    EXPECT_EQ(waiting.failure(), std::nullopt);
}

TEST(Wakeup, destroyed_while_somebody_waits_destroys_the_wait) {
    VirtualLoop loop;
    const auto held = std::make_shared<int>(1);
    {
        Wakeup wakeup;
        loop.spawn([](Wakeup& w, std::shared_ptr<int>) -> Task<> { co_await w.wait(); }(wakeup, held));
        loop.settle();
        EXPECT_EQ(held.use_count(), 2);
    }
    loop.settle(); // coroutines are unwound through their executor
    EXPECT_EQ(held.use_count(), 1);
}

TEST(Wakeup, notices_from_another_thread_are_never_lost) {
    boost::asio::io_context here;
    boost::asio::io_context there;
    Wakeup ping;
    Wakeup pong;
    const auto echo = [](Wakeup& mine, Wakeup& other, int& rounds) -> Task<> {
        for (; rounds < 2000; ++rounds) {
            co_await mine.wait();
            other.notify();
        }
    };
    int pings = 0;
    int pongs = 0;
    boost::asio::co_spawn(here, echo(ping, pong, pings), boost::asio::detached);
    boost::asio::co_spawn(there, echo(pong, ping, pongs), boost::asio::detached);
    std::thread other{[&] { there.run(); }};
    ping.notify();
    here.run();
    other.join();
    EXPECT_EQ(pings, 2000);
    EXPECT_EQ(pongs, 2000);
}

TEST(Wakeup, may_be_destroyed_as_soon_as_its_wait_is_over) {
    boost::asio::io_context context;
    std::atomic<Wakeup*> offered{nullptr};
    std::atomic<bool> over{false};
    boost::asio::co_spawn(
        context,
        [](std::atomic<Wakeup*>& out, std::atomic<bool>& end) -> Task<> {
            for (int i = 0; i < 2000; ++i) {
                const auto wakeup = std::make_unique<Wakeup>();
                out = wakeup.get();
                co_await wakeup->wait();
            }
            end = true;
        }(offered, over),
        boost::asio::detached);
    std::thread notifier{[&] {
        while (!over)
            if (auto* wakeup = offered.exchange(nullptr))
                wakeup->notify();
    }};
    context.run();
    notifier.join();
}

} // namespace
} // namespace fluxmq
