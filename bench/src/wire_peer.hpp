// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

/// A blocking TCP connection to this machine. Throws std::runtime_error when it breaks or stays silent.
class Socket {
public:
    explicit Socket(std::uint16_t port);
    ~Socket();
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    void write(std::string_view bytes);
    /// Appends what there is, at least one byte; false at the end.
    bool read(std::string& into);

private:
    int handle_;
};

/// The other end of a measurement, as bare as can be, so that all sides meet the same: it speaks just enough NATS
/// to publish in bulk and to answer requests.
class WirePeer {
public:
    explicit WirePeer(std::uint16_t port);

    void subscribe(std::string_view topic);
    /// Publishes so many messages and waits until the server has them.
    void flood(std::string_view topic, std::uint64_t messages);
    /// Takes so many messages of payload_size from the one topic that it has subscribed to.
    void receive(std::string_view topic, std::uint64_t messages);
    /// Answers so many messages with their own payload.
    void echo(std::uint64_t messages);
    /// Publishes a request and waits for its answer on `reply`, which it has subscribed to.
    void request(std::string_view topic, std::string_view reply);

private:
    std::string_view next_line();
    std::size_t message_size(std::string_view line);
    void need(std::size_t bytes);
    void wait_for_pong();

    Socket socket_;
    std::string in_;
    std::size_t taken_ = 0; // of in_
};

/// Messages that the server has received, as its monitoring port says.
std::uint64_t messages_at_server(std::uint16_t monitoring_port);

} // namespace bench
