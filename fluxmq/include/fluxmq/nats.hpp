// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/clock.hpp>
#include <fluxmq/tls.hpp>
#include <fluxmq/transport.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace fluxmq {

/// What a server is told about who connects: of user and password, a token, an nkey, or a JWT with its nkey.
struct NatsCredentials {
    std::string user = {};
    std::string password = {};
    std::string token = {};
    std::string nkey_seed = {}; ///< "SU...": signs the server's challenge and is never sent
    std::string jwt = {};       ///< of a user; needs the seed of its nkey
};

/// How to connect. The names follow nats.go's options where there is one.
struct NatsOptions {
    /// Shown by the server's monitoring.
    std::string name = "fluxlib";

    // --- servers
    /// Further servers to try, beside the one given to connect().
    std::vector<std::string> servers = {};
    /// Tries the servers in random order, so that clients spread over a cluster. False: in the order given.
    bool randomize = true;
    /// Takes in the servers that a cluster tells of. They inherit TLS and the credentials of the address that told
    /// of them. False: for clients that must stay with the addresses given, behind a proxy, say.
    bool use_discovered_servers = true;

    // --- credentials; those in a URL (`nats://user:password@host`, `nats://token@host`) win
    std::string user = {};
    std::string password = {};
    std::string token = {};
    /// A `.creds` file with a JWT and its nkey's seed. Read anew for each connection, like the next one.
    std::string credentials_file = {};
    /// A file with an nkey's seed ("SU..."), for servers that know the public key.
    std::string nkey_seed_file = {};
    /// Asked before each connection, in place of all of the above: for credentials that change, or come from a
    /// vault. Called on the executor of connect(); what it throws ends the attempt.
    std::function<NatsCredentials()> credentials = {};

    TlsOptions tls = {};

    // --- the first connection
    /// For TCP, TLS and handshake with one server.
    std::chrono::milliseconds connect_timeout{2000};
    /// For all of connect(). 0: no limit but those of the single attempts.
    std::chrono::milliseconds connect_deadline{0};
    /// When no server could be reached, connect() goes on in rounds, like a reconnect, until connect_deadline or
    /// max_reconnect_attempts. False: it fails after one round, so that a mistyped address shows at once.
    bool retry_on_failed_connect = false;

    // --- reconnecting
    /// Longest pause between rounds of reconnecting; the pause starts at a twentieth of it, doubles, and is
    /// jittered, so that clients do not return all at once.
    std::chrono::milliseconds reconnect_time_wait{2000};
    /// Rounds over all servers after a connection was lost, before the transport closes; -1: no end.
    int max_reconnect_attempts = -1;

    // --- buffers
    /// Bytes of messages published while disconnected that are kept for later; beyond it publish() throws
    /// buffer_full.
    std::size_t reconnect_buffer_size = std::size_t{8} << 20;
    /// Bytes that may wait to be written while connected; beyond it publish() throws buffer_full. Who would rather
    /// wait awaits flush() and publishes again.
    std::size_t write_buffer_size = std::size_t{64} << 20;

    // --- signs of life
    /// How often the server is asked for a sign of life, and how many may stay unanswered before the
    /// connection counts as dead. An interval of 0: never.
    std::chrono::milliseconds ping_interval{30'000};
    int max_pings_outstanding = 2;

    /// When true, the server does not send this connection its own messages.
    bool no_echo = false;

    /// Source of time for timeouts, pings and pauses.
    std::shared_ptr<Clock> clock = Clock::real();
};

/// What a server tells about itself.
struct NatsServerInfo {
    std::string name;
    std::string version;
};

/// A connection to a NATS server or cluster: our own asynchronous client, without threads of its own.
///
/// What is published in one turn of the event loop leaves in one write at its end. While disconnected,
/// publish() buffers up to NatsOptions::reconnect_buffer_size, subscribe() and flush() wait for the next
/// connection, and requests that waited already fail with `disconnected`. Core NATS is at most once: what was
/// written to a connection just before it broke may be lost, and is counted in TransportCounters::lost when known.
///
/// A receiver that is full and blocks stops the reading of the whole connection until it has room, so that the
/// server waits too. It is told that we live meanwhile, but cuts whom it waits for too long (its write_deadline,
/// 10 s by default).
///
/// The executor of connect() runs one handler at a time: an event loop of one thread, or a strand. The handle may
/// be destroyed at any time on any thread; no receiver and no handler is called after that. So may the event loop.
///
/// Once connect() has completed, the coroutines may be awaited on any event loop. On another one than that of connect()
/// (another execution context; another strand of the same one will not do) they cross over and back, so that loop must
/// run; when it is destroyed meanwhile, so is the coroutine that waits.
class Nats final : public Transport {
public:
    Nats();
    explicit Nats(NatsOptions options);
    ~Nats() override;

    /// Connects to `url`: `nats://[user:password@]host[:port]`, or `tls://...`, or `host:port`; several are separated
    /// by commas. Errors: as Transport::connect().
    Task<> connect(std::string url);
    /// The same with `options` in place of those of the constructor. They must have a name: g++ 12 destroys an
    /// aggregate twice that is made inside a co_await expression.
    Task<> connect(std::string url, const NatsOptions& options);
    Task<> connect(std::string url, const NatsOptions&& options) = delete;
    /// Connects to NatsOptions::servers; where there are none, to NATS_URL from the environment, or else to
    /// nats://localhost:4222.
    Task<> connect() override;

    Task<> close() override;
    Task<DrainReport> drain(std::chrono::milliseconds timeout = default_drain_timeout) override;
    void publish(std::string_view topic, const Payload& payload, const Headers& headers = {},
                 std::string_view reply = {}) override;
    Task<Subscription> subscribe(std::string topic, std::shared_ptr<Receiver> receiver,
                                 SubscribeOptions options = {}) override;
    Task<> flush(std::chrono::milliseconds timeout = default_flush_timeout) override;
    void on_event(std::function<void(const ConnectionEvent&)> handler) override;
    bool connected() const noexcept override;
    /// As the server says; 1 MiB before the first connection.
    std::size_t max_payload() const noexcept override;
    TransportCounters counters() const override;

    /// The address of the server of the present connection, without credentials; empty when there is none.
    std::string server() const;
    /// What that server tells about itself; empty when there is none.
    NatsServerInfo server_info() const;

protected:
    Task<Message> do_request(std::string topic, Bytes payload, std::chrono::milliseconds timeout,
                             Headers headers) override;

private:
    class Impl;
    struct Session;
    NatsOptions options_;
    std::shared_ptr<Impl> impl_;
};

} // namespace fluxmq
