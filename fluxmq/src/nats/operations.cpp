// SPDX-License-Identifier: MIT
#include <fluxmq/run_on.hpp>
#include <fluxmq/subject.hpp>

#include "../cancellation.hpp"
#include "../drain.hpp"
#include "../on_exit.hpp"
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

std::vector<nats::Server> all_servers(std::string_view first, const std::vector<std::string>& more) {
    auto servers = nats::parse_servers(first);
    for (const auto& urls : more) {
        auto parsed = nats::parse_servers(urls);
        std::move(parsed.begin(), parsed.end(), std::back_inserter(servers));
    }
    return servers;
}

} // namespace

void Nats::Impl::check_usable(std::string_view topic) const {
    const auto phase = phase_.load();
    if (phase == Phase::closed)
        throw Error{errc::closed, outbox_.why_closed(), std::string{topic}};
    if (phase == Phase::idle || phase == Phase::connecting)
        throw Error{errc::not_connected, "connect() has not succeeded yet", std::string{topic}};
}

// The connection's loop, for an operation that was awaited at another one; nothing where it may go on. There is a
// connection, or it throws.
std::optional<asio::any_io_executor> Nats::Impl::usable_loop(const asio::any_io_executor& caller,
                                                             std::string_view topic) {
    check_usable(topic);
    auto loop = loop_.beyond(caller);
    if (!loop)
        check_usable(topic); // the loop may have gone just now
    return loop;
}

Task<> Nats::Impl::connect(Self self, std::string url, NatsOptions options) {
    const auto executor = co_await asio::this_coro::executor;
    if (const auto loop = self->loop_.beyond(executor)) {
        co_await run_on(*loop, connect(self, std::move(url), std::move(options)));
        co_return;
    }
    auto servers = all_servers(url, options.servers);

    // One that fails or is cancelled ends soon; another one that connects is joined.
    while (self->session_ && self->session_->stopping)
        co_await session_end(self);
    if (self->closing_ || self->phase_ == Phase::closed)
        throw Error{errc::closed, self->outbox_.why_closed()};
    if (self->connected())
        co_return;

    nats::Operation done;
    const nats::Listed listed{self->connecting_, done};
    const bool starts = !self->session_;
    if (starts)
        self->start(executor, std::move(servers), std::move(options));
    const OnExit undo{[&] {
        if (starts && !done.finished() && self->session_ && self->phase_ == Phase::connecting)
            self->session_->stop();
    }};
    co_await done.wait();
}

void Nats::Impl::start(const asio::any_io_executor& executor, std::vector<nats::Server> servers,
                       NatsOptions options) {
    options_ = std::move(options);
    if (options_.credentials)
        options_.credentials = [this, ask = std::move(options_.credentials)] { return events_.call(ask); };
    outbox_.set_limits(options_.write_buffer_size, options_.reconnect_buffer_size);
    requests_.use(options_.clock, executor);
    if (!slow_)
        slow_ = std::make_shared<SlowConsumers>(
            options_.clock,
            [weak = weak_from_this()](Clock::time_point when, std::function<void()> function) {
                if (const auto self = weak.lock())
                    self->loop_.call_at(self->options_.clock, when, std::move(function));
            },
            [weak = weak_from_this()](const ConnectionEvent& event) {
                if (const auto self = weak.lock())
                    self->events_.emit(event);
            });
    auto idle = Phase::idle;
    phase_.compare_exchange_strong(idle, Phase::connecting);
    auto session = std::make_unique<Session>(shared_from_this(), executor, std::move(servers));
    asio::co_spawn(executor, live(std::move(session)), asio::detached);
}

Task<> Nats::Impl::close(Self self) {
    const auto executor = co_await asio::this_coro::executor;
    if (const auto loop = self->loop_.beyond(executor)) {
        co_await run_on(*loop, close(self));
        co_return;
    }
    if (!self->closing_.exchange(true)) {
        const OnExit shut{[&] { self->shut("closed by the application"); }}; // also when this is cancelled
        self->outbox_.refuse();
        if (self->connected() && !self->session_->stalled)
            co_await flushed(self, self->options_.clock->now() + last_flush_timeout);
    }
    while (self->session_)
        co_await session_end(self);
}

Task<> Nats::Impl::session_end(Self self) {
    nats::Operation end;
    const nats::Listed listed{self->ending_, end};
    co_await end.wait();
}

// Whether the server has all that was published, and we all that it had for us.
Task<bool> Nats::Impl::flushed(Self self, Clock::time_point deadline) {
    try {
        const auto rest = std::max(Clock::duration::zero(), deadline - self->options_.clock->now());
        co_await flush(self, std::chrono::duration_cast<std::chrono::milliseconds>(rest));
        co_return true;
    } catch (const Error& error) {
        if (error.kind() == errc::cancelled)
            throw;
        co_return false;
    }
}

Task<> Nats::Impl::flush(Self self, std::chrono::milliseconds timeout) {
    const auto executor = co_await asio::this_coro::executor;
    if (const auto loop = self->usable_loop(executor, {})) {
        co_await run_on(*loop, flush(self, timeout));
        co_return;
    }

    nats::PongWait wait;
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
    const auto executor = co_await asio::this_coro::executor;
    if (const auto loop = self->usable_loop(executor, topic))
        co_return co_await run_on(
            *loop, subscribe(self, std::move(topic), std::move(receiver), std::move(queue), max_messages));
    if (self->closing_ || self->draining_)
        throw Error{errc::closed, self->outbox_.why_closed(), topic};

    nats::PongWait wait{topic};
    std::uint64_t sid = 0;
    const OnExit leave{[&] {
        self->pings_.remove(wait);
        if (sid != 0)
            self->unsubscribe(sid);
    }};
    receiver = self->slow_->watch(std::move(receiver), topic);
    nats::Subscriptions::Entry entry{topic, std::move(queue), std::move(receiver), max_messages};
    sid = self->subscriptions_.insert(std::move(entry), [&](std::uint64_t id, const auto& added) {
        self->outbox_.control([&](nats::OutBuffer& out) { added.append(out, id); });
    });
    self->send_ping(&wait);
    co_await wait.wait();
    co_return Subscription{self, std::exchange(sid, 0)};
}

void Nats::Impl::tell_unsubscribed(std::uint64_t sid) {
    outbox_.control([&](nats::OutBuffer& out) { nats::append_unsubscribe(out, sid); });
}

void Nats::Impl::unsubscribe(std::uint64_t id) noexcept {
    try {
        subscriptions_.erase(id, [&](std::uint64_t sid) { tell_unsubscribed(sid); });
    } catch (...) { // NOLINT(bugprone-empty-catch)
        // It is gone here; for want of memory the server does not know.
    }
    resume(); // reading may have stalled on it
}

bool Nats::Impl::redirect(std::uint64_t id, std::shared_ptr<Receiver> receiver) {
    const bool found = subscriptions_.redirect(
        id, [&](const std::string& subject) { return slow_->watch(std::move(receiver), subject); });
    resume(); // reading may have stalled on the earlier one
    return found;
}

Task<DrainReport> Nats::Impl::drain(std::uint64_t id, std::chrono::milliseconds timeout) {
    return cancellable(drain_one(shared_from_this(), id, timeout));
}

Task<DrainReport> Nats::Impl::drain_one(Self self, std::uint64_t id, std::chrono::milliseconds timeout) {
    const auto executor = co_await asio::this_coro::executor;
    if (const auto loop = self->loop_.beyond(executor))
        co_return co_await run_on(*loop, drain_one(self, id, timeout));
    const OnExit gone{[&] { self->unsubscribe(id); }};
    const auto announce = [&](std::uint64_t sid) { self->tell_unsubscribed(sid); };
    auto subscription = self->subscriptions_.drain(id, announce);
    const auto deadline = self->options_.clock->now() + timeout;
    co_return co_await drained(self, std::move(subscription), deadline);
}

Task<DrainReport> Nats::Impl::drain_all(Self self, std::chrono::milliseconds timeout) {
    const auto executor = co_await asio::this_coro::executor;
    if (const auto loop = self->loop_.beyond(executor))
        co_return co_await run_on(*loop, drain_all(self, timeout));
    if (self->draining_.exchange(true)) { // another one has begun, and ends it
        while (self->session_)
            co_await session_end(self);
        co_return self->drain_report_;
    }
    const OnExit shut{[&] { self->shut("drained"); }};
    const auto announce = [&](std::uint64_t sid) { self->tell_unsubscribed(sid); };
    auto subscriptions = self->subscriptions_.drain(0, announce);
    const auto deadline = self->options_.clock->now() + timeout;
    auto report = co_await drained(self, std::move(subscriptions), deadline);

    // What the readers have published, and everybody else.
    self->outbox_.refuse();
    const bool passed_on = co_await flushed(self, deadline);
    report.confirmed = report.confirmed && passed_on;
    report.unsent = self->counters().pending;
    self->drain_report_ = report;
    self->shut("drained");
    while (self->session_)
        co_await session_end(self);
    co_return report;
}

// All of them together: their readers work at the same time.
Task<DrainReport> Nats::Impl::drained(Self self, std::vector<nats::Subscriptions::Drained> all,
                                      Clock::time_point deadline) {
    const auto clock = self->options_.clock;
    DrainReport report;
    if (all.empty())
        co_return report;
    report.confirmed = self->connected(); // else nothing is on the way
    if (report.confirmed)
        report.confirmed = co_await flushed(self, deadline);
    for (auto& one : all)
        if (const auto messages = co_await wait_idle(one.receiver, clock, deadline); messages > 0)
            report.left.push_back({std::move(one.subject), messages});
    co_return report;
}

Task<Message> Nats::Impl::request(Self self, std::string topic, Bytes payload,
                                  std::chrono::milliseconds timeout, Headers headers) {
    check_publish(topic);
    const auto executor = co_await asio::this_coro::executor;
    if (const auto loop = self->usable_loop(executor, topic))
        co_return co_await run_on(
            *loop, request(self, std::move(topic), std::move(payload), timeout, std::move(headers)));

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
        if (!headers.empty() && !takes_headers_.load(std::memory_order_relaxed))
            throw Error{errc::invalid_header, "the server does not take headers", std::string{topic}};
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

NatsServerInfo Nats::Impl::server_info() const {
    const std::lock_guard lock{server_mutex_};
    return server_info_;
}

void Nats::Impl::abandon() noexcept {
    phase_ = Phase::closed;
    outbox_.close("the transport is gone");
    subscriptions_.clear();
    events_.clear();
    loop_.post([weak = weak_from_this()] {
        if (const auto self = weak.lock(); self && self->session_)
            self->session_->stop();
    });
}

} // namespace fluxmq
