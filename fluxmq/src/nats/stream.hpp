// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/task.hpp>
#include <fluxmq/tls.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace fluxmq::nats {

/// Whether an error is of TLS, and not of the connection below it.
bool is_tls(const boost::system::error_code& failed) noexcept;

/// The bytes to and from one server, over TCP and, once secure() has succeeded, TLS. The only place that knows
/// sockets. Used on its executor; closing it ends what is under way with an error. It must outlive its operations.
class Stream {
public:
    explicit Stream(const boost::asio::any_io_executor& executor);
    ~Stream();

    /// Looks the host up and connects. Once.
    Task<boost::system::error_code> connect(const std::string& host, std::uint16_t port);

    /// Goes on with TLS, as a client of a server whose certificate is for `name`. What is wrong otherwise, in words.
    Task<std::optional<std::string>> secure(const TlsOptions& options, const std::string& name);
    bool secured() const noexcept { return tls_ != nullptr; }

    /// Bytes read; 0 with an error.
    Task<std::size_t> read_some(char* at, std::size_t size, boost::system::error_code& failed);

    Task<boost::system::error_code> write(std::string_view bytes);

    /// With the bytes written. One at a time, also while a read is under way.
    using WriteHandler = std::function<void(boost::system::error_code, std::size_t)>;
    void async_write_some(std::string_view bytes, WriteHandler handler);

    void close() noexcept;

private:
    struct Lookup;
    struct Tls;

    boost::asio::any_io_executor executor_;
    boost::asio::ip::tcp::socket socket_;
    std::unique_ptr<Tls> tls_;
    std::weak_ptr<Lookup> lookup_; // the one under way
    bool closed_ = false;
};

} // namespace fluxmq::nats
