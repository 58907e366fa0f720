// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/clock.hpp>
#include <fluxmq/message.hpp>
#include <fluxmq/nats.hpp>

#include "link.hpp"
#include "server_pool.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace fluxmq {

/// All of a connection that touches its event loop. It lives in the frame of the one coroutine that runs the
/// connection, so that it goes when that ends, or with the event loop.
struct Nats::Session {
    Session(std::shared_ptr<Impl> owner, boost::asio::any_io_executor on, std::vector<nats::Server> all);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// Waits for notify(); whoever waits looks again at what it waits for. The event loop owns the wait, so that
    /// it takes this coroutine with it.
    Task<> wait();
    void notify() noexcept;
    /// Waits, unless it is stopped or late.
    Task<> pause(Clock::duration length);

    /// Ends the connection and this session with it.
    void stop() noexcept;
    /// Ends the connection only.
    void lose(std::string why) noexcept;
    /// The first connection was not made in time.
    void expire() noexcept;

    std::shared_ptr<Impl> impl;
    boost::asio::any_io_executor executor;
    nats::ServerPool pool;
    std::shared_ptr<nats::Link> link;      ///< of the present connection, or the one just lost
    std::shared_ptr<nats::Link> opening;   ///< one that is being connected in its place
    std::shared_ptr<nats::Link> moving;    ///< one that is being connected while the present one lasts
    std::shared_ptr<nats::Link> successor; ///< connected: takes over when the present one has been left

    bool stopping = false;
    bool late = false;
    bool writing = false;
    int pings_out = 0; ///< signs of life asked for since the last one came
    Timer ping_timer;
    Timer move_timer;
    bool moved = false;      ///< the present connection was left with nothing on the way
    std::string lost_reason; ///< why we gave the connection up; empty when it broke by itself

    /// The subscription whose receiver had no room for `refused`; 0: none. Until it has, nothing is read.
    std::uint64_t stalled = 0;
    Message refused;

private:
    boost::asio::steady_timer signal_;
    bool signalled_ = false;
};

} // namespace fluxmq
