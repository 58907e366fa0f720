// SPDX-License-Identifier: MIT
#include "connection.hpp"

#include <algorithm>

namespace fluxmq {

Nats::Impl::Impl()
    : random_{std::random_device{}()}, outbox_{[this] {
          loop_.post([weak = weak_from_this()] {
              if (const auto self = weak.lock())
                  self->write();
          });
      }} {}

Task<> Nats::Impl::live(std::unique_ptr<Session> session) {
    auto& self = *session->impl;
    std::string trouble;
    try {
        co_await self.run(*session);
    } catch (const std::exception& error) {
        trouble = error.what(); // out of memory, at best
    }
    if (!trouble.empty())
        self.shut("internal error: " + trouble);
    session.reset();
}

Task<> Nats::Impl::run(Session& session) {
    if (auto failure = co_await open_first(session)) {
        first_failure_ = std::move(failure);
        auto connecting = Phase::connecting;
        phase_.compare_exchange_strong(connecting, Phase::idle);
        co_return;
    }
    for (bool again = true; again && !session.stopping;) {
        established(session);
        const auto why = co_await serve(session);
        session.link->stream.close();
        while (session.writing) // whether the kernel took the bytes decides what is sent again
            co_await session.wait();
        if (session.stopping)
            break;
        lost(session, why);
        if (session.successor)
            session.link = std::exchange(session.successor, nullptr);
        else
            again = co_await reopen(session);
    }
}

void Nats::Impl::established(Session& session) {
    const auto address = session.link->server.address();
    const bool first = phase_ == Phase::connecting;
    session.pings_out = 0;
    session.lost_reason.clear();
    heed(session.link->info);
    {
        const std::lock_guard lock{server_mutex_};
        server_ = address;
        server_info_ = {session.link->info.name, session.link->info.version};
    }

    nats::OutBuffer frames;
    if (inbox_wanted_)
        nats::append_subscribe(frames, requests_.inbox_pattern(), {}, nats::Subscriptions::inbox_sid);
    subscriptions_.resubscribe(std::move(frames),
                               [&](nats::OutBuffer all) { outbox_.connected(std::move(all)); });
    if (!first)
        ++reconnects_;
    auto expected = first ? Phase::connecting : Phase::reconnecting;
    phase_.compare_exchange_strong(expected, Phase::connected); // it may be closed from another thread
    for (auto* wait : pings_.take_deferred())
        send_ping(wait);
    tick(session);
    if (options_.tls.insecure_skip_verify && session.link->stream.secured())
        emit(ConnectionState::insecure, address +
                                            ": the certificate is not checked (insecure_skip_verify), so "
                                            "whoever is on the way can read and change everything");
    emit(first ? ConnectionState::connected : ConnectionState::reconnected, address);
    connecting_.finish_all();
    discover(session);
}

// What publish() must know of the server.
void Nats::Impl::heed(const nats::ServerInfo& info) {
    max_payload_ = info.max_payload;
    takes_headers_ = info.headers;
}

void Nats::Impl::lost(Session& session, const std::string& why) {
    session.ping_timer.cancel();
    session.move_timer.cancel();
    auto expected = Phase::connected;
    phase_.compare_exchange_strong(expected, Phase::reconnecting);
    outbox_.disconnected();
    {
        const std::lock_guard lock{server_mutex_};
        server_.clear();
        server_info_ = {};
    }
    const Error failure{errc::disconnected, why};
    pings_.disconnected(failure);
    if (!std::exchange(session.moved, false)) // else the answers may come on the next one
        requests_.fail_all(failure);
    emit(ConnectionState::disconnected, why);
}

void Nats::Impl::shut(const std::string& why) {
    if (phase_.exchange(Phase::closed) == Phase::closed)
        return;
    if (slow_)
        slow_->stop();
    subscriptions_.clear();
    outbox_.close(why);
    const Error failure{errc::closed, why};
    pings_.fail_all(failure);
    requests_.fail_all(failure);
    emit(ConnectionState::closed, why);
    events_.clear();
    if (session_)
        session_->stop();
}

// The session goes: by itself, or with its event loop.
void Nats::Impl::ended() noexcept {
    session_ = nullptr;
    const bool was_connected = phase_ != Phase::idle;
    if (was_connected) {
        phase_ = Phase::closed; // before the loop goes: others find one of the two
        outbox_.close("its event loop has ended");
    }
    loop_.detach();
    const auto failure = std::exchange(first_failure_, std::nullopt);
    if (was_connected)
        subscriptions_.clear();
    const Error closed{errc::closed, outbox_.why_closed()};
    connecting_.fail_all(failure ? *failure : closed);
    pings_.fail_all(closed);
    requests_.stop(closed);
    ending_.finish_all();
}

void Nats::Impl::emit(ConnectionState state, std::string detail) {
    events_.emit(ConnectionEvent{state, std::move(detail)});
}

} // namespace fluxmq
