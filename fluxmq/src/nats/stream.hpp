// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace fluxmq::nats {

/// The bytes to and from one server: plain TCP. The only place that knows sockets, so that TLS has one place to
/// go. Used on its executor; closing it ends what is under way with an error.
class Stream {
public:
    explicit Stream(const boost::asio::any_io_executor& executor) : executor_{executor}, socket_{executor} {}

    /// Looks the host up and connects, anew when it was connected before.
    Task<boost::system::error_code> connect(const std::string& host, std::uint16_t port);

    /// Bytes read; 0 with an error.
    Task<std::size_t> read_some(char* at, std::size_t size, boost::system::error_code& failed);

    Task<boost::system::error_code> write(std::string_view bytes);

    /// `handler(error_code, bytes written)`.
    template <class Handler>
    void async_write_some(std::string_view bytes, Handler handler) {
        socket_.async_write_some(boost::asio::buffer(bytes.data(), bytes.size()), std::move(handler));
    }

    void close() noexcept;

private:
    struct Lookup;

    boost::asio::any_io_executor executor_;
    boost::asio::ip::tcp::socket socket_;
    std::weak_ptr<Lookup> lookup_; // the one under way
    bool closed_ = true;
};

} // namespace fluxmq::nats
