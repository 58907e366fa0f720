// SPDX-License-Identifier: MIT
#include "lifecycle.hpp"

#include "screen.hpp"

#include <spdlog/fmt/fmt.h>

namespace demo {

namespace {

fluxlib::ServiceOptions watcher_options() {
    fluxlib::ServiceOptions options;
    options.handle_signals = false; // it ends last, when told to
    options.subscription_limits.overflow = fluxmq::Overflow::block;
    return options;
}

// The id in a topic such as node.<id>.status.
std::string id_in(std::string_view topic) {
    topic.remove_suffix(topic.size() - topic.rfind('.'));
    return std::string{topic.substr(topic.rfind('.') + 1)};
}

} // namespace

// A service without nodes is a convenient way to listen: it drains its handlers before it ends.
Lifecycle::Lifecycle(std::shared_ptr<fluxmq::Transport> transport, const fluxmq::Topic& topic)
    : service_{"lifecycle", watcher_options()}, begin_{service_.options().clock->now()} {
    service_.attach(std::move(transport), topic);
}

fluxlib::Task<> Lifecycle::watch(std::string service_id) {
    const auto& topic = service_.topic();
    co_await service_.run();
    // g++ 12 destroys a lambda twice that is made inside a co_await expression, so they have names.
    const auto on_service = [this, who = "service " + service_id](const fluxlib::Message& m) {
        print(who, m.text());
    };
    const auto on_node = [this](const fluxlib::Message& m) { print("node " + id_in(m.topic()), m.text()); };
    co_await service_.subscribe_handler(topic.status(service_id), on_service);
    co_await service_.subscribe_handler(topic.node_status("*"), on_node);
}

fluxlib::Task<> Lifecycle::finish() {
    service_.shutdown();
    co_await service_.wait();
}

void Lifecycle::print(const std::string& who, std::string_view what) {
    const std::chrono::duration<double> passed = service_.options().clock->now() - begin_;
    screen().print(fmt::format("[{:>7.3f}] {:<16} {}", passed.count(), who, what));
}

} // namespace demo
