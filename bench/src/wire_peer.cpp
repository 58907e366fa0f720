// SPDX-License-Identifier: MIT
#include "wire_peer.hpp"

#include "bench.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace bench {

namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error{what + ": " + std::strerror(errno)};
}

std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc{})
        throw std::runtime_error{"'" + std::string{text} + "' is not a number"};
    return value;
}

} // namespace

Socket::Socket(std::uint16_t port) : handle_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    const auto address = loopback(port);
    const timeval patience{patience_seconds, 0};
    const int yes = 1;
    ::setsockopt(handle_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(handle_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (::connect(handle_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        ::close(handle_);
        fail("cannot connect to port " + std::to_string(port));
    }
}

Socket::~Socket() { ::close(handle_); }

void Socket::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto count = ::send(handle_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count < 0)
            fail("cannot write to the server");
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
}

bool Socket::read(std::string& into) {
    char part[65'536];
    const auto count = ::recv(handle_, part, sizeof part, 0);
    if (count < 0)
        fail("nothing comes from the server");
    into.append(part, static_cast<std::size_t>(count));
    return count > 0;
}

WirePeer::WirePeer(std::uint16_t port) : socket_{port} {
    next_line(); // INFO
    socket_.write("CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"wire\",\"version\":\"0\"}\r\n");
    wait_for_pong();
}

// Valid until the next call; answers pings by the way.
std::string_view WirePeer::next_line() {
    for (;;) {
        const auto end = in_.find("\r\n", taken_);
        if (end != std::string::npos) {
            const auto line = std::string_view{in_}.substr(taken_, end - taken_);
            taken_ = end + 2;
            if (line != "PING")
                return line;
            socket_.write("PONG\r\n");
            continue;
        }
        in_.erase(0, std::exchange(taken_, 0));
        if (!socket_.read(in_))
            throw std::runtime_error{"the server closed the connection"};
    }
}

void WirePeer::wait_for_pong() {
    socket_.write("PING\r\n");
    if (const auto line = next_line(); line != "PONG")
        throw std::runtime_error{"unexpected from the server: " + std::string{line}};
}

void WirePeer::subscribe(std::string_view topic) {
    socket_.write("SUB " + std::string{topic} + " 1\r\n");
    wait_for_pong();
}

void WirePeer::flood(std::string_view topic, std::uint64_t messages) {
    const auto frame = "PUB " + std::string{topic} + ' ' + std::to_string(payload_size) + "\r\n" +
                       std::string(payload_size, 'x') + "\r\n";
    constexpr std::uint64_t block_size = 256;
    std::string block;
    for (std::uint64_t i = 0; i < block_size; ++i)
        block += frame;
    for (; messages >= block_size; messages -= block_size)
        socket_.write(block);
    socket_.write(std::string_view{block}.substr(0, messages * frame.size()));
    wait_for_pong();
}

// Makes sure that so many bytes wait in in_.
void WirePeer::need(std::size_t bytes) {
    while (in_.size() - taken_ < bytes)
        if (!socket_.read(in_))
            throw std::runtime_error{"the server closed the connection"};
}

// All frames are equally long, so the only thing to look at is whether one is a message or a ping.
void WirePeer::receive(std::string_view topic, std::uint64_t messages) {
    const auto start = "MSG " + std::string{topic} + " 1 " + std::to_string(payload_size) + "\r\n";
    const auto frame = start.size() + payload_size + 2;
    constexpr std::string_view ping = "PING\r\n";
    while (messages > 0) {
        const auto rest = std::string_view{in_}.substr(taken_);
        if (rest.size() >= frame && rest[0] == 'M') {
            taken_ += frame;
            --messages;
        } else if (rest.starts_with(ping)) {
            taken_ += ping.size();
            socket_.write("PONG\r\n");
        } else if (rest.size() >= frame) {
            throw std::runtime_error{"not a message: " + std::string{rest.substr(0, start.size())}};
        } else {
            in_.erase(0, std::exchange(taken_, 0));
            need(in_.size() + 1);
        }
    }
}

std::size_t WirePeer::message_size(std::string_view line) {
    if (!line.starts_with("MSG "))
        throw std::runtime_error{"not a message: " + std::string{line}};
    return number(line.substr(line.rfind(' ') + 1));
}

// MSG topic sid reply size
void WirePeer::echo(std::uint64_t messages) {
    for (std::uint64_t i = 0; i < messages; ++i) {
        const auto line = next_line();
        const auto size = message_size(line);
        const auto reply_at = line.rfind(' ', line.rfind(' ') - 1);
        auto answer = "PUB " + std::string{line.substr(reply_at + 1)} + "\r\n"; // reply and size
        need(size + 2);
        answer.append(in_, taken_, size + 2);
        taken_ += size + 2;
        socket_.write(answer);
    }
}

void WirePeer::request(std::string_view topic, std::string_view reply) {
    socket_.write("PUB " + std::string{topic} + ' ' + std::string{reply} + ' ' +
                  std::to_string(payload_size) + "\r\n" + std::string(payload_size, 'x') + "\r\n");
    const auto size = message_size(next_line());
    need(size + 2);
    taken_ += size + 2;
}

std::uint64_t messages_at_server(std::uint16_t monitoring_port) {
    Socket socket{monitoring_port};
    socket.write("GET /varz HTTP/1.0\r\n\r\n");
    std::string page;
    while (socket.read(page)) {
    }
    constexpr std::string_view key = "\"in_msgs\": ";
    const auto at = page.find(key);
    if (at == std::string::npos)
        throw std::runtime_error{"the server's monitoring does not tell in_msgs"};
    return number(std::string_view{page}.substr(at + key.size()));
}

} // namespace bench
