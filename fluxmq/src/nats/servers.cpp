// SPDX-License-Identifier: MIT
// Which server a connection is made to: the first one, the next one after a loss, and another one in time when the
// present one is about to go.
#include "connection.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>

namespace fluxmq {

namespace {

// The pauses between rounds: doubling up to a longest one, and jittered, so that clients do not return all at once.
class Backoff {
public:
    Backoff(Clock::duration longest, std::minstd_rand& random)
        : longest_{longest}, pause_{longest / 20}, random_{random} {}

    Clock::duration next() {
        const auto pause = pause_ * std::uniform_int_distribution<int>{500, 1000}(random_) / 1000;
        pause_ = std::min(pause_ * 2, longest_);
        return pause;
    }

    Clock::duration longest() const noexcept { return longest_; }

private:
    Clock::duration longest_;
    Clock::duration pause_;
    std::minstd_rand& random_;
};

// Of all the servers of a round.
void add(std::optional<Error>& all, const Error& next) {
    if (!all) {
        all = next;
        return;
    }
    const bool same = all->kind() == next.kind();
    const bool hopeless = !all->retryable() && !next.retryable();
    const auto kind = same || hopeless ? all->kind() : errc::connect_failed;
    all.emplace(kind, all->detail() + "; " + next.detail(), "",
                all->broker_text().empty() ? next.broker_text() : all->broker_text());
}

} // namespace

Task<std::optional<Error>> Nats::Impl::open_first(Session& session) {
    if (options_.randomize)
        session.pool.shuffle(random_);
    const auto limit = options_.connect_deadline;
    Timer deadline;
    if (limit > Clock::duration::zero())
        deadline = options_.clock->call_at(options_.clock->now() + limit, session.executor,
                                           [&session] { session.expire(); });
    Backoff backoff{options_.reconnect_time_wait, random_};
    for (int round = 0;; ++round) {
        const auto failure = co_await try_all(session);
        if (!failure || session.stopping)
            co_return failure;
        const bool allowed = options_.max_reconnect_attempts < 0 || round < options_.max_reconnect_attempts;
        const bool again = options_.retry_on_failed_connect && allowed && failure->retryable();
        if (again && !session.late)
            co_await session.pause(backoff.next());
        if (session.late)
            co_return Error{errc::connect_timeout, "no connection within " + std::to_string(limit.count()) +
                                                       " ms (connect_deadline); " + failure->detail()};
        if (!again || session.pool.empty())
            co_return failure;
    }
}

// Rounds over all servers, the one after the lost one first. False when it is given up.
Task<bool> Nats::Impl::reopen(Session& session) {
    Backoff backoff{options_.reconnect_time_wait, random_};
    std::string last = "no attempt was allowed";
    bool refused = false;
    for (int round = 0; options_.max_reconnect_attempts < 0 || round < options_.max_reconnect_attempts;
         ++round) {
        co_await session.pause(refused ? backoff.longest() : backoff.next());
        const auto failure = co_await try_all(session);
        if (!failure || session.stopping)
            co_return !session.stopping;
        last = failure->what();
        refused = failure->kind() == errc::authorization_failed; // renewed ones may be on their way
        if (session.pool.empty()) {
            shut("given up, the credentials were refused twice: " + last);
            co_return false;
        }
    }
    shut("given up after " + std::to_string(options_.max_reconnect_attempts) + " rounds: " + last);
    co_return false;
}

// One attempt at each server.
Task<std::optional<Error>> Nats::Impl::try_all(Session& session) {
    std::optional<Error> all;
    for (auto left = session.pool.size(); left > 0 && !session.pool.empty() && !session.late; --left) {
        const auto failure = co_await try_one(session, session.pool.next());
        if (!failure)
            co_return std::nullopt;
        add(all, *failure);
        if (session.stopping)
            break;
    }
    co_return all;
}

// A success becomes session.link.
Task<std::optional<Error>> Nats::Impl::try_one(Session& session, nats::Server server) {
    if (session.stopping)
        co_return Error{errc::closed, "the connection was closed while it was made"};
    const auto link = std::make_shared<nats::Link>(session.executor, server);
    session.opening = link;
    const auto failure = co_await nats::open(link, options_);
    session.opening.reset();
    judge(session, *link, failure);
    if (!failure)
        session.link = link;
    co_return failure;
}

// What came of an attempt, for the next ones.
void Nats::Impl::judge(Session& session, const nats::Link& link, const std::optional<Error>& failure) {
    if (!failure) {
        session.pool.accepted(link.server, link.stream.secured());
        return;
    }
    const bool credentials = failure->kind() == errc::authorization_failed;
    if (credentials && !failure->broker_text().empty())
        session.pool.refused(link.server);
    if (phase_ != Phase::connecting && (credentials || failure->kind() == errc::tls_failed))
        emit(ConnectionState::error, failure->what()); // somebody has to mend it
}

// INFO may tell of servers that came or went, or that the present one is about to go.
void Nats::Impl::discover(Session& session) {
    const auto& link = *session.link;
    if (options_.use_discovered_servers && session.pool.discovered(link.info.connect_urls, link.server) &&
        options_.randomize)
        session.pool.shuffle(random_, &link.server);
    if (link.info.lame_duck && !std::exchange(session.link->leaving, true)) {
        emit(ConnectionState::lame_duck, link.server.address() + " is about to go");
        move_soon(session);
    }
}

// Not at once: all clients of the server have the same idea.
void Nats::Impl::move_soon(Session& session) {
    const Clock::duration longest = options_.reconnect_time_wait;
    const auto pause = longest * std::uniform_int_distribution<int>{0, 1000}(random_) / 1000;
    session.move_timer =
        options_.clock->call_at(options_.clock->now() + pause, session.executor, [this, &session] {
            boost::asio::co_spawn(session.executor, move(shared_from_this(), session.link),
                                  boost::asio::detached);
        });
}

// To another server, while `from` still serves.
Task<> Nats::Impl::move(Self self, std::shared_ptr<nats::Link> from) {
    const auto here = [&] {
        return self->session_ && self->session_->link == from && !self->session_->stopping &&
               self->phase_ == Phase::connected;
    };
    for (auto left = here() ? self->session_->pool.size() : 0; left > 0 && here(); --left) {
        auto& session = *self->session_;
        if (session.pool.empty())
            break;
        const auto server = session.pool.next();
        if (server.address() == from->server.address())
            continue;
        const auto to = std::make_shared<nats::Link>(session.executor, server);
        session.moving = to;
        const auto failure = co_await nats::open(to, self->options_);
        if (!here()) {
            to->stream.close();
            if (self->session_)
                self->session_->moving.reset();
            co_return;
        }
        self->session_->moving.reset();
        self->judge(*self->session_, *to, failure);
        if (!failure) {
            co_await hand_over(self, from, to);
            co_return;
        }
    }
    if (here())
        self->move_soon(*self->session_);
}

// Leaves `from` with nothing on the way: the server has all that was published, we have all that it sent, and what
// is published meanwhile waits for `to`.
Task<> Nats::Impl::hand_over(Self self, std::shared_ptr<nats::Link> from, std::shared_ptr<nats::Link> to) {
    self->session_->successor = to;
    nats::PongWait wait;
    const auto& options = self->options_;
    bool late =
        false; // the server may be gone already, or a receiver that blocks may stand before its answer
    const auto expire = [&wait, &late] {
        late = true;
        wait.finish();
    };
    const auto timer =
        options.clock->call_at(options.clock->now() + options.connect_timeout, to->executor, expire);
    self->subscriptions_.unsubscribe_all([&](nats::OutBuffer frames) {
        nats::append_ping(frames);
        self->outbox_.hold(std::move(frames));
    });
    self->pings_.sent(&wait);
    try {
        co_await wait.wait();
    } catch (const Error&) {
        co_return; // it broke before, and `to` has taken over
    }
    self->pings_.remove(wait);
    if (auto* session = self->session_; session && session->link == from && !session->stopping) {
        session->moved = !late;
        session->lose("moved to " + to->server.address());
    }
}

} // namespace fluxmq
