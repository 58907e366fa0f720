// SPDX-License-Identifier: MIT
#include "stream.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <utility>
#include <vector>

namespace fluxmq::nats {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

bool is_tls(const error_code& failed) noexcept {
    return failed.category() == asio::error::get_ssl_category() ||
           failed.category() == ssl::error::get_stream_category();
}

// A system's lookup cannot be interrupted, so it is not awaited itself but abandoned when it takes too long.
struct Stream::Lookup {
    explicit Lookup(const asio::any_io_executor& executor)
        : resolver{executor}, done{executor, asio::steady_timer::time_point::max()} {}

    tcp::resolver resolver;
    asio::steady_timer done;
    error_code failed = asio::error::operation_aborted;
    std::vector<tcp::endpoint> endpoints;
};

struct Stream::Tls {
    Tls(tcp::socket& socket, ssl::context configured)
        : context{std::move(configured)}, stream{socket, context} {}

    ssl::context context;
    ssl::stream<tcp::socket&> stream;
};

Stream::Stream(const asio::any_io_executor& executor) : executor_{executor}, socket_{executor} {}
Stream::~Stream() = default;

Task<error_code> Stream::connect(const std::string& host, std::uint16_t port) {
    if (closed_)
        co_return asio::error::operation_aborted;
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

namespace {

// Settings that cannot be used, in words.
std::optional<std::string> configure(ssl::context& context, const TlsOptions& options) {
    error_code failed;
    const auto unusable = [&](const char* what, const std::string& file) {
        return std::string{what} + " '" + file + "' cannot be used: " + failed.message();
    };
    ::SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    context.set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string{}; },
                                  failed); // instead of asking at the terminal
    if (options.insecure_skip_verify)
        context.set_verify_mode(ssl::verify_none);
    else if (options.ca_file.empty())
        context.set_default_verify_paths(failed);
    else if (context.load_verify_file(options.ca_file, failed); failed)
        return unusable("the CA file", options.ca_file);

    if (options.certificate_file.empty() != options.key_file.empty())
        return std::string{"certificate_file and key_file are given together or not at all"};
    if (options.certificate_file.empty())
        return std::nullopt;
    if (context.use_certificate_chain_file(options.certificate_file, failed); failed)
        return unusable("the certificate file", options.certificate_file);
    if (context.use_private_key_file(options.key_file, ssl::context::pem, failed); failed)
        return unusable("the key file", options.key_file);
    return std::nullopt;
}

// Says whom we want, and expects a certificate for it.
void expect_name(ssl::stream<tcp::socket&>& stream, const std::string& name, bool verify) {
    auto* handle = stream.native_handle();
    auto* parameters = ::SSL_get0_param(handle);
    error_code no_address;
    asio::ip::make_address(name, no_address);
    if (no_address) {
        SSL_set_tlsext_host_name(handle, name.c_str());
        ::X509_VERIFY_PARAM_set1_host(parameters, name.c_str(), name.size());
    } else {
        ::X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str());
    }
    stream.set_verify_mode(verify ? ssl::verify_peer : ssl::verify_none);
}

} // namespace

Task<std::optional<std::string>> Stream::secure(const TlsOptions& options, const std::string& name) {
    ssl::context context{ssl::context::tls_client};
    if (auto problem = configure(context, options))
        co_return problem;
    tls_ = std::make_unique<Tls>(socket_, std::move(context));
    expect_name(tls_->stream, name, !options.insecure_skip_verify);
    error_code failed;
    co_await tls_->stream.async_handshake(ssl::stream_base::client,
                                          asio::redirect_error(asio::use_awaitable, failed));
    if (!failed)
        co_return std::nullopt;
    const auto verified =
        options.insecure_skip_verify ? X509_V_OK : ::SSL_get_verify_result(tls_->stream.native_handle());
    if (verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH)
        co_return "the server's certificate is not for '" + name + "'";
    if (verified != X509_V_OK)
        co_return std::string{"the server's certificate is not accepted: "} +
            ::X509_verify_cert_error_string(verified);
    co_return "the TLS handshake failed: " + failed.message();
}

Task<std::size_t> Stream::read_some(char* at, std::size_t size, error_code& failed) {
    const auto room = asio::buffer(at, size);
    auto token = asio::redirect_error(asio::use_awaitable, failed);
    if (!tls_)
        co_return co_await socket_.async_read_some(room, token);
    const auto count = co_await tls_->stream.async_read_some(room, token);
    if (failed == ssl::error::stream_truncated) // servers just close
        failed = asio::error::eof;
    co_return count;
}

Task<error_code> Stream::write(std::string_view bytes) {
    const auto buffer = asio::buffer(bytes.data(), bytes.size());
    error_code failed;
    auto token = asio::redirect_error(asio::use_awaitable, failed);
    if (tls_)
        co_await asio::async_write(tls_->stream, buffer, token);
    else
        co_await asio::async_write(socket_, buffer, token);
    co_return failed;
}

void Stream::async_write_some(std::string_view bytes, WriteHandler handler) {
    const auto buffer = asio::buffer(bytes.data(), bytes.size());
    if (tls_)
        tls_->stream.async_write_some(buffer, std::move(handler));
    else
        socket_.async_write_some(buffer, std::move(handler));
}

void Stream::close() noexcept {
    closed_ = true;
    error_code ignored;
    socket_.close(ignored);
    if (const auto lookup = lookup_.lock())
        lookup->done.cancel();
}

} // namespace fluxmq::nats
