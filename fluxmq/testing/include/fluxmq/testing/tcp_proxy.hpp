// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace fluxmq::testing {

/// A TCP proxy on 127.0.0.1, on a free port and in a thread of its own, that spoils connections at a test's
/// command. What it forwards stays in order and complete as long as a connection lasts.
///
/// It holds at most 64 KiB for each way of a connection, and reads no more until that has left. Each call returns
/// when it has taken effect. It ends with the object, its connections by reset. Thread safety: all members.
class TcpProxy {
public:
    enum class Way { to_server, to_client };
    enum class Ending {
        reset, ///< RST: what is under way may be lost
        fin    ///< FIN: what was forwarded arrives; what was not is lost
    };
    enum class Split {
        none,       ///< forwards what it has at once
        every_byte, ///< each byte is a write of its own
        random      ///< pieces of 1 to 32 bytes
    };

    /// In front of `host`, a name or an address, at `port`. Nobody needs to listen there: a client whose server
    /// cannot be reached is reset. `seed`: of Split::random. Throws std::runtime_error.
    explicit TcpProxy(std::string host, std::uint16_t port, std::uint32_t seed = 1);
    ~TcpProxy();
    TcpProxy(const TcpProxy&) = delete;
    TcpProxy& operator=(const TcpProxy&) = delete;

    std::uint16_t port() const noexcept;
    /// `127.0.0.1:port`
    std::string address() const { return "127.0.0.1:" + std::to_string(port()); }

    /// Ends all connections on both sides.
    void cut(Ending how);
    /// Neither reads nor forwards that way until resume(), on present and later connections. Ends of connections
    /// are not passed on either.
    void stall(Way way);
    void resume(Way way);
    /// On present connections the receiving side of `way` sees an end (FIN) behind what was forwarded; what
    /// still comes that way is thrown away. The other way goes on.
    void half_close(Way way);
    /// How it cuts what it forwards, both ways, on present and later connections.
    void split(Split how);
    /// New connections are refused, as where nobody listens; present ones go on.
    void refuse_connections();
    void accept_connections();

    struct Counters {
        std::uint64_t connections = 0; ///< accepted since it was made
        std::uint64_t open = 0;        ///< of them, open now
        std::uint64_t bytes = 0;       ///< forwarded, both ways
        std::uint64_t writes = 0;      ///< that it took
    };
    Counters counters() const;

private:
    class Loop;
    std::unique_ptr<Loop> loop_;
};

} // namespace fluxmq::testing
