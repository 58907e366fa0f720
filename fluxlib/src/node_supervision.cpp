// SPDX-License-Identifier: MIT
// What becomes of a node that fails, and of a hook that hangs.
#include "node_runtime.hpp"
#include "service_runtime.hpp"
#include "tagged_executor.hpp"

#include <boost/asio/post.hpp>

namespace fluxlib {

namespace asio = boost::asio;
using fluxmq::errc;
using fluxmq::Error;

void NodeRuntime::watch_hooks() {
    const auto limit = supervisor_.policy().hook_timeout;
    if (limit.count() <= 0)
        return;
    const auto half = fluxmq::Clock::duration{limit} / 2;
    watch_timer_ = clock().call_at(clock().now() + half, executor_, [this, limit] {
        watch_->look(limit, clock().now());
        watch_hooks();
    });
}

void NodeRuntime::look_at_hook(std::chrono::milliseconds limit) {
    on_node_loop(
        [watch = watch_, limit, time = service.options().clock] { watch->look(limit, time->now()); });
}

void NodeRuntime::cancel_hook(std::string why) {
    on_node_loop([watch = watch_, why = std::move(why)] { watch->cancel(why); });
}

// The node may have gone when `function` runs.
void NodeRuntime::on_node_loop(std::function<void()> function) {
    if (elsewhere_)
        asio::post(executor_, std::move(function));
    else
        function();
}

// What a cancelled hook has thrown says little.
std::exception_ptr NodeRuntime::as_timeout(std::exception_ptr failure) {
    const auto why = watch_->take_why();
    if (!why || !failure)
        return failure;
    return std::make_exception_ptr(Error{errc::timeout, "it was cancelled, for " + *why});
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
