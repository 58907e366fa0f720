// SPDX-License-Identifier: MIT
#include "stream.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <vector>

namespace fluxmq::nats {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// A system's lookup cannot be interrupted, so it is not awaited itself but abandoned when it takes too long.
struct Stream::Lookup {
    explicit Lookup(const asio::any_io_executor& executor)
        : resolver{executor}, done{executor, asio::steady_timer::time_point::max()} {}

    tcp::resolver resolver;
    asio::steady_timer done;
    error_code failed = asio::error::operation_aborted;
    std::vector<tcp::endpoint> endpoints;
};

Task<error_code> Stream::connect(const std::string& host, std::uint16_t port) {
    close();
    closed_ = false;
    std::vector<tcp::endpoint> endpoints;
    error_code failed;
    if (const auto address = asio::ip::make_address(host, failed); !failed) {
        endpoints.emplace_back(address, port);
    } else {
        const auto lookup = std::make_shared<Lookup>(executor_);
        lookup_ = lookup;
        lookup->resolver.async_resolve(
            host, std::to_string(port), tcp::resolver::numeric_service,
            [weak = std::weak_ptr{lookup}](error_code failed, const tcp::resolver::results_type& results) {
                const auto lookup = weak.lock();
                if (!lookup)
                    return;
                lookup->failed = failed;
                for (const auto& result : results)
                    lookup->endpoints.push_back(result.endpoint());
                lookup->done.cancel();
            });
        error_code ignored;
        co_await lookup->done.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        if (closed_)
            co_return asio::error::operation_aborted;
        if (lookup->failed)
            co_return lookup->failed;
        endpoints = lookup->endpoints;
    }

    co_await asio::async_connect(
        socket_, endpoints, [this](const error_code&, const tcp::endpoint&) { return !closed_; },
        asio::redirect_error(asio::use_awaitable, failed));
    if (closed_)
        co_return asio::error::operation_aborted;
    if (failed)
        co_return failed;
    // A port of this machine on which nobody listens may get connected to itself while we keep trying.
    error_code ignored;
    if (socket_.local_endpoint(ignored) == socket_.remote_endpoint(ignored)) {
        close();
        co_return asio::error::connection_refused;
    }
    socket_.set_option(tcp::no_delay{true}, ignored);
    co_return error_code{};
}

Task<std::size_t> Stream::read_some(char* at, std::size_t size, error_code& failed) {
    co_return co_await socket_.async_read_some(asio::buffer(at, size),
                                               asio::redirect_error(asio::use_awaitable, failed));
}

Task<error_code> Stream::write(std::string_view bytes) {
    error_code failed;
    co_await asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()),
                               asio::redirect_error(asio::use_awaitable, failed));
    co_return failed;
}

void Stream::close() noexcept {
    closed_ = true;
    error_code ignored;
    socket_.close(ignored);
    if (const auto lookup = lookup_.lock())
        lookup->done.cancel();
}

} // namespace fluxmq::nats
