// SPDX-License-Identifier: MIT
#include "connection.hpp"
#include "header_block.hpp"
#include "text.hpp"

#include <boost/asio/error.hpp>

namespace fluxmq {

using nats::Frame;
using nats::Subscriptions;

// Until the connection is lost; says why.
Task<std::string> Nats::Impl::serve(Session& session) {
    for (;;) {
        const auto progress = consume(session);
        if (session.stopping)
            co_return "closed";
        if (progress.broken)
            co_return *progress.broken;
        if (session.stalled) {
            co_await unstall(session);
            if (!session.lost_reason.empty())
                co_return session.lost_reason; // what stands behind the message must not overtake it
            continue;
        }
        const auto [room, size] = session.link->in.prepare(progress.frame_size);
        boost::system::error_code failed;
        const auto count = co_await session.link->stream.read_some(room, size, failed);
        if (failed) {
            if (!session.lost_reason.empty())
                co_return session.lost_reason;
            co_return failed == boost::asio::error::eof ? "the server closed the connection"
                                                        : failed.message();
        }
        session.link->in.commit(count);
        session.pings_out = 0;
    }
}

// Everything complete that was read.
Nats::Impl::Progress Nats::Impl::consume(Session& session) {
    Frame frame;
    while (!session.stopping && deliver_messages(session, frame)) {
        switch (frame.kind) {
        case Frame::Kind::incomplete: return {frame.size};
        case Frame::Kind::malformed: return {0, nats::explain(frame)};
        default: break;
        }
        if (auto progress = handle(session, frame); progress.broken)
            return progress;
        session.link->in.consume(frame.size);
    }
    return {};
}

// Up to a frame that is no message. False when a receiver is full.
bool Nats::Impl::deliver_messages(Session& session, Frame& frame) {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
    bool stalled = false;
    {
        Subscriptions::Delivery delivery{subscriptions_};
        while (!stalled && nats::parse(session.link->in.unread(), frame) == Frame::Kind::message) {
            const auto outcome = deliver(session, delivery, frame);
            session.link->in.consume(frame.size);
            if (outcome == Subscriptions::Outcome::unknown)
                continue; // unsubscribed while it was on its way
            stalled = outcome == Subscriptions::Outcome::full;
            if (stalled)
                break; // it counts when it is taken
            ++messages;
            bytes += frame.payload.size();
        }
    }
    received_.store(received_.load(std::memory_order_relaxed) + messages, std::memory_order_relaxed);
    received_bytes_.store(received_bytes_.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
    return !stalled;
}

Subscriptions::Outcome Nats::Impl::deliver(Session& session, Subscriptions::Delivery& delivery,
                                           const Frame& frame) {
    if (frame.sid == Subscriptions::inbox_sid) {
        delivery.end_batch();
        if (const auto acknowledgement = requests_.answer(make_message(session, frame)))
            answer_empty(acknowledgement->reply());
        return Subscriptions::Outcome::taken;
    }
    auto message = make_message(session, frame);
    const auto outcome = delivery.offer(frame.sid, std::move(message));
    if (outcome == Subscriptions::Outcome::full) {
        session.stalled = frame.sid;
        session.refused = std::move(message); // NOLINT(bugprone-use-after-move): untouched by contract
    }
    return outcome;
}

Message Nats::Impl::make_message(Session& session, const Frame& frame) {
    std::shared_ptr<const Headers> headers;
    nats::HeaderStatus status;
    if (!frame.headers.empty()) {
        Headers read;
        nats::read_header_block(frame.headers, read, status);
        if (!read.empty())
            headers = std::make_shared<const Headers>(std::move(read));
    }
    auto message = Message::in_one(session.link->in.slice(frame.payload), frame.subject, frame.reply,
                                   std::move(headers));
    if (status.code != 0)
        message.set_status(status.code, status.description);
    return message;
}

void Nats::Impl::answer_empty(std::string_view topic) {
    try {
        publish(topic, {}, {}, {});
    } catch (const Error&) { // NOLINT(bugprone-empty-catch)
        // It cannot be sent: the connection is being closed, say. The peer waits for its timeout.
    }
}

Nats::Impl::Progress Nats::Impl::handle(Session& session, const Frame& frame) {
    switch (frame.kind) {
    case Frame::Kind::ping: outbox_.control([](nats::OutBuffer& out) { nats::append_pong(out); }); return {};
    case Frame::Kind::pong: pings_.pong(); return {};
    case Frame::Kind::info:
        try {
            session.link->info = nats::parse_info(frame.text);
            heed(session.link->info);
            discover(session);
            return {};
        } catch (const Error& error) {
            return {0, error.detail()};
        }
    case Frame::Kind::error: return {0, server_error(frame.text)};
    default: return {};
    }
}

namespace {

// What stands in quotes behind `what`, as in: Permissions Violation for Publish to "foo"
std::optional<std::string_view> quoted_behind(std::string_view text, std::string_view what) noexcept {
    if (text.size() < what.size() || !std::equal(what.begin(), what.end(), text.begin(), nats::same_letter))
        return std::nullopt;
    const auto open = text.find('"', what.size());
    const auto close = text.find('"', open == std::string_view::npos ? open : open + 1);
    if (close == std::string_view::npos)
        return std::string_view{};
    return text.substr(open + 1, close - open - 1);
}

} // namespace

// What is wrong with the connection; nothing when it goes on.
std::optional<std::string> Nats::Impl::server_error(std::string_view text) {
    const std::string words{text};
    if (const auto subject = quoted_behind(text, "permissions violation for subscription to")) {
        const Error failure{errc::permission_denied, "the server refuses the subscription",
                            std::string{*subject}, words};
        if (auto* wait = pings_.find(*subject))
            wait->set_failure(failure);
        else if (*subject == requests_.inbox_pattern())
            requests_.fail_all(failure);
    } else if (const auto topic = quoted_behind(text, "permissions violation for publish to")) {
        requests_.refuse(*topic, words);
    } else if (!quoted_behind(text, "invalid subject") && !quoted_behind(text, "invalid publish subject")) {
        return "the server says: " + words;
    }
    emit(ConnectionState::error, words);
    return std::nullopt;
}

// Waits until the receiver of the message it stalled on has room, and offers it again. Meanwhile nothing is
// read, so that the server waits too.
Task<> Nats::Impl::unstall(Session& session) {
    const auto sid = session.stalled;
    while (!session.stopping && session.lost_reason.empty()) {
        if (const auto receiver = subscriptions_.receiver(sid))
            receiver->when_ready([weak = weak_from_this()] {
                if (const auto self = weak.lock())
                    self->resume();
            });
        else
            break; // unsubscribed
        co_await session.wait();
        if (session.stopping)
            break;
        const auto size = session.refused.payload().size();
        Subscriptions::Delivery delivery{subscriptions_};
        const auto outcome = delivery.offer(sid, std::move(session.refused));
        if (outcome == Subscriptions::Outcome::full)
            continue;
        if (outcome == Subscriptions::Outcome::taken) {
            ++received_;
            received_bytes_ += size;
        }
        break;
    }
    session.stalled = 0;
    session.refused = {};
}

// Any thread: there may be room again.
void Nats::Impl::resume() noexcept {
    loop_.post([weak = weak_from_this()] {
        if (const auto self = weak.lock(); self && self->session_)
            self->session_->notify();
    });
}

void Nats::Impl::write() {
    if (!session_ || session_->writing)
        return;
    const auto bytes = outbox_.start_write();
    if (bytes.empty())
        return;
    session_->writing = true;
    write_some(bytes);
}

void Nats::Impl::write_some(std::string_view bytes) {
    const auto link = session_->link;
    const auto self = shared_from_this();
    link->stream.async_write_some(bytes, [self, link](boost::system::error_code failed, std::size_t count) {
        const auto rest = self->outbox_.written(count);
        if (!self->session_)
            return;
        if (!failed && !rest.empty())
            return self->write_some(rest);
        self->session_->writing = false;
        if (failed)
            self->session_->notify(); // reading finds out why
        else
            self->write();
        if (!self->session_->writing)
            self->session_->notify();
    });
}

// A sign of life is due.
void Nats::Impl::tick(Session& session) {
    if (options_.ping_interval <= Clock::duration::zero())
        return;
    if (session.stalled) {
        // Its PINGs wait unread: answer them unseen, so that the server does not take us for dead.
        outbox_.control([](nats::OutBuffer& out) { nats::append_pong(out); });
        session.notify();
    } else if (session.pings_out >= options_.max_pings_outstanding) {
        session.lose("the server did not answer " + std::to_string(session.pings_out) + " pings");
        return;
    } else if (phase_ == Phase::connected) {
        ++session.pings_out;
        send_ping(nullptr);
    }
    session.ping_timer = options_.clock->call_at(options_.clock->now() + options_.ping_interval,
                                                 session.executor, [this, &session] { tick(session); });
}

void Nats::Impl::send_ping(nats::PongWait* wait) {
    if (outbox_.control([](nats::OutBuffer& out) { nats::append_ping(out); }))
        pings_.sent(wait);
    else if (wait)
        pings_.defer(*wait);
}

void Nats::Impl::subscribe_inbox() {
    if (std::exchange(inbox_wanted_, true))
        return;
    outbox_.control([&](nats::OutBuffer& out) {
        nats::append_subscribe(out, requests_.inbox_pattern(), {}, Subscriptions::inbox_sid);
    });
}

} // namespace fluxmq
