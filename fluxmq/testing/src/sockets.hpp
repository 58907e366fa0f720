// SPDX-License-Identifier: MIT
// Sockets on this machine, for the helpers that do without an event loop.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <random>
#include <utility>

namespace fluxmq::testing {

/// Owns a file handle.
class Handle {
public:
    explicit Handle(int number = -1) noexcept : number_{number} {}
    Handle(Handle&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
    Handle& operator=(Handle&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Handle() {
        if (number_ >= 0)
            ::close(number_);
    }

    int get() const noexcept { return number_; }

private:
    int number_;
};

/// Between two looks at a server that is coming up.
inline constexpr auto poll_interval = std::chrono::milliseconds{2};

inline Handle tcp_socket(int flags = 0) {
    return Handle{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)};
}

inline sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/// Binds it to `port` of 127.0.0.1, also when connections of an earlier owner still fade away there.
inline bool bind_to(const Handle& socket, std::uint16_t port) {
    const int yes = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const auto address = loopback(port);
    return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

inline bool connect_to(const Handle& socket, std::uint16_t port) {
    const auto address = loopback(port);
    return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

/// Below the ports that the system gives to outgoing connections: one of those could take it during a restart.
inline std::uint16_t random_port() {
    static thread_local std::mt19937 random{std::random_device{}()};
    return static_cast<std::uint16_t>(std::uniform_int_distribution<int>{12'000, 32'000}(random));
}

} // namespace fluxmq::testing
