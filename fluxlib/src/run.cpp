// SPDX-License-Identifier: MIT
#include <fluxlib/task.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <thread>

namespace fluxlib {

namespace asio = boost::asio;

namespace {

// Threads that post to an event loop now. The loop may run what they post, and end, before they have returned.
std::atomic<int> telling{0};

} // namespace

void detail::run_blocking(std::function<void()> work, std::function<void()> tell) {
    static asio::thread_pool pool{std::max(2u, std::thread::hardware_concurrency())};
    asio::post(pool, [work = std::move(work), tell = std::move(tell)] {
        work();
        telling.fetch_add(1);
        tell();
        telling.fetch_sub(1);
    });
}

int run(Task<> app) {
    asio::io_context loop{1};
    std::exception_ptr failure;
    asio::co_spawn(loop, std::move(app), [&](std::exception_ptr thrown) {
        failure = thrown;
        loop.stop(); // whatever still waits belongs to what the app has left behind
    });
    loop.run();
    while (telling.load() != 0)
        std::this_thread::yield();
    if (!failure)
        return 0;
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << '\n';
    } catch (...) {
        std::cerr << "error: something that is not a std::exception was thrown\n";
    }
    return 1;
}

} // namespace fluxlib
