// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fluxmq::testing {

struct NatsServerOptions {
    /// Further arguments, such as {"--user", "me", "--pass", "secret"}.
    std::vector<std::string> arguments = {};
    /// Text of a configuration file; empty: none. Host and port are not its business.
    std::string config = {};
    /// 0: one that is free.
    std::uint16_t port = 0;
};

/// A real nats-server on 127.0.0.1 for a test, on a port of its own that it keeps when it is restarted.
///
/// Looks for the program in PATH and where Debian puts it. The constructor returns when the server accepts
/// connections; it throws std::runtime_error that says what is missing or what the server printed. The process
/// ends with this object, or with the thread that started it. Thread safety: none.
class NatsServer {
public:
    explicit NatsServer(NatsServerOptions options = {});
    ~NatsServer();
    NatsServer(const NatsServer&) = delete;
    NatsServer& operator=(const NatsServer&) = delete;

    std::uint16_t port() const noexcept { return port_; }
    /// `127.0.0.1:port`
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    /// `nats://127.0.0.1:port`, with `credentials` (`user:password` or a token) before the host.
    std::string url(const std::string& credentials = {}) const {
        return "nats://" + (credentials.empty() ? "" : credentials + '@') + address();
    }

    bool running() const noexcept { return process_ > 0; }

    /// SIGKILL: connections break, nothing is said.
    void kill9() { end(9); }
    /// SIGTERM: the server closes its connections.
    void stop() { end(15); }
    /// Starts it again on the same port when it was ended.
    void start();
    void restart() {
        kill9();
        start();
    }

    /// SIGSTOP and SIGCONT: it stays connected and says nothing.
    void freeze();
    void thaw();
    /// SIGUSR2: it takes no new connections, tells its clients that it is about to go, and after its
    /// `lame_duck_grace_period` closes their connections over its `lame_duck_duration`.
    void enter_lame_duck();

    /// A port of 127.0.0.1 that nobody has at the moment: for a server's further ones.
    static std::uint16_t free_port();

private:
    void end(int signal) noexcept;
    bool launch();
    bool accepts() const;
    bool exited() noexcept;

    NatsServerOptions options_;
    std::string program_;
    std::string folder_; // for config and log
    std::string name_;   // tells it from a stranger on the same port
    std::uint16_t port_ = 0;
    int process_ = 0;
};

} // namespace fluxmq::testing
