// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/task.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace fluxmq::testing {

/// A TCP server on 127.0.0.1 that does what a test's coroutine says, like a sequence diagram: for handshakes
/// and faults that a real server does not show.
///
///     co_await peer.accept();
///     co_await peer.send(ScriptedPeer::info());
///     co_await peer.expect("CONNECT ");
///     co_await peer.expect("PING");
///     co_await peer.send("PONG\r\n");
///
/// One connection at a time. Everything that does not go as scripted throws std::runtime_error that says what
/// came instead. Thread safety: none; it lives on the executor it was made with.
class ScriptedPeer {
public:
    explicit ScriptedPeer(const boost::asio::any_io_executor& executor);
    ~ScriptedPeer();
    ScriptedPeer(const ScriptedPeer&) = delete;
    ScriptedPeer& operator=(const ScriptedPeer&) = delete;

    std::uint16_t port() const noexcept;
    std::string address() const { return "127.0.0.1:" + std::to_string(port()); }
    std::string url() const { return "nats://" + address(); }

    /// Waits for the next connection, which takes the place of the present one.
    Task<> accept();
    Task<> send(std::string bytes);
    /// Sends byte by byte, each in a packet of its own as far as the system allows.
    Task<> send_split(std::string bytes);
    /// The next line, without its end.
    Task<std::string> read_line();
    /// The next line must start with `prefix`; gives it.
    Task<std::string> expect(std::string prefix);
    /// The next `size` bytes.
    Task<std::string> read(std::size_t size);
    /// INFO, CONNECT, PING, PONG; gives the CONNECT line.
    Task<std::string> shake_hands();
    /// Waits until the other side has closed; gives what came until then.
    Task<std::string> read_to_end();
    /// Closes the connection.
    void hang_up();
    /// Closes the connection, and nobody listens any more.
    void stop_listening();

    /// An INFO line; `more` is put among its members, such as R"("max_payload":1024)".
    static std::string info(std::string_view more = {});

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace fluxmq::testing
