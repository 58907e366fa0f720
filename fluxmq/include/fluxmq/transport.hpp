// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/counters.hpp>
#include <fluxmq/message.hpp>
#include <fluxmq/payload.hpp>
#include <fluxmq/receiver.hpp>
#include <fluxmq/task.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmq {

// Only trivial members: g++ 12 destroys any other aggregate twice when it is made inside a co_await expression.
struct SubscribeOptions {
    /// Members of one queue group share the messages: each goes to one of them. Empty: every message. It must
    /// stay valid until subscribe() has completed.
    std::string_view queue = {};
    /// Ends by itself after so many messages; 0: never.
    std::uint64_t max_messages = 0;
};

/// What an event tells about a connection.
enum class ConnectionState {
    connected,
    disconnected,
    reconnected,
    closed,
    error,         ///< the broker refused something (a topic to publish on, say), and the connection goes on
    lame_duck,     ///< the server is about to go: the connection moves to another one where there is one
    insecure,      ///< TLS, but the server's certificate is not checked (TlsOptions::insecure_skip_verify)
    slow_consumer, ///< messages are dropped before a receiver that is full
};

std::string_view to_string(ConnectionState state) noexcept;

struct ConnectionEvent {
    ConnectionState state;
    std::string detail; ///< for people: the server, or why the connection was lost

    // of slow_consumer
    std::string topic = {};          ///< of the subscription
    std::uint64_t dropped = 0;       ///< messages since the last such event of the subscription
    std::uint64_t dropped_total = 0; ///< messages since it began
};

inline constexpr std::chrono::milliseconds default_drain_timeout{30'000};

/// What a drain left behind at its deadline.
struct DrainReport {
    struct Left {
        std::string topic; ///< of a subscription
        std::uint64_t messages = 0;
    };
    std::vector<Left> left;   ///< what readers had not finished with; it stays in their inlets
    std::uint64_t unsent = 0; ///< published messages that were not passed on
    bool confirmed = true;    ///< the broker said that nothing more was on the way

    /// Whether nothing was left behind.
    bool complete() const noexcept { return left.empty() && unsent == 0 && confirmed; }
};

/// A live subscription: unsubscribes when it is destroyed. Thread safety: that of a value.
class Subscription {
public:
    /// The side of a transport that a subscription refers to.
    class Source {
    public:
        virtual ~Source() = default;
        virtual void unsubscribe(std::uint64_t id) noexcept = 0;
        virtual Task<DrainReport> drain(std::uint64_t id, std::chrono::milliseconds timeout) = 0;
        /// The default is for transports that cannot.
        virtual bool redirect(std::uint64_t id, std::shared_ptr<Receiver> receiver);
    };

    Subscription() noexcept = default;
    Subscription(std::weak_ptr<Source> source, std::uint64_t id) noexcept
        : source_{std::move(source)}, id_{id} {}
    Subscription(Subscription&& other) noexcept
        : source_{std::move(other.source_)}, id_{std::exchange(other.id_, 0)} {}
    Subscription& operator=(Subscription&& other) noexcept;
    ~Subscription() { unsubscribe(); }

    /// After it returns, nothing more is offered to the receiver. Idempotent.
    void unsubscribe() noexcept;

    /// Unsubscribes without losing anything: nothing new is asked for, what is on the way still arrives, and it
    /// completes when the reader has finished with all of it (Receiver::pending), or when `timeout` has passed. So
    /// the reader must go on meanwhile, and must not await this itself.
    /// Cancellation: unsubscribes at once, and throws Error{cancelled}.
    Task<DrainReport> drain(std::chrono::milliseconds timeout = default_drain_timeout);

    bool active() const noexcept { return id_ != 0; }

    /// From now on the messages go to `receiver`, and the broker does not notice: each goes to one of the two, none to
    /// both. What the earlier one has already stays there. False, and nothing is changed: the subscription has ended or
    /// has a limit of messages, or the transport cannot do it (InProc and Nats can). Thread safety: as unsubscribe().
    bool redirect(std::shared_ptr<Receiver> receiver);

private:
    std::weak_ptr<Source> source_;
    std::uint64_t id_ = 0;
};

/// One topic to publish on, checked and looked up once: for what comes often. It follows the rules of
/// Transport::publish(), order with it included, and is for the time that its transport lives.
///
/// Thread safety: one thread at a time.
class Publisher {
public:
    virtual ~Publisher() = default;

    /// As Transport::publish().
    virtual void publish(const Payload& payload, const Headers& headers = {},
                         std::string_view reply = {}) = 0;
};

/// A connection to a broker: bytes to topics and back.
///
/// Thread safety: publish, respond, counters and a Subscription's unsubscribe: any thread. The coroutines are
/// awaited on one executor, the one that awaited connect(), except where a transport says more. InProc and Nats do:
/// once connect() has completed, any event loop may await them, and goes on there. Services with several threads
/// need that.
/// Cancelling a coroutine throws Error{cancelled} out of it and undoes what it began.
class Transport {
public:
    virtual ~Transport() = default;

    /// Connects; returns at once when connected already. Errors: connect_failed, connect_timeout,
    /// protocol_error, tls_failed, authorization_failed, invalid_url.
    virtual Task<> connect() = 0;

    /// Ends the connection for good: pending requests fail with `closed`, and after it returns no receiver and
    /// no event handler is called. Idempotent.
    virtual Task<> close() = 0;

    /// Ends the connection without losing anything: drains all subscriptions, as Subscription::drain() does, then
    /// passes on what was published, answers of the readers included, then closes; `timeout` is for all of it.
    /// subscribe() fails with `closed` from now on.
    /// Cancellation: closes at once, and throws Error{cancelled}.
    virtual Task<DrainReport> drain(std::chrono::milliseconds timeout = default_drain_timeout) = 0;

    /// Hands a message over for sending and returns; never waits. One publisher's messages to one topic
    /// arrive in order. `headers` are sent as they are given. Throws Error: invalid_topic, invalid_header,
    /// payload_too_large, buffer_full, not_connected, closed.
    virtual void publish(std::string_view topic, const Payload& payload, const Headers& headers = {},
                         std::string_view reply = {}) = 0;

    /// What publishes on `topic`, for less. Throws Error{invalid_topic}. Thread safety: any thread.
    virtual std::unique_ptr<Publisher> publisher(std::string topic);

    /// Subscribes, wildcards allowed; completes when the broker routes to it, so that whatever is published
    /// after that arrives. Errors: invalid_topic, permission_denied, not_connected, closed, disconnected.
    virtual Task<Subscription> subscribe(std::string topic, std::shared_ptr<Receiver> receiver,
                                         SubscribeOptions options = {}) = 0;

    /// Publishes and awaits one answer. The acknowledgements `+ACK` and `-NAK` of Go handlers are not answers and are
    /// passed over; one that asks for an answer itself gets an empty message at once, also when the request has ended.
    /// A message with status 503 and no payload is the error no_responders. With a payload, or with another status, it
    /// is the answer. Errors: timeout, no_responders, disconnected, closed, and those of publish().
    Task<Message> request(std::string topic, const Payload& payload,
                          std::chrono::milliseconds timeout = default_request_timeout, Headers headers = {});

    /// Answers `message` on its reply topic. The answer carries the headers of `message` that travel; `headers` win,
    /// and several values of one name are folded into one, see OutgoingHeaders. Throws Error{no_reply_topic}, and as
    /// publish().
    void respond(const Message& message, const Payload& payload, const Headers& headers = {});

    /// Completes when everything published before has been passed on: at a broker, when it has it; with a
    /// blocking mailbox, when that had room for it: so a reader must not await it while its own blocking mailbox
    /// may be full. Errors: timeout, disconnected, closed.
    virtual Task<> flush(std::chrono::milliseconds timeout = default_flush_timeout) = 0;

    /// Calls `handler` for each event, on the executor of connect(); replaces the earlier one. Set it before
    /// connect().
    virtual void on_event(std::function<void(const ConnectionEvent&)> handler) = 0;

    virtual bool connected() const noexcept = 0;

    /// The largest payload that publish() takes, in bytes.
    virtual std::size_t max_payload() const noexcept = 0;

    virtual TransportCounters counters() const = 0;

    static constexpr std::chrono::milliseconds default_request_timeout{1000};
    static constexpr std::chrono::milliseconds default_flush_timeout{10'000};

protected:
    /// request() with everything owned: it may be awaited later than it was called.
    virtual Task<Message> do_request(std::string topic, Bytes payload, std::chrono::milliseconds timeout,
                                     Headers headers) = 0;
};

} // namespace fluxmq
