// SPDX-License-Identifier: MIT
#include <fluxmq/subject.hpp>

#include "connection.hpp"
#include "header_block.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <iterator>

namespace fluxmq {

namespace asio = boost::asio;

namespace {

// How long close() waits for the server to have what was published.
constexpr std::chrono::seconds last_flush_timeout{1};

template <class Function>
class OnExit {
public:
    explicit OnExit(Function function) : function_{std::move(function)} {}
    ~OnExit() { function_(); }
    OnExit(const OnExit&) = delete;
    OnExit& operator=(const OnExit&) = delete;

private:
    Function function_;
};

std::vector<nats::Server> all_servers(std::string_view first, const std::vector<std::string>& more) {
    auto servers = nats::parse_servers(first);
    for (const auto& urls : more) {
        auto parsed = nats::parse_servers(urls);
        std::move(parsed.begin(), parsed.end(), std::back_inserter(servers));
    }
    return servers;
}

} // namespace

Task<> Nats::Impl::connect(Self self, std::string url, NatsOptions options) {
    auto servers = all_servers(url, options.servers);

    // One that fails or is cancelled ends soon; another one that connects is joined.
    while (self->session_ && self->session_->stopping)
        co_await session_end(self);
    if (self->closing_ || self->phase_ == Phase::closed)
        throw Error{errc::closed, "the transport was closed"};
    if (self->connected())
        co_return;

    nats::Operation done;
    const nats::Listed listed{self->connecting_, done};
    const bool starts = !self->session_;
    if (starts)
        self->start(co_await asio::this_coro::executor, std::move(servers), std::move(options));
    const OnExit undo{[&] {
        if (starts && !done.finished() && self->session_ && self->phase_ == Phase::connecting)
            self->session_->stop();
    }};
    co_await done.wait();
}

void Nats::Impl::start(const asio::any_io_executor& executor, std::vector<nats::Server> servers,
                       NatsOptions options) {
    options_ = std::move(options);
    outbox_.set_limits(options_.write_buffer_size, options_.reconnect_buffer_size);
    requests_.use(options_.clock, executor);
    auto idle = Phase::idle;
    phase_.compare_exchange_strong(idle, Phase::connecting);
    auto session = std::make_unique<Session>(shared_from_this(), executor, std::move(servers));
    asio::co_spawn(executor, live(std::move(session)), asio::detached);
}

Task<> Nats::Impl::close(Self self) {
    if (!std::exchange(self->closing_, true)) {
        const OnExit shut{[&] { self->shut("closed by the application"); }}; // also when this is cancelled
        self->outbox_.refuse();
        co_await flush_for_close(self);
    }
    while (self->session_)
        co_await session_end(self);
}

Task<> Nats::Impl::session_end(Self self) {
    nats::Operation end;
    const nats::Listed listed{self->ending_, end};
    co_await end.wait();
}

// Does its best.
Task<> Nats::Impl::flush_for_close(Self self) {
    if (!self->connected() || self->session_->stalled)
        co_return;
    try {
        co_await flush(self, last_flush_timeout);
    } catch (const Error& error) {
        if (error.kind() == errc::cancelled)
            throw;
    }
}

Task<> Nats::Impl::flush(Self self, std::chrono::milliseconds timeout) {
    if (self->phase_ == Phase::closed)
        throw Error{errc::closed, "the connection was closed"};
    if (!self->session_ || self->phase_ == Phase::connecting)
        throw Error{errc::not_connected, "connect() has not succeeded yet"};

    nats::PongWait wait;
    const auto executor = co_await asio::this_coro::executor;
    auto& clock = *self->options_.clock;
    const auto timer = clock.call_at(clock.now() + timeout, executor, [&wait, timeout] {
        wait.fail(Error{errc::timeout,
                        "the server did not confirm within " + std::to_string(timeout.count()) + " ms"});
    });
    const OnExit leave{[&] { self->pings_.remove(wait); }};
    self->send_ping(&wait);
    co_await wait.wait();
}

Task<Subscription> Nats::Impl::subscribe(Self self, std::string topic, std::shared_ptr<Receiver> receiver,
                                         std::string queue, std::uint64_t max_messages) {
    check_subscribe(topic);
    if (!queue.empty())
        check_publish(queue); // a name follows the rules of a topic
    if (self->closing_ || self->phase_ == Phase::closed)
        throw Error{errc::closed, "the connection was closed", topic};
    if (!self->session_ || self->phase_ == Phase::connecting)
        throw Error{errc::not_connected, "connect() has not succeeded yet", topic};

    nats::PongWait wait{topic};
    std::uint64_t sid = 0;
    const OnExit leave{[&] {
        self->pings_.remove(wait);
        if (sid != 0)
            self->unsubscribe(sid);
    }};
    nats::Subscriptions::Entry entry{topic, std::move(queue), std::move(receiver), max_messages};
    sid = self->subscriptions_.insert(std::move(entry), [&](std::uint64_t id, const auto& added) {
        self->outbox_.control([&](nats::OutBuffer& out) { added.append(out, id); });
    });
    self->send_ping(&wait);
    co_await wait.wait();
    co_return Subscription{self, std::exchange(sid, 0)};
}

void Nats::Impl::unsubscribe(std::uint64_t id) noexcept {
    try {
        subscriptions_.erase(id, [&](std::uint64_t sid) {
            outbox_.control([&](nats::OutBuffer& out) { nats::append_unsubscribe(out, sid); });
        });
    } catch (...) { // NOLINT(bugprone-empty-catch)
        // It is gone here; for want of memory the server does not know.
    }
    resume(); // reading may have stalled on it
}

Task<Message> Nats::Impl::request(Self self, std::string topic, Bytes payload,
                                  std::chrono::milliseconds timeout, Headers headers) {
    check_publish(topic);
    if (self->phase_ == Phase::closed)
        throw Error{errc::closed, "the connection was closed", topic};
    if (!self->session_ || self->phase_ == Phase::connecting)
        throw Error{errc::not_connected, "connect() has not succeeded yet", topic};

    nats::PendingRequest pending{topic};
    self->subscribe_inbox();
    const auto id = self->requests_.add(pending, self->options_.clock->now() + timeout);
    const OnExit leave{[&] { self->requests_.remove(id); }};
    self->publish(topic, payload, headers, self->requests_.reply_topic(id));
    co_await pending.wait();
    co_return pending.take_answer();
}

void Nats::Impl::publish(std::string_view topic, std::string_view payload, const Headers& headers,
                         std::string_view reply) {
    try {
        check_publish(topic);
        if (!reply.empty())
            check_publish(reply);
        const auto size = nats::body_size(headers, payload);
        if (size > max_payload())
            throw Error{errc::payload_too_large,
                        std::to_string(size) + " bytes" + (headers.empty() ? "" : " with headers") +
                            ", the server takes " + std::to_string(max_payload()),
                        std::string{topic}};
        outbox_.publish(topic, reply, headers, payload);
    } catch (...) {
        ++rejected_;
        throw;
    }
}

TransportCounters Nats::Impl::counters() const {
    TransportCounters counters;
    outbox_.add_to(counters);
    counters.received = received_;
    counters.received_bytes = received_bytes_;
    counters.rejected = rejected_;
    counters.reconnects = reconnects_;
    return counters;
}

std::string Nats::Impl::server() const {
    const std::lock_guard lock{server_mutex_};
    return server_;
}

void Nats::Impl::abandon() noexcept {
    phase_ = Phase::closed;
    outbox_.close();
    subscriptions_.clear();
    events_.clear();
    loop_.post([weak = weak_from_this()] {
        if (const auto self = weak.lock(); self && self->session_)
            self->session_->stop();
    });
}

} // namespace fluxmq
