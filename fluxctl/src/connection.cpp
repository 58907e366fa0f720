// SPDX-License-Identifier: MIT
#include "connection.hpp"

#include <chrono>

namespace fluxctl {

fluxlib::Task<std::shared_ptr<fluxmq::Nats>> connect(const Context& context, WhenLost when_lost) {
    const auto transport = std::make_shared<fluxmq::Nats>();
    fluxmq::NatsOptions options;
    options.name = "fluxctl";
    options.connect_timeout = std::chrono::milliseconds{2500};
    options.connect_deadline = options.connect_timeout; // for all servers of the URL
    options.max_reconnect_attempts = when_lost == WhenLost::close ? 0 : -1;
    co_await transport->connect(context.server, options);
    co_return transport;
}

} // namespace fluxctl
