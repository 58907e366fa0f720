// SPDX-License-Identifier: MIT
#include <fluxmq/error.hpp>
#include <fluxmq/subject.hpp>

#include "connection.hpp"

#include <algorithm>

namespace fluxmq {

namespace {

std::shared_ptr<const Headers> share(const Headers& headers) {
    return headers.empty() ? nullptr : std::make_shared<const Headers>(headers);
}

// As a NATS server counts it: with the headers as they are on its wire (ADR-4), so that the limit is the same.
std::size_t body_size(const Payload& payload, const Headers& headers) noexcept {
    std::size_t size = payload.size();
    if (!headers.empty())
        size += std::string_view{"NATS/1.0\r\n\r\n"}.size();
    for (const auto& [name, value] : headers)
        size += name.size() + value.size() + std::string_view{": \r\n"}.size();
    return size;
}

} // namespace

void InProc::Connection::check_open(std::string_view topic) const {
    if (state_ == State::connected)
        return;
    if (state_ == State::closed)
        throw Error{errc::closed, "the transport was closed", std::string{topic}};
    throw Error{errc::not_connected, "connect() comes first", std::string{topic}};
}

void InProc::Connection::check(std::string_view topic, const Payload& payload, const Headers& headers,
                               std::string_view reply) const {
    check_open(topic);
    if (!reply.empty())
        check_publish(reply);
    if (const auto size = body_size(payload, headers); size > core_->options.max_payload)
        throw Error{errc::payload_too_large,
                    std::to_string(size) + " bytes" + (headers.empty() ? "" : " with headers") +
                        ", the bus takes " + std::to_string(core_->options.max_payload),
                    std::string{topic}};
    if (waiting_.load(std::memory_order_relaxed) >= core_->options.max_waiting)
        throw Error{errc::buffer_full,
                    std::to_string(waiting_.load()) + " messages wait for room in blocking mailboxes",
                    std::string{topic}};
}

// Where the payload has to be copied, the topics lie with the copy.
template <class MakeTopic>
void InProc::Connection::pass_on(const inproc::Route& route, MakeTopic make_topic, const Payload& payload,
                                 const Headers& headers, std::string_view reply) {
    if (route.empty()) {
        if (reply.empty())
            return;
        Message nobody{Bytes::copy(reply), {}};
        nobody.set_status(503);
        send(*core_->route(reply), std::move(nobody));
    } else if (payload.owned()) {
        send(route, Message{make_topic(), payload.own(), reply.empty() ? Bytes{} : Bytes::copy(reply),
                            share(headers)});
    } else {
        auto all = Bytes::join({payload.view(), route.topic, reply});
        const auto topics = all.view().substr(payload.size());
        const auto topic_size = route.topic.size();
        send(route, Message::in_one(std::move(all).slice(0, payload.size()), topics.substr(0, topic_size),
                                    topics.substr(topic_size), share(headers)));
    }
}

void InProc::Connection::publish(std::string_view topic, const Payload& payload, const Headers& headers,
                                 std::string_view reply) {
    try {
        check(topic, payload, headers, reply);
        const auto route = core_->route(topic);
        published_.fetch_add(1, std::memory_order_relaxed);
        published_bytes_.fetch_add(payload.size(), std::memory_order_relaxed);
        pass_on(*route, [&] { return route->topic; }, payload, headers, reply);
    } catch (const Error&) {
        rejected_.fetch_add(1, std::memory_order_relaxed);
        throw;
    }
}

// Keeps the route of its topic until that changes, and references to the topic for the messages to come.
class InProc::Connection::TopicPublisher final : public Publisher {
public:
    TopicPublisher(std::shared_ptr<Connection> connection, std::string_view topic)
        : connection_{std::move(connection)}, topic_{topic.size()}, size_{topic.size()} {
        std::copy(topic.begin(), topic.end(), topic_.data());
        const std::lock_guard lock{connection_->mutex_};
        connection_->publishers_.push_back(this);
    }

    ~TopicPublisher() override {
        const std::lock_guard lock{connection_->mutex_};
        std::erase(connection_->publishers_, this);
        add_to(connection_->retired_);
    }

    void publish(const Payload& payload, const Headers& headers, std::string_view reply) override {
        try {
            connection_->check(topic(), payload, headers, reply);
            auto& core = *connection_->core_;
            if (const auto generation = core.generation(); generation != generation_) {
                route_ = core.route(topic());
                generation_ = generation;
            }
            published_.add(1);
            published_bytes_.add(payload.size());
            connection_->pass_on(*route_, [this] { return topic_.slice(0, size_); }, payload, headers, reply);
        } catch (const Error&) {
            connection_->rejected_.fetch_add(1, std::memory_order_relaxed);
            throw;
        }
    }

    void add_to(TransportCounters& counters) const noexcept {
        counters.published += published_.get();
        counters.published_bytes += published_bytes_.get();
    }

private:
    std::string_view topic() noexcept { return {topic_.data(), size_}; }

    const std::shared_ptr<Connection> connection_;
    Buffer topic_;
    const std::size_t size_;
    std::uint64_t generation_ = 0;
    std::shared_ptr<const inproc::Route> route_;
    Count published_;
    Count published_bytes_;
};

std::unique_ptr<Publisher> InProc::Connection::publisher(std::string topic) {
    check_publish(topic);
    return std::make_unique<TopicPublisher>(shared_from_this(), topic);
}

TransportCounters InProc::Connection::counters() const {
    const std::lock_guard lock{mutex_};
    auto counters = retired_;
    for (const auto& [id, target] : targets_)
        target->add_to(counters);
    for (const auto* publisher : publishers_)
        publisher->add_to(counters);
    counters.published += published_;
    counters.published_bytes += published_bytes_;
    counters.rejected = rejected_;
    counters.lost = lost_;
    counters.pending = waiting_;
    return counters;
}

void InProc::Connection::send(const inproc::Route& route, Message&& message) {
    for (const auto& group : route.groups)
        deliver_to_group(*group, message);
    for (std::size_t i = 0; i + 1 < route.everyone.size(); ++i)
        deliver(route.everyone[i], Message{message});
    if (!route.everyone.empty())
        deliver(route.everyone.back(), std::move(message));
}

// Offers unless messages wait already, which go first.
InProc::Connection::Target::Offered InProc::Connection::offer(Target& target, Message& message) {
    if (waiting_.load(std::memory_order_relaxed) == 0)
        return target.offer(message);
    const std::lock_guard lock{mutex_};
    return backlogs_.contains(&target) ? Target::Offered::full : target.offer(message);
}

// Members take turns; one that is full or gone is passed over while another can take the message.
void InProc::Connection::deliver_to_group(const inproc::Route::Group& group, Message message) {
    const auto count = group.members.size();
    const auto first = group.next.fetch_add(1, std::memory_order_relaxed);
    const std::shared_ptr<Target>* full = nullptr;
    for (std::size_t i = 0; i < count; ++i) {
        const auto& member = group.members[(first + i) % count];
        switch (offer(*member, message)) {
        case Target::Offered::taken:
            if (member->exhausted())
                core_->remove(member);
            return;
        case Target::Offered::full:
            if (!full)
                full = &member;
            break;
        case Target::Offered::ended: break;
        }
    }
    if (full)
        deliver(*full, std::move(message));
}

void InProc::Connection::deliver(const std::shared_ptr<Target>& target, Message&& message) {
    auto offered = Target::Offered::full;
    if (waiting_.load(std::memory_order_relaxed) == 0)
        offered = target->offer(message);
    if (offered == Target::Offered::full) {
        const std::lock_guard lock{mutex_};
        const bool behind = backlogs_.contains(target.get());
        if (!behind)
            offered = target->offer(message);
        if (offered == Target::Offered::full) {
            auto& backlog = backlogs_[target.get()];
            backlog.target = target;
            backlog.entries.push_back({++last_number_, std::move(message)});
            waiting_.fetch_add(1, std::memory_order_relaxed);
            ++target->waiting;
        }
        if (behind)
            return;
    }
    if (offered == Target::Offered::full)
        resume_when_ready(*target);
    else if (target->exhausted())
        core_->remove(target);
}

void InProc::Connection::resume_when_ready(Target& target) {
    target.when_ready([weak = weak_from_this(), key = &target] {
        if (const auto self = weak.lock())
            self->retry(key);
    });
}

// The receiver of `key` has room again. The backlog, when it is still there, keeps its target alive.
void InProc::Connection::retry(Target* key) {
    std::shared_ptr<Target> target; // may be the last to hold its receiver, so it must outlive the lock
    bool empty = false;
    {
        const std::lock_guard lock{mutex_};
        const auto found = backlogs_.find(key);
        if (found == backlogs_.end())
            return;
        target = found->second.target;
        auto& entries = found->second.entries;
        while (!entries.empty()) {
            const auto offered = target->offer(entries.front().message);
            if (offered == Target::Offered::full)
                break;
            if (offered == Target::Offered::ended)
                lost_.fetch_add(1, std::memory_order_relaxed);
            entries.pop_front();
            waiting_.fetch_sub(1, std::memory_order_relaxed);
            --target->waiting;
        }
        empty = entries.empty();
        if (empty)
            backlogs_.erase(found);
        wake_flushers();
    }
    if (!empty)
        resume_when_ready(*target);
    else if (target->exhausted())
        core_->remove(target);
}

} // namespace fluxmq
