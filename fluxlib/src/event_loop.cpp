// SPDX-License-Identifier: MIT
#include "event_loop.hpp"

#include <boost/asio/execution_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>

#include <algorithm>

namespace fluxlib {

namespace asio = boost::asio;

// --- EventLoop -----------------------------------------------------------------------------------------------

namespace {

std::atomic<int> visitors{0};

} // namespace

EventLoop::Visit::Visit() noexcept { visitors.fetch_add(1); }
EventLoop::Visit::~Visit() { visitors.fetch_sub(1); }

void EventLoop::run() {
    const auto work = asio::make_work_guard(context_);
    context_.run();
    while (visitors.load() != 0)
        std::this_thread::yield();
}

void EventLoop::begin_thread() {
    context_.restart();
    thread_ = std::thread{[this] { run(); }};
}

void EventLoop::end_thread() noexcept {
    if (!thread_.joinable())
        return;
    asio::post(context_, [this] { stop(); });
    thread_.join();
}

bool EventLoop::waits() {
    context_.restart();
    context_.poll();
    return !context_.stopped(); // which it is by itself when there is no more work
}

// --- FurtherLoops --------------------------------------------------------------------------------------------

struct FurtherLoops::Store {
    std::vector<std::unique_ptr<EventLoop>> empty; // for the next service
    std::vector<std::unique_ptr<EventLoop>> spent;
};

// Belongs to a service's own loop, and goes with it.
class FurtherLoops::Home final : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    explicit Home(asio::execution_context& context) : service{context} {}

    void take_in(const std::shared_ptr<FurtherLoops>& loops) {
        const std::lock_guard lock{mutex_};
        std::erase_if(all_, [](const auto& weak) { return weak.expired(); });
        all_.push_back(loops);
    }
    const std::shared_ptr<Store>& store() const noexcept { return store_; }

private:
    // The loop ends. What still waits on it is destroyed after this, and may belong to a further loop: so these stay
    // until that is over and this itself is destroyed.
    void shutdown() override {
        const std::lock_guard lock{mutex_};
        for (const auto& weak : all_)
            if (const auto loops = weak.lock())
                loops->end();
    }

    std::mutex mutex_;
    std::vector<std::weak_ptr<FurtherLoops>> all_;
    const std::shared_ptr<Store> store_ = std::make_shared<Store>();
};

FurtherLoops::~FurtherLoops() {
    end();
    if (const auto store = store_.lock())
        for (auto& [loop, empty] : loops_)
            if (loop)
                (empty ? store->empty : store->spent).push_back(std::move(loop));
}

void FurtherLoops::begin(const std::shared_ptr<FurtherLoops>& loops, const asio::any_io_executor& own) {
    if (loops->running_)
        return;
    auto& home = asio::use_service<Home>(asio::query(own, asio::execution::context));
    home.take_in(loops);
    loops->store_ = home.store();
    auto& reusable = home.store()->empty;
    for (auto& each : loops->loops_) {
        if (!each.loop && !reusable.empty()) {
            each.loop = std::move(reusable.back());
            reusable.pop_back();
        } else if (!each.loop) {
            each.loop = std::make_unique<EventLoop>();
        }
        each.empty = false;
    }
    loops->running_ = true;
    try {
        for (const auto& each : loops->loops_)
            each.loop->begin_thread();
    } catch (...) { // the system gives no more threads
        loops->end();
        throw;
    }
}

void FurtherLoops::end() noexcept {
    if (!running_.exchange(false))
        return;
    for (const auto& each : loops_)
        each.loop->end_thread();
}

void FurtherLoops::finish() {
    end();
    for (auto& [loop, empty] : loops_)
        empty = !loop || !loop->waits();
}

void FurtherLoops::drop() noexcept {
    for (const auto& [loop, empty] : loops_)
        if (loop && !empty)
            loop->drop();
}

} // namespace fluxlib
