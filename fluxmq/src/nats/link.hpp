// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/error.hpp>
#include <fluxmq/nats.hpp>
#include <fluxmq/task.hpp>

#include "info.hpp"
#include "protocol.hpp"
#include "read_buffer.hpp"
#include "stream.hpp"
#include "url.hpp"

#include <memory>
#include <optional>
#include <utility>

namespace fluxmq::nats {

/// The line to one server, from the first attempt to reach it to its end. It is used for one connection only.
struct Link {
    Link(const boost::asio::any_io_executor& on, Server to)
        : executor{on}, server{std::move(to)}, stream{on} {}

    /// Ends it, whatever runs on it.
    void abandon() noexcept {
        abandoned = true;
        stream.close();
    }

    boost::asio::any_io_executor executor;
    Server server;
    Stream stream;
    ReadBuffer in;
    ServerInfo info; ///< the last one that the server gave
    bool abandoned = false;
    bool leaving = false; ///< its server is about to go
};

/// Connects `link`: TCP, TLS where it is wanted, INFO, CONNECT, and the PONG that says we are in; within
/// NatsOptions::connect_timeout. A failure leaves the link closed; that of a refusal has the server's own words.
/// (handshake.cpp)
Task<std::optional<Error>> open(std::shared_ptr<Link> link, const NatsOptions& options);

} // namespace fluxmq::nats
