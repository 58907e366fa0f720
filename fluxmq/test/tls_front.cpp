// SPDX-License-Identifier: MIT
#include "tls_front.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <thread>

namespace fluxmq::test {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using asio::use_awaitable;
using asio::ip::tcp;

namespace {

using Secure = ssl::stream<tcp::socket>;

template <class From, class To>
asio::awaitable<void> pump(From& from, To& to) {
    std::array<char, 16'384> room{};
    for (;;) {
        const auto size = co_await from.async_read_some(asio::buffer(room), use_awaitable);
        co_await asio::async_write(to, asio::buffer(room.data(), size), use_awaitable);
    }
}

struct Pair {
    Secure client;
    tcp::socket server;

    void close() {
        boost::system::error_code ignored;
        client.lowest_layer().close(ignored);
        server.close(ignored);
    }
};

} // namespace

struct TlsFront::State {
    State(const std::string& certificate_file, const std::string& key_file, std::uint16_t port)
        : server{asio::ip::address_v4::loopback(), port} {
        context.use_certificate_chain_file(certificate_file);
        context.use_private_key_file(key_file, ssl::context::pem);
        asio::co_spawn(io, serve(), asio::detached);
        thread = std::thread{[this] { io.run(); }};
    }

    asio::awaitable<void> serve() {
        for (;;) {
            auto socket = co_await acceptor.async_accept(use_awaitable);
            const auto pair =
                std::make_shared<Pair>(Pair{Secure{std::move(socket), context}, tcp::socket{io}});
            asio::co_spawn(io, carry(pair), asio::detached);
        }
    }

    asio::awaitable<void> carry(std::shared_ptr<Pair> pair) {
        try {
            co_await pair->client.async_handshake(ssl::stream_base::server, use_awaitable);
            co_await pair->server.async_connect(server, use_awaitable);
            asio::co_spawn(io, back(pair), asio::detached);
            co_await pump(pair->client, pair->server);
        } catch (const boost::system::system_error&) {
            pair->close();
        }
    }

    static asio::awaitable<void> back(std::shared_ptr<Pair> pair) {
        try {
            co_await pump(pair->server, pair->client);
        } catch (const boost::system::system_error&) {
            pair->close();
        }
    }

    const tcp::endpoint server;
    ssl::context context{ssl::context::tls_server};
    asio::io_context io{1};
    tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
    std::thread thread;
};

TlsFront::TlsFront(const std::string& certificate_file, const std::string& key_file,
                   std::uint16_t server_port)
    : state_{std::make_unique<State>(certificate_file, key_file, server_port)} {}

TlsFront::~TlsFront() {
    state_->io.stop();
    state_->thread.join();
}

std::string TlsFront::address() const {
    return "127.0.0.1:" + std::to_string(state_->acceptor.local_endpoint().port());
}

} // namespace fluxmq::test
