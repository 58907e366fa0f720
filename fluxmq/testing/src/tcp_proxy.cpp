// SPDX-License-Identifier: MIT
#include <fluxmq/testing/tcp_proxy.hpp>

#include "sockets.hpp"

#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <future>
#include <list>
#include <mutex>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

namespace fluxmq::testing {

namespace {

using Way = TcpProxy::Way;
using Split = TcpProxy::Split;

constexpr std::size_t buffer_size = std::size_t{64} << 10;
constexpr int writes_in_a_row = 256; // then others have their turn, and commands
constexpr std::array ways{Way::to_server, Way::to_client};

std::size_t index(Way way) noexcept { return static_cast<std::size_t>(way); }

sockaddr_in resolve(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0)
        throw std::runtime_error{"TCP proxy: no address of '" + host + "' is known"};
    auto address = *reinterpret_cast<const sockaddr_in*>(found->ai_addr);
    ::freeaddrinfo(found);
    address.sin_port = htons(port);
    return address;
}

void set_no_delay(const Handle& socket) {
    const int yes = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

// Closing it will send RST instead of FIN.
void set_reset(const Handle& socket) {
    const linger at_once{1, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

bool would_block() noexcept { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

// One way of a connection: what was read at one end and not yet written at the other.
struct Pipe {
    std::vector<char> bytes = std::vector<char>(buffer_size);
    std::size_t begin = 0;
    std::size_t end = 0;
    bool ended = false;      // nothing more comes
    bool shut = false;       // and the other end knows
    bool throw_away = false; // it was half-closed

    bool empty() const noexcept { return begin == end; }
    bool reads() const noexcept { return !ended && empty(); }
};

struct Connection {
    Handle client;
    Handle server;
    bool connecting = true; // to the server
    std::array<Pipe, 2> pipes;

    const Handle& source(Way way) const noexcept { return way == Way::to_server ? client : server; }
    const Handle& target(Way way) const noexcept { return way == Way::to_server ? server : client; }
};

} // namespace

// Everything but the queue of commands belongs to its thread.
class TcpProxy::Loop {
public:
    Loop(const std::string& host, std::uint16_t port, std::uint32_t seed)
        : target_{resolve(host, port)}, random_{seed}, wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
        constexpr int attempts = 100;
        for (int i = 0; i < attempts; ++i) {
            listener_ = tcp_socket(SOCK_NONBLOCK);
            port_ = random_port();
            if (bind_to(listener_, port_) && listen()) {
                thread_ = std::thread{[this] { run(); }};
                return;
            }
        }
        throw std::runtime_error{"TCP proxy: no port is free"};
    }

    ~Loop() {
        call([this] { stopping_ = true; });
        thread_.join();
    }

    std::uint16_t port() const noexcept { return port_; }

    // Runs `command` on the thread, and returns when it has run.
    void call(std::function<void()> command) {
        std::packaged_task<void()> task{std::move(command)};
        auto done = task.get_future();
        {
            const std::lock_guard lock{mutex_};
            commands_.push_back(std::move(task));
        }
        const std::uint64_t one = 1;
        if (::write(wake_.get(), &one, sizeof one) < 0)
            throw std::runtime_error{"TCP proxy: cannot wake its thread"};
        done.get();
    }

    void cut(Ending how) {
        for (auto& connection : connections_) {
            if (how == Ending::reset) {
                reset(connection);
            } else if (!connection.connecting) {
                // Closing alone would send RST at once when something is unread.
                shut(connection, Way::to_server);
                shut(connection, Way::to_client);
            }
        }
        connections_.clear();
    }

    void half_close(Way way) {
        for (auto& connection : connections_) {
            if (connection.connecting)
                continue;
            auto& pipe = connection.pipes[index(way)];
            pipe.throw_away = true;
            pipe.begin = pipe.end = 0;
            shut(connection, way);
        }
    }

    // The port stays ours: a listening socket that is shut down refuses, and can listen again.
    void refuse() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        listening_ = false;
    }
    bool listen() { return listening_ = ::listen(listener_.get(), SOMAXCONN) == 0; }

    std::array<bool, 2> stalled{};
    Split split = Split::none;

    Counters counters() const {
        auto counters = counters_;
        counters.open = connections_.size();
        return counters;
    }

private:
    void run() {
        while (!stopping_) {
            wait();
            run_commands();
            accept();
            for (auto at = connections_.begin(); at != connections_.end();)
                at = forward(*at) ? std::next(at) : connections_.erase(at);
        }
        cut(Ending::reset);
    }

    // Until there is something to do.
    void wait() {
        std::vector<pollfd> events{{wake_.get(), POLLIN, 0}};
        if (listening_)
            events.push_back({listener_.get(), POLLIN, 0});
        for (const auto& connection : connections_) {
            short client = 0;
            short server = 0;
            if (connection.connecting) {
                server = POLLOUT;
            } else {
                for (const auto way : ways) {
                    const auto& pipe = connection.pipes[index(way)];
                    if (stalled[index(way)])
                        continue;
                    auto& source = way == Way::to_server ? client : server;
                    auto& target = way == Way::to_server ? server : client;
                    if (pipe.reads())
                        source = static_cast<short>(source | POLLIN);
                    if (!pipe.empty())
                        target = static_cast<short>(target | POLLOUT);
                }
            }
            // A socket that nothing is wanted of is left out: it would report its end again and again.
            if (client != 0)
                events.push_back({connection.client.get(), client, 0});
            if (server != 0)
                events.push_back({connection.server.get(), server, 0});
        }
        ::poll(events.data(), events.size(), -1);
    }

    void run_commands() {
        std::uint64_t ignored = 0;
        if (::read(wake_.get(), &ignored, sizeof ignored) < 0)
            return; // nobody called
        std::vector<std::packaged_task<void()>> commands;
        {
            const std::lock_guard lock{mutex_};
            commands.swap(commands_);
        }
        for (auto& command : commands)
            command();
    }

    void accept() {
        while (listening_) {
            Handle client{::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
            if (client.get() < 0)
                return;
            ++counters_.connections;
            auto& connection = connections_.emplace_back();
            connection.client = std::move(client);
            connection.server = tcp_socket(SOCK_NONBLOCK);
            set_no_delay(connection.client);
            set_no_delay(connection.server);
            // How it goes on is seen in forward().
            if (::connect(connection.server.get(), reinterpret_cast<const sockaddr*>(&target_),
                          sizeof target_) != 0 &&
                errno != EINPROGRESS) {
                reset(connection);
                connections_.pop_back();
            }
        }
    }

    // False when the connection has ended.
    bool forward(Connection& connection) {
        if (connection.connecting && !finish_connect(connection))
            return connection.connecting || reset(connection);
        for (const auto way : ways) {
            if (stalled[index(way)])
                continue;
            auto& pipe = connection.pipes[index(way)];
            if (pipe.reads() && !read(connection, way))
                return reset(connection);
            if (!pipe.empty() && !write(connection, way))
                return reset(connection);
            if (pipe.ended && pipe.empty() && !pipe.shut)
                shut(connection, way);
        }
        const auto& [to_server, to_client] = connection.pipes;
        return !(to_server.ended && to_server.shut && to_client.ended && to_client.shut);
    }

    // True when it has just succeeded.
    static bool finish_connect(Connection& connection) {
        pollfd event{connection.server.get(), POLLOUT, 0};
        if (::poll(&event, 1, 0) == 0)
            return false;
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(connection.server.get(), SOL_SOCKET, SO_ERROR, &error, &size);
        connection.connecting = false;
        return error == 0;
    }

    static bool read(Connection& connection, Way way) {
        auto& pipe = connection.pipes[index(way)];
        const auto count = ::recv(connection.source(way).get(), pipe.bytes.data(), pipe.bytes.size(), 0);
        if (count < 0)
            return would_block();
        pipe.ended = count == 0;
        pipe.begin = 0;
        pipe.end = pipe.throw_away ? 0 : static_cast<std::size_t>(count);
        return true;
    }

    bool write(Connection& connection, Way way) {
        auto& pipe = connection.pipes[index(way)];
        for (int i = 0; i < writes_in_a_row && !pipe.empty(); ++i) {
            const auto size = std::min(pipe.end - pipe.begin, piece());
            const auto count =
                ::send(connection.target(way).get(), pipe.bytes.data() + pipe.begin, size, MSG_NOSIGNAL);
            if (count < 0)
                return would_block();
            pipe.begin += static_cast<std::size_t>(count);
            counters_.bytes += static_cast<std::uint64_t>(count);
            ++counters_.writes;
        }
        return true;
    }

    std::size_t piece() {
        switch (split) {
        case Split::every_byte: return 1;
        case Split::random: return std::uniform_int_distribution<std::size_t>{1, 32}(random_);
        case Split::none: break;
        }
        return buffer_size;
    }

    static void shut(Connection& connection, Way way) {
        ::shutdown(connection.target(way).get(), SHUT_WR);
        connection.pipes[index(way)].shut = true;
    }

    // Makes both ends close with RST; false, for its callers.
    static bool reset(Connection& connection) {
        set_reset(connection.client);
        set_reset(connection.server);
        return false;
    }

    const sockaddr_in target_;
    std::minstd_rand random_;
    const Handle wake_;
    Handle listener_;
    std::uint16_t port_ = 0;
    bool listening_ = false;
    bool stopping_ = false;
    std::list<Connection> connections_;
    Counters counters_;

    std::mutex mutex_;
    std::vector<std::packaged_task<void()>> commands_;
    std::thread thread_;
};

TcpProxy::TcpProxy(std::string host, std::uint16_t port, std::uint32_t seed)
    : loop_{std::make_unique<Loop>(host, port, seed)} {}
TcpProxy::~TcpProxy() = default;

std::uint16_t TcpProxy::port() const noexcept { return loop_->port(); }

void TcpProxy::cut(Ending how) {
    loop_->call([=, this] { loop_->cut(how); });
}

void TcpProxy::stall(Way way) {
    loop_->call([=, this] { loop_->stalled[index(way)] = true; });
}

void TcpProxy::resume(Way way) {
    loop_->call([=, this] { loop_->stalled[index(way)] = false; });
}

void TcpProxy::half_close(Way way) {
    loop_->call([=, this] { loop_->half_close(way); });
}

void TcpProxy::split(Split how) {
    loop_->call([=, this] { loop_->split = how; });
}

void TcpProxy::refuse_connections() {
    loop_->call([this] { loop_->refuse(); });
}

void TcpProxy::accept_connections() {
    loop_->call([this] {
        if (!loop_->listen())
            throw std::runtime_error{"TCP proxy: cannot listen again"};
    });
}

TcpProxy::Counters TcpProxy::counters() const {
    Counters counters;
    loop_->call([&] { counters = loop_->counters(); });
    return counters;
}

} // namespace fluxmq::testing
