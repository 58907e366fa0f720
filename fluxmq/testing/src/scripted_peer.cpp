// SPDX-License-Identifier: MIT
#include <fluxmq/testing/scripted_peer.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <stdexcept>

namespace fluxmq::testing {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct ScriptedPeer::State {
    explicit State(const asio::any_io_executor& executor)
        : acceptor{executor, tcp::endpoint{asio::ip::address_v4::loopback(), 0}}, socket{executor} {}

    void check(const error_code& failed, const std::string& doing) const {
        if (failed)
            throw std::runtime_error{"scripted peer, " + doing + ": " + failed.message() +
                                     (received.empty() ? "" : ", with '" + received + "' unread")};
    }

    tcp::acceptor acceptor;
    tcp::socket socket;
    std::string received; // and not yet taken
};

ScriptedPeer::ScriptedPeer(const asio::any_io_executor& executor)
    : state_{std::make_unique<State>(executor)} {}
ScriptedPeer::~ScriptedPeer() = default;

std::uint16_t ScriptedPeer::port() const noexcept {
    error_code ignored;
    return state_->acceptor.local_endpoint(ignored).port();
}

Task<> ScriptedPeer::accept() {
    error_code failed;
    hang_up();
    state_->received.clear();
    co_await state_->acceptor.async_accept(state_->socket, asio::redirect_error(asio::use_awaitable, failed));
    state_->check(failed, "accepting");
    state_->socket.set_option(tcp::no_delay{true}, failed);
}

Task<> ScriptedPeer::send(std::string bytes) {
    error_code failed;
    co_await asio::async_write(state_->socket, asio::buffer(bytes),
                               asio::redirect_error(asio::use_awaitable, failed));
    state_->check(failed, "sending");
}

Task<> ScriptedPeer::send_split(std::string bytes) {
    for (const char byte : bytes) {
        std::string one(1, byte); // g++ 12 takes no braces in an awaited expression
        co_await send(std::move(one));
    }
}

Task<std::string> ScriptedPeer::read_line() {
    error_code failed;
    const auto size =
        co_await asio::async_read_until(state_->socket, asio::dynamic_buffer(state_->received), '\n',
                                        asio::redirect_error(asio::use_awaitable, failed));
    state_->check(failed, "reading a line");
    auto line = state_->received.substr(0, size);
    state_->received.erase(0, size);
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r'))
        line.pop_back();
    co_return line;
}

Task<std::string> ScriptedPeer::expect(std::string prefix) {
    auto line = co_await read_line();
    if (!line.starts_with(prefix))
        throw std::runtime_error{"scripted peer: expected '" + prefix + "', got '" + line + "'"};
    co_return line;
}

Task<std::string> ScriptedPeer::read(std::size_t size) {
    if (state_->received.size() < size) {
        error_code failed;
        co_await asio::async_read(state_->socket, asio::dynamic_buffer(state_->received),
                                  asio::transfer_exactly(size - state_->received.size()),
                                  asio::redirect_error(asio::use_awaitable, failed));
        state_->check(failed, "reading");
    }
    auto bytes = state_->received.substr(0, size);
    state_->received.erase(0, size);
    co_return bytes;
}

Task<std::string> ScriptedPeer::shake_hands() {
    co_await send(info());
    auto connect = co_await expect("CONNECT ");
    co_await expect("PING");
    co_await send("PONG\r\n");
    co_return connect;
}

Task<std::string> ScriptedPeer::read_to_end() {
    error_code failed;
    co_await asio::async_read(state_->socket, asio::dynamic_buffer(state_->received), asio::transfer_all(),
                              asio::redirect_error(asio::use_awaitable, failed));
    if (failed != asio::error::eof && failed != asio::error::connection_reset)
        state_->check(failed, "reading to the end");
    co_return std::exchange(state_->received, {});
}

void ScriptedPeer::hang_up() {
    error_code ignored;
    state_->socket.close(ignored);
}

void ScriptedPeer::stop_listening() {
    error_code ignored;
    hang_up();
    state_->acceptor.close(ignored);
}

std::string ScriptedPeer::info(std::string_view more) {
    return R"(INFO {"server_id":"SCRIPTED","version":"2.9.10","headers":true,"max_payload":1048576)" +
           std::string{more.empty() ? "" : ","} + std::string{more} + "} \r\n";
}

} // namespace fluxmq::testing
