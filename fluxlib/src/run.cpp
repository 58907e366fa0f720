// SPDX-License-Identifier: MIT
#include <fluxlib/task.hpp>

#include "event_loop.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <iostream>
#include <thread>

namespace fluxlib {

namespace asio = boost::asio;

void detail::run_blocking(std::function<void()> work, std::function<void()> tell) {
    static asio::thread_pool pool{std::max(2u, std::thread::hardware_concurrency())};
    asio::post(pool, [work = std::move(work), tell = std::move(tell)] {
        work();
        const EventLoop::Visit visit;
        tell();
    });
}

namespace {

Task<int> zero_after(Task<> app) {
    co_await std::move(app);
    co_return 0;
}

} // namespace

int run(Task<int> app) {
    EventLoop loop;
    std::exception_ptr failure;
    int result = 1;
    asio::co_spawn(loop.executor(), std::move(app), [&](std::exception_ptr thrown, int returned) {
        failure = thrown;
        result = returned;
        loop.stop(); // whatever still waits belongs to what the app has left behind
    });
    loop.run();
    if (!failure)
        return result;
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << '\n';
    } catch (...) {
        std::cerr << "error: something that is not a std::exception was thrown\n";
    }
    return 1;
}

int run(Task<> app) { return run(zero_after(std::move(app))); }

} // namespace fluxlib
