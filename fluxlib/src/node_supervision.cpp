// SPDX-License-Identifier: MIT
// What becomes of a node that fails, and of a hook that hangs.
#include "node_runtime.hpp"
#include "service_runtime.hpp"
#include "tagged_executor.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

namespace fluxlib {

namespace asio = boost::asio;
using fluxmq::errc;
using fluxmq::Error;

// Looks now and then whether the node is still at the same hook. It belongs to the node's loop.
struct NodeRuntime::Watchdog {
    asio::cancellation_signal signal;
    fluxmq::Timer timer;
    std::uint64_t last_seen = 0;
    int seen = 0;       // so many times in a row
    bool fired = false; // the present hook was cancelled
};

void NodeRuntime::spawn_loop(std::function<void(std::exception_ptr, bool)> ended) {
    if (supervisor_.policy().hook_timeout.count() <= 0) {
        asio::co_spawn(with_tag(executor_, this), loop(), std::move(ended));
        return;
    }
    watchdog_ = std::make_shared<Watchdog>();
    const auto slot = watchdog_->signal.slot();
    asio::co_spawn(with_tag(executor_, this), loop(), asio::bind_cancellation_slot(slot, std::move(ended)));
    watch_hooks();
}

void NodeRuntime::watch_hooks() {
    const auto now = clock().now();
    watchdog_->timer =
        clock().call_at(now + supervisor_.policy().hook_timeout / 2, executor_, [this] { look_at_hook(); });
}

void NodeRuntime::look_at_hook() {
    auto& dog = *watchdog_;
    const bool same = hook_runs_ && hooks_begun_ == dog.last_seen;
    dog.seen = same ? dog.seen + 1 : 0;
    dog.last_seen = hooks_begun_;
    watch_hooks();
    if (dog.seen < 2)
        return;
    dog.fired = true;
    dog.signal.emit(asio::cancellation_type::terminal);
}

// What a cancelled hook has thrown says little.
std::exception_ptr NodeRuntime::as_timeout(std::exception_ptr failure) {
    if (!watchdog_ || !std::exchange(watchdog_->fired, false) || !failure)
        return failure;
    return std::make_exception_ptr(
        Error{errc::timeout, "it was cancelled, for it took longer than " +
                                 std::to_string(supervisor_.policy().hook_timeout.count()) + " ms"});
}

// The node has come to rest; `by_itself`: it was one of its own hooks that stopped it.
void NodeRuntime::settle_after(NodeState state, bool by_itself) {
    const bool failed = state == NodeState::error;
    if (state == NodeState::started)
        return;
    if (!silenced_ && (failed || (state == NodeState::stopped && by_itself))) {
        if (const auto pause = supervisor_.pause_after(failed, clock().now())) {
            restart_in(*pause);
            return;
        }
        if (supervisor_.given_up()) {
            const auto& policy = supervisor_.policy();
            const auto text = "node '" + id + "' was restarted " + std::to_string(policy.most_restarts) +
                              " times within " + std::to_string(policy.window.count()) +
                              " ms and failed again: it stays as it is until it is started";
            logger().error("{}", text);
            service.runtime_->publish_error(text);
        }
    }
    if (failed)
        set_gates(fluxmq::Inlet::Gate::not_started);
}

// Messages wait for it meanwhile.
void NodeRuntime::restart_in(fluxmq::Clock::duration pause) {
    const auto length = std::chrono::duration_cast<std::chrono::milliseconds>(pause);
    logger().warn("node '{}' is started again in {} ms", id, length.count());
    set_gates(fluxmq::Inlet::Gate::open);
    mailbox_->hold(true);
    restart_timer_ = clock().call_at(clock().now() + pause, executor_, [this] {
        mailbox_->post([this]() -> Task<> {
            if (lifecycle != NodeState::error && lifecycle != NodeState::stopped)
                co_return;
            auto done = std::make_shared<Completion>();
            co_await execute(NodeCommand::start, done, true);
        });
    });
}

} // namespace fluxlib
