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
    if (auto failure = co_await open_any(session)) {
        first_failure_ = std::move(failure);
        auto connecting = Phase::connecting;
        phase_.compare_exchange_strong(connecting, Phase::idle);
        co_return;
    }
    for (bool again = true; again && !session.stopping;) {
        established(session);
        const auto why = co_await serve(session);
        session.stream.close();
        while (session.writing) // whether the kernel took the bytes decides what is sent again
            co_await session.wait();
        if (session.stopping)
            break;
        lost(session, why);
        again = co_await reopen(session);
    }
}

Task<std::optional<Error>> Nats::Impl::open_any(Session& session) {
    std::optional<Error> failure;
    for (session.current = 0; session.current < session.servers.size(); ++session.current) {
        auto next = co_await open(session, session.servers[session.current]);
        if (!next)
            co_return std::nullopt;
        if (session.stopping)
            co_return Error{errc::closed, "the connection was closed while it was made"};
        if (!failure) {
            failure = std::move(next);
            continue;
        }
        const auto kind = failure->kind() == next->kind() ? next->kind() : errc::connect_failed;
        failure.emplace(kind, failure->detail() + "; " + next->detail(), "",
                        failure->broker_text().empty() ? next->broker_text() : failure->broker_text());
    }
    co_return failure;
}

// Rounds over all servers, the one after the lost one first. False when it is given up.
Task<bool> Nats::Impl::reopen(Session& session) {
    const Clock::duration longest = options_.reconnect_time_wait;
    auto pause = longest / 20;
    std::string last = "no attempt was allowed";
    const auto count = session.servers.size();
    for (int round = 0; options_.max_reconnect_attempts < 0 || round < options_.max_reconnect_attempts;
         ++round) {
        co_await session.pause(pause * std::uniform_int_distribution<int>{500, 1000}(random_) / 1000);
        pause = std::min(pause * 2, longest);
        for (std::size_t i = 0; i < count; ++i) {
            if (session.stopping)
                co_return false;
            session.current = (session.current + 1) % count;
            const auto failure = co_await open(session, session.servers[session.current]);
            if (!failure)
                co_return true;
            last = failure->what();
            auto& refusals = session.refusals[session.current];
            refusals = failure->kind() == errc::authorization_failed ? refusals + 1 : 0;
            if (refusals == 2) {
                shut("given up, the credentials were refused twice: " + last);
                co_return false;
            }
        }
    }
    if (!session.stopping)
        shut("given up after " + std::to_string(options_.max_reconnect_attempts) + " rounds: " + last);
    co_return false;
}

void Nats::Impl::established(Session& session) {
    const auto address = session.servers[session.current].address();
    const bool first = phase_ == Phase::connecting;
    session.refusals[session.current] = 0;
    session.pings_out = 0;
    session.lost_reason.clear();
    max_payload_ = session.info.max_payload;
    {
        const std::lock_guard lock{server_mutex_};
        server_ = address;
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
    events_.emit(first ? ConnectionState::connected : ConnectionState::reconnected, address);
    connecting_.finish_all();
}

void Nats::Impl::lost(Session& session, const std::string& why) {
    session.ping_timer.cancel();
    auto expected = Phase::connected;
    phase_.compare_exchange_strong(expected, Phase::reconnecting);
    outbox_.disconnected();
    {
        const std::lock_guard lock{server_mutex_};
        server_.clear();
    }
    const Error failure{errc::disconnected, why};
    pings_.disconnected(failure);
    requests_.fail_all(failure);
    events_.emit(ConnectionState::disconnected, why);
}

void Nats::Impl::shut(const std::string& why) {
    if (phase_.exchange(Phase::closed) == Phase::closed)
        return;
    subscriptions_.clear();
    outbox_.close();
    const Error failure{errc::closed, why};
    pings_.fail_all(failure);
    requests_.fail_all(failure);
    events_.emit(ConnectionState::closed, why);
    events_.clear();
    if (session_)
        session_->stop();
}

// The session goes: by itself, or with its event loop.
void Nats::Impl::ended() noexcept {
    session_ = nullptr;
    loop_.detach();
    const auto failure = std::exchange(first_failure_, std::nullopt);
    if (phase_ != Phase::idle) {
        phase_ = Phase::closed;
        outbox_.close();
        subscriptions_.clear();
    }
    const Error closed{errc::closed, "the connection was closed"};
    connecting_.fail_all(failure ? *failure : closed);
    pings_.fail_all(closed);
    requests_.stop(closed);
    ending_.finish_all();
}

} // namespace fluxmq
