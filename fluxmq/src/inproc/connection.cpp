// SPDX-License-Identifier: MIT
#include "connection.hpp"

#include <fluxmq/error.hpp>
#include <fluxmq/subject.hpp>

#include "../cancellation.hpp"
#include "../drain.hpp"
#include "../on_exit.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>

namespace fluxmq {

// What the shared inbox of a connection's requests receives.
class InProc::Connection::InboxReceiver final : public Receiver {
public:
    InboxReceiver(std::weak_ptr<RequestTable> requests, std::weak_ptr<Connection> connection,
                  std::shared_ptr<Loop> loop)
        : requests_{std::move(requests)}, connection_{std::move(connection)}, loop_{std::move(loop)} {}

    bool offer(Message&& message) noexcept override {
        const auto requests = requests_.lock();
        auto acknowledgement = requests ? requests->deliver(std::move(message)) : std::nullopt;
        // Whoever offers holds locks that a publish may need as well.
        if (acknowledgement)
            loop_->post([weak = connection_, asking = *std::move(acknowledgement)] {
                if (const auto connection = weak.lock())
                    connection->answer_empty(asking.reply());
            });
        return true;
    }
    void when_ready(std::function<void()> resume) override { resume(); }

private:
    const std::weak_ptr<RequestTable> requests_;
    const std::weak_ptr<Connection> connection_;
    const std::shared_ptr<Loop> loop_;
};

InProc::Connection::Connection(std::shared_ptr<InProcBus::Core> core)
    : core_{std::move(core)},
      requests_{std::make_shared<RequestTable>(
          "_INBOX." + std::to_string(core_->next_connection_number()) + ".", core_->options.clock)} {}

void InProc::Connection::connect(const boost::asio::any_io_executor& executor) {
    {
        const std::lock_guard lock{mutex_};
        if (state_ == State::closed)
            throw Error{errc::closed, "the transport was closed"};
        if (state_ == State::connected)
            return;
        const auto loop = Loop::of(executor);
        loop_ = loop;
        slow_ = std::make_shared<SlowConsumers>(
            core_->options.clock,
            [loop, clock = core_->options.clock](Clock::time_point when, std::function<void()> function) {
                loop->call_at(clock, when, std::move(function));
            },
            [weak = weak_from_this()](const ConnectionEvent& event) {
                if (const auto self = weak.lock())
                    self->events_.emit(event);
            });
        state_ = State::connected;
    }
    events_.emit({ConnectionState::connected, "embedded bus"});
}

void InProc::Connection::close() noexcept {
    if (state_.exchange(State::closed) == State::closed)
        return;
    // All of it goes without the lock: a receiver that goes with its target lets its publishers go on.
    std::map<std::uint64_t, std::shared_ptr<Target>> targets;
    std::map<Target*, Backlog> backlogs;
    Subscription inbox;
    std::shared_ptr<SlowConsumers> slow;
    {
        const std::lock_guard lock{mutex_};
        targets = targets_;
        inbox = std::move(inbox_);
        slow = std::move(slow_);
        lost_ += waiting_.exchange(0);
        backlogs.swap(backlogs_);
        for (const auto& [key, backlog] : backlogs)
            backlog.target->waiting -= backlog.entries.size();
        wake_flushers();
    }
    for (const auto& [id, target] : targets)
        end(id, target);
    requests_->fail_all(Error{errc::closed, "the transport was closed"});
    if (slow)
        slow->stop();
    events_.emit({ConnectionState::closed, draining_ ? "drained" : "closed by the application"});
    events_.clear();
}

void InProc::Connection::abandon() noexcept {
    events_.clear();
    close();
}

Subscription InProc::Connection::subscribe(std::string pattern, std::shared_ptr<Receiver> receiver,
                                           const SubscribeOptions& options) {
    check_open(pattern);
    check_subscribe(pattern);
    if (!options.queue.empty())
        check_publish(options.queue);
    const std::lock_guard lock{mutex_};
    check_open(pattern); // close() may have taken away all targets meanwhile
    if (draining_)
        throw Error{errc::closed, "the transport is being drained", pattern};
    receiver = slow_->watch(std::move(receiver), pattern);
    const auto target = std::make_shared<Target>(std::move(pattern), std::move(receiver), options);
    const auto id = ++last_id_;
    targets_.emplace(id, target);
    core_->add(target);
    return Subscription{weak_from_this(), id};
}

void InProc::Connection::unsubscribe(std::uint64_t id) noexcept {
    std::shared_ptr<Target> target;
    {
        const std::lock_guard lock{mutex_};
        const auto found = targets_.find(id);
        if (found == targets_.end())
            return;
        target = found->second;
    }
    end(id, target);
}

bool InProc::Connection::redirect(std::uint64_t id, std::shared_ptr<Receiver> receiver) {
    std::shared_ptr<Target> from;
    std::shared_ptr<Target> to;
    {
        const std::lock_guard lock{mutex_};
        const auto found = targets_.find(id);
        if (state_ != State::connected || draining_ || found == targets_.end() || found->second->limited())
            return false;
        from = found->second;
        receiver = slow_->watch(std::move(receiver), from->pattern());
        SubscribeOptions options;
        options.queue = from->queue();
        to = std::make_shared<Target>(from->pattern(), std::move(receiver), options);
        core_->replace(from, to);
        found->second = to;
    }
    from->hand_on(std::move(to));
    const std::lock_guard lock{mutex_};
    from->add_to(retired_);
    return true;
}

void InProc::Connection::end(std::uint64_t id, const std::shared_ptr<Target>& target) noexcept {
    core_->remove(target);
    target->end();
    const std::lock_guard lock{mutex_};
    if (targets_.erase(id) != 0)
        target->add_to(retired_);
}

Task<DrainReport> InProc::Connection::drain(std::uint64_t id, std::chrono::milliseconds timeout) {
    const auto self = shared_from_this();
    const OnExit gone{[&] { self->unsubscribe(id); }};
    std::vector<std::shared_ptr<Target>> targets;
    {
        const std::lock_guard lock{mutex_};
        if (const auto found = targets_.find(id); found != targets_.end())
            targets.push_back(found->second);
    }
    const auto deadline = core_->options.clock->now() + timeout;
    co_return co_await cancellable(drained(std::move(targets), deadline));
}

Task<DrainReport> InProc::Connection::drain_all(std::chrono::milliseconds timeout) {
    const auto self = shared_from_this();
    const bool first = !draining_.exchange(true); // another one waits too, but leaves the end to it
    const OnExit closed{[&] {
        if (first)
            self->close();
    }};
    std::vector<std::shared_ptr<Target>> targets;
    {
        const std::lock_guard lock{mutex_};
        for (const auto& [id, target] : targets_)
            if (target->pattern() != requests_->inbox()) // readers may wait for answers
                targets.push_back(target);
    }
    const auto& clock = core_->options.clock;
    const auto deadline = clock->now() + timeout;
    auto report = co_await drained(std::move(targets), deadline);
    try {
        const auto rest = std::max(Clock::duration::zero(), deadline - clock->now());
        co_await flush(std::chrono::duration_cast<std::chrono::milliseconds>(rest));
    } catch (const Error& error) {
        if (error.kind() == errc::cancelled)
            throw;
    }
    report.unsent = waiting_;
    co_return report;
}

// They get nothing new; what is theirs already waits in their mailboxes, or with its publishers.
Task<DrainReport> InProc::Connection::drained(std::vector<std::shared_ptr<Target>> targets,
                                              Clock::time_point deadline) {
    const auto clock = core_->options.clock;
    for (const auto& target : targets)
        core_->remove(target);
    DrainReport report;
    for (const auto& target : targets) {
        auto messages = co_await wait_idle(target->receiver(), clock, deadline);
        while (target->waiting > 0 && clock->now() < deadline) { // publishers are let in in portions
            constexpr std::chrono::milliseconds pause{1};
            co_await clock->sleep_for(pause);
            messages = co_await wait_idle(target->receiver(), clock, deadline);
        }
        messages += target->waiting;
        if (messages > 0)
            report.left.push_back({target->pattern(), messages});
    }
    co_return report;
}

void InProc::Connection::answer_empty(std::string_view topic) {
    try {
        publish(topic, "", {}, {});
    } catch (const Error&) { // NOLINT(bugprone-empty-catch)
        // It cannot be sent: the connection was closed, say. The peer waits for its timeout.
    }
}

void InProc::Connection::open_inbox() {
    std::shared_ptr<Loop> loop;
    {
        const std::lock_guard lock{mutex_};
        if (inbox_.active())
            return;
        loop = loop_;
    }
    auto receiver = std::make_shared<InboxReceiver>(requests_, weak_from_this(), std::move(loop));
    auto inbox = subscribe(requests_->inbox(), std::move(receiver), {});
    const std::lock_guard lock{mutex_};
    if (!inbox_.active())
        inbox_ = std::move(inbox);
}

Task<Message> InProc::Connection::request(std::string topic, Bytes payload, std::chrono::milliseconds timeout,
                                          Headers headers) {
    open_inbox();
    auto call = requests_->open();
    publish(topic, payload, headers, call.reply_topic());
    co_return co_await call.answer(std::move(topic), timeout);
}

std::uint64_t InProc::Connection::oldest_waiting() const noexcept {
    auto oldest = last_number_ + 1;
    for (const auto& [key, backlog] : backlogs_)
        oldest = std::min(oldest, backlog.entries.front().number);
    return oldest;
}

void InProc::Connection::wake_flushers() noexcept {
    if (flushers_.empty())
        return;
    const auto oldest = oldest_waiting();
    std::erase_if(flushers_, [&](const Flusher& flusher) {
        if (flusher.until >= oldest)
            return false;
        flusher.wakeup->notify();
        return true;
    });
}

// Whether it was still there: its messages wait on.
bool InProc::Connection::leave_flushers(const std::shared_ptr<Wakeup>& wakeup) noexcept {
    const std::lock_guard lock{mutex_};
    return std::erase_if(flushers_, [&](const Flusher& flusher) { return flusher.wakeup == wakeup; }) != 0;
}

Task<> InProc::Connection::flush(std::chrono::milliseconds timeout) {
    check_open({});
    const auto wakeup = std::make_shared<Wakeup>();
    {
        const std::lock_guard lock{mutex_};
        if (backlogs_.empty())
            co_return;
        flushers_.push_back({last_number_, wakeup});
    }
    const auto executor = co_await boost::asio::this_coro::executor;
    const auto expire = [weak = std::weak_ptr{wakeup}] {
        if (const auto waiting = weak.lock())
            waiting->notify();
    };
    const auto& clock = core_->options.clock;
    const auto timer = clock->call_at(clock->now() + timeout, executor, expire);
    try {
        co_await wakeup->wait();
    } catch (...) {
        leave_flushers(wakeup);
        throw;
    }
    const bool expired = leave_flushers(wakeup);
    if (state_ == State::closed)
        throw Error{errc::closed, "the transport was closed"};
    if (expired)
        throw Error{errc::timeout, std::to_string(waiting_.load()) + " messages still wait for room after " +
                                       std::to_string(timeout.count()) + " ms"};
}

} // namespace fluxmq
