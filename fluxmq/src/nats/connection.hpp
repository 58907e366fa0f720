// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/nats.hpp>

#include "../events.hpp"
#include "../loop.hpp"
#include "../slow_consumers.hpp"
#include "outbox.hpp"
#include "pings.hpp"
#include "requests.hpp"
#include "session.hpp"
#include "subscriptions.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmq {

/// A Nats transport without its handle. One coroutine runs each connection from its first byte to the last
/// reconnect: live(), whose frame holds the Session. What any thread may touch is in members with locks of
/// their own (outbox, subscriptions, events, loop); the rest belongs to the event loop.
///
/// The coroutines are static: each holds the Impl that it works on.
class Nats::Impl final : public Subscription::Source, public std::enable_shared_from_this<Impl> {
public:
    using Self = std::shared_ptr<Impl>;

    Impl();

    // operations.cpp: what users call. Each of the coroutines goes on at the connection's loop where it was
    // awaited at another one; nothing of the connection is touched before that.
    static Task<> connect(Self self, std::string url, NatsOptions options);
    static Task<> close(Self self);
    static Task<Subscription> subscribe(Self self, std::string topic, std::shared_ptr<Receiver> receiver,
                                        std::string queue, std::uint64_t max_messages);
    static Task<Message> request(Self self, std::string topic, Bytes payload,
                                 std::chrono::milliseconds timeout, Headers headers);
    static Task<> flush(Self self, std::chrono::milliseconds timeout);
    static Task<DrainReport> drain_all(Self self, std::chrono::milliseconds timeout);
    static Task<DrainReport> drain_one(Self self, std::uint64_t id, std::chrono::milliseconds timeout);
    Task<DrainReport> drain(std::uint64_t id, std::chrono::milliseconds timeout) override;
    void publish(std::string_view topic, std::string_view payload, const Headers& headers,
                 std::string_view reply);
    void unsubscribe(std::uint64_t id) noexcept override;
    bool redirect(std::uint64_t id, std::shared_ptr<Receiver> receiver) override;
    void on_event(Events::Handler handler) { events_.set(std::move(handler)); }
    bool connected() const noexcept { return phase_ == Phase::connected; }
    std::size_t max_payload() const noexcept { return max_payload_.load(std::memory_order_relaxed); }
    TransportCounters counters() const;
    std::string server() const;
    NatsServerInfo server_info() const;
    /// The handle is gone. Any thread; no receiver and no handler is called after it.
    void abandon() noexcept;

private:
    friend struct Nats::Session;

    enum class Phase { idle, connecting, connected, reconnecting, closed };

    void check_usable(std::string_view topic) const;
    std::optional<boost::asio::any_io_executor> usable_loop(const boost::asio::any_io_executor& caller,
                                                            std::string_view topic);
    void start(const boost::asio::any_io_executor& executor, std::vector<nats::Server> servers,
               NatsOptions options);
    static Task<> session_end(Self self);
    static Task<bool> flushed(Self self, Clock::time_point deadline);
    void tell_unsubscribed(std::uint64_t sid);
    static Task<DrainReport> drained(Self self, std::vector<nats::Subscriptions::Drained> all,
                                     Clock::time_point deadline);

    // connection.cpp: the life of a connection
    static Task<> live(std::unique_ptr<Session> session);
    Task<> run(Session& session);
    void established(Session& session);
    void heed(const nats::ServerInfo& info);
    void lost(Session& session, const std::string& why);
    void shut(const std::string& why);
    void ended() noexcept;
    void emit(ConnectionState state, std::string detail);

    // servers.cpp: which server it is made to
    Task<std::optional<Error>> open_first(Session& session);
    Task<bool> reopen(Session& session);
    Task<std::optional<Error>> try_all(Session& session);
    Task<std::optional<Error>> try_one(Session& session, nats::Server server);
    void judge(Session& session, const nats::Link& link, const std::optional<Error>& failure);
    void discover(Session& session);
    void move_soon(Session& session);
    static Task<> move(Self self, std::shared_ptr<nats::Link> from);
    static Task<> hand_over(Self self, std::shared_ptr<nats::Link> from, std::shared_ptr<nats::Link> to);

    // traffic.cpp: what is read and written on a connection
    struct Progress {
        std::size_t frame_size = 0; // of the incomplete frame at the end, 0 where not known
        std::optional<std::string> broken = {};
    };
    Task<std::string> serve(Session& session);
    Progress consume(Session& session);
    bool deliver_messages(Session& session, nats::Frame& frame);
    nats::Subscriptions::Outcome deliver(Session& session, nats::Subscriptions::Delivery& delivery,
                                         const nats::Frame& frame);
    static Message make_message(Session& session, const nats::Frame& frame);
    void answer_empty(std::string_view topic);
    Progress handle(Session& session, const nats::Frame& frame);
    std::optional<std::string> server_error(std::string_view text);
    Task<> unstall(Session& session);
    void resume() noexcept;
    void write();
    void write_some(std::string_view bytes);
    void tick(Session& session);
    void send_ping(nats::PongWait* wait);
    void subscribe_inbox();

    NatsOptions options_;
    std::atomic<Phase> phase_{Phase::idle};
    std::atomic<bool> closing_{false}; // these two are also told when the loop is gone
    std::atomic<bool> draining_{false};
    DrainReport drain_report_; // once it has ended
    Session* session_ = nullptr;
    std::minstd_rand random_;

    Loop loop_;
    Events events_;
    std::shared_ptr<SlowConsumers> slow_; // from the first connect() on
    nats::Outbox outbox_;
    nats::Subscriptions subscriptions_;
    nats::Pings pings_;
    nats::Requests requests_;
    bool inbox_wanted_ = false; // the first request subscribes it
    nats::OperationList connecting_;
    nats::OperationList ending_;
    std::optional<Error> first_failure_; // of connect()

    std::atomic<std::size_t> max_payload_{std::size_t{1} << 20};
    std::atomic<bool> takes_headers_{true}; // as the last server says
    std::atomic<std::uint64_t> received_{0};
    std::atomic<std::uint64_t> received_bytes_{0};
    std::atomic<std::uint64_t> rejected_{0};
    std::atomic<std::uint64_t> reconnects_{0};
    mutable std::mutex server_mutex_;
    std::string server_; // address of the present connection
    NatsServerInfo server_info_;
};

} // namespace fluxmq
