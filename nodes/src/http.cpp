// SPDX-License-Identifier: MIT
#include "http.hpp"

#include <fluxmq/error.hpp>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include <algorithm>

namespace flux_stock {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::use_awaitable;
using fluxlib::Task;
using fluxmq::errc;
using fluxmq::Error;

Url parse_url(std::string_view text) {
    const auto bad = [&](const std::string& why) {
        throw Error{errc::invalid_settings, "'" + std::string{text} + "' " + why};
    };
    Url url;
    auto rest = text;
    if (rest.starts_with("https://"))
        url.secure = true;
    else if (!rest.starts_with("http://"))
        bad("does not begin with http:// or https://");
    rest.remove_prefix(url.secure ? 8 : 7);
    if (std::any_of(rest.begin(), rest.end(), [](unsigned char c) { return c <= ' ' || c == 0x7f; }))
        bad("has a space or a control character");
    const auto end = std::min(rest.find_first_of("/?#"), rest.size());
    auto authority = rest.substr(0, end);
    rest.remove_prefix(end);
    rest = rest.substr(0, rest.find('#'));
    url.target = (rest.starts_with('/') ? "" : "/") + std::string{rest};
    if (authority.find('@') != std::string_view::npos)
        bad("has a user; use an Authorization header");
    // A literal IPv6 address has brackets for the sake of its colons.
    const auto address_end = authority.starts_with('[') ? authority.find(']') : std::string_view::npos;
    const auto colon =
        address_end == std::string_view::npos ? authority.find(':') : authority.find(':', address_end);
    url.host = authority.substr(0, colon);
    if (address_end != std::string_view::npos)
        url.host = authority.substr(1, address_end - 1);
    if (url.host.empty() || url.host.starts_with('['))
        bad("has no host");
    url.port = url.secure ? "443" : "80";
    if (colon != std::string_view::npos) {
        url.port = authority.substr(colon + 1);
        const bool digits =
            !url.port.empty() && url.port.size() <= 5 &&
            std::all_of(url.port.begin(), url.port.end(), [](char c) { return c >= '0' && c <= '9'; });
        if (!digits || std::stoi(url.port) < 1 || std::stoi(url.port) > 65'535)
            bad("has no port between 1 and 65535 after the colon");
    }
    return url;
}

namespace {

using Request = http::request<http::string_body>;

std::string name_of(const HttpRequest& request) {
    const auto& url = request.url;
    return std::string{request.post ? "POST " : "GET "} + (url.secure ? "https://" : "http://") + url.host +
           ":" + url.port + url.target;
}

[[noreturn]] void fail(const HttpRequest& request, const boost::system::error_code& code) {
    auto kind = errc::connect_failed;
    auto why = code.message();
    if (code == beast::error::timeout) {
        kind = errc::timeout;
        why = "no answer within " + std::to_string(request.timeout.count()) + " ms";
    } else if (code == http::error::body_limit) {
        kind = errc::payload_too_large;
        why = "the answer has more than " + std::to_string(request.max_body) + " bytes";
    } else if (code.category() == asio::error::get_ssl_category() ||
               code.category() == asio::ssl::error::get_stream_category()) {
        kind = errc::tls_failed;
    } else if (code.category() == make_error_code(http::error::bad_method).category()) {
        kind = errc::protocol_error;
    }
    throw Error{kind, name_of(request) + ": " + why};
}

Request make_request(const HttpRequest& request) {
    const auto& url = request.url;
    Request message{request.post ? http::verb::post : http::verb::get, url.target, 11};
    const bool default_port = url.port == (url.secure ? "443" : "80");
    const auto host = url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
    message.set(http::field::host, default_port ? host : host + ":" + url.port);
    message.set(http::field::user_agent, "fluxlib");
    message.set(http::field::connection, "close");
    for (const auto& [name, value] : request.headers)
        message.set(name, value);
    message.body() = request.body;
    message.prepare_payload();
    return message;
}

template <class Stream>
Task<std::string> exchange(Stream& stream, const HttpRequest& request) {
    auto& socket = beast::get_lowest_layer(stream);
    const auto message = make_request(request);
    socket.expires_after(request.timeout);
    co_await http::async_write(stream, message, use_awaitable);
    http::response_parser<http::string_body> parser;
    parser.body_limit(request.max_body);
    beast::flat_buffer buffer;
    socket.expires_after(request.timeout);
    co_await http::async_read(stream, buffer, parser, use_awaitable);
    auto& answer = parser.get();
    if (http::to_status_class(answer.result()) != http::status_class::successful)
        throw Error{errc::protocol_error, name_of(request) + ": the answer is " +
                                              std::to_string(answer.result_int()) + " " +
                                              std::string{answer.reason()}};
    co_return std::move(answer.body());
}

Task<> connect(beast::tcp_stream& socket, const HttpRequest& request) {
    asio::ip::tcp::resolver resolver{socket.get_executor()};
    const auto addresses = co_await resolver.async_resolve(request.url.host, request.url.port, use_awaitable);
    socket.expires_after(request.timeout);
    co_await socket.async_connect(addresses, use_awaitable);
}

Task<std::string> send_plain(const HttpRequest& request) {
    beast::tcp_stream socket{co_await asio::this_coro::executor};
    co_await connect(socket, request);
    co_return co_await exchange(socket, request);
}

Task<std::string> send_secure(const HttpRequest& request) {
    asio::ssl::context tls{asio::ssl::context::tls_client};
    tls.set_default_verify_paths();
    beast::ssl_stream<beast::tcp_stream> stream{co_await asio::this_coro::executor, tls};
    stream.set_verify_mode(asio::ssl::verify_peer);
    stream.set_verify_callback(asio::ssl::host_name_verification{request.url.host});
    SSL_set_tlsext_host_name(stream.native_handle(), request.url.host.c_str());
    co_await connect(beast::get_lowest_layer(stream), request);
    beast::get_lowest_layer(stream).expires_after(request.timeout);
    co_await stream.async_handshake(asio::ssl::stream_base::client, use_awaitable);
    co_return co_await exchange(stream, request);
}

} // namespace

Task<std::string> send_http(HttpRequest request) {
    boost::system::error_code failure;
    try {
        if (request.url.secure)
            co_return co_await send_secure(request);
        co_return co_await send_plain(request);
    } catch (const Error&) {
        throw;
    } catch (const boost::system::system_error& error) {
        failure = error.code();
    }
    fail(request, failure);
}

} // namespace flux_stock
