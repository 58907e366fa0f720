// SPDX-License-Identifier: MIT
#include <fluxlib/ports.hpp>

#include <fluxmq/outgoing_headers.hpp>
#include <fluxmq/subject.hpp>

#include "node_runtime.hpp"

#include <algorithm>
#include <mutex>
#include <set>

namespace fluxlib {

namespace {

std::string dotted(std::string topic) {
    std::replace(topic.begin(), topic.end(), '/', '.');
    return topic;
}

} // namespace

// Peers publish a topic with slashes in either form, so both are heard.
std::vector<std::string> heard_as(const std::vector<std::string>& topics) {
    std::vector<std::string> patterns;
    const auto add = [&](std::string pattern) {
        if (std::find(patterns.begin(), patterns.end(), pattern) == patterns.end())
            patterns.push_back(std::move(pattern));
    };
    for (const auto& topic : topics) {
        add(topic);
        add(dotted(topic));
    }
    return patterns;
}

namespace {

// A copy that is never freed: there are few different names of ports, and every message has one.
const std::string* lasting(const std::string& name) {
    static auto& names = *new std::set<std::string>;
    static std::mutex mutex;
    const std::lock_guard lock{mutex};
    return &*names.insert(name).first;
}

// One of several overlapping subscriptions of a route: takes a message only when no earlier one takes it.
class FirstMatch final : public fluxmq::Receiver {
public:
    FirstMatch(std::vector<std::string> earlier, std::shared_ptr<fluxmq::Receiver> next)
        : earlier_{std::move(earlier)}, next_{std::move(next)} {}

    bool offer(Message&& message) noexcept override {
        const auto taken = [&](const std::string& pattern) {
            return fluxmq::matches(pattern, message.topic());
        };
        return std::any_of(earlier_.begin(), earlier_.end(), taken) || next_->offer(std::move(message));
    }
    void when_ready(std::function<void()> resume) override { next_->when_ready(std::move(resume)); }
    std::uint64_t pending() const noexcept override { return next_->pending(); }
    void when_idle(std::function<void()> resume) override { next_->when_idle(std::move(resume)); }

private:
    const std::vector<std::string> earlier_;
    const std::shared_ptr<fluxmq::Receiver> next_;
};

} // namespace

Task<> Handler::operator()(Message message) const {
    if (coroutine_)
        co_await coroutine_(message);
    else
        plain_(message);
}

// --- Input ---------------------------------------------------------------------------------------------------

std::shared_ptr<fluxmq::Receiver> Input::Route::receiver(std::size_t index,
                                                         std::vector<std::string> taken) const {
    if (std::any_of(patterns.begin(), patterns.end(), fluxmq::has_wildcard))
        taken.insert(taken.end(), patterns.begin(), patterns.begin() + static_cast<std::ptrdiff_t>(index));
    if (taken.empty())
        return inlet;
    return std::make_shared<FirstMatch>(std::move(taken), inlet);
}

Task<> Input::Route::open() {
    std::unique_lock lock{input.node_.ports_mutex()};
    subscriptions.resize(patterns.size());
    for (std::size_t i = 0; i < patterns.size(); ++i) {
        if (subscriptions[i].active() || (i < expected.size() && expected[i]))
            continue;
        auto topic = patterns[i];
        lock.unlock();
        auto subscription = co_await input.node_.transport().subscribe(std::move(topic), receiver(i));
        lock.lock();
        subscriptions.resize(patterns.size()); // those there were may have ended meanwhile
        subscriptions[i] = std::move(subscription);
    }
}

Input::Input(NodeRuntime& node, DataInput data, fluxmq::MailboxLimits limits)
    : node_{node}, data_{std::move(data)}, lasting_alias_{lasting(data_.alias)}, limits_{limits} {
    add_route(heard_as(data_.topics), std::nullopt);
}

Input::~Input() = default;

Input::Route& Input::add_route(std::vector<std::string> patterns, std::optional<Handler> only) {
    auto route = std::make_unique<Route>(*this, std::move(patterns), std::move(only));
    route->inlet = node_.mailbox().add_inlet(limits_, route.get());
    const std::lock_guard lock{node_.ports_mutex()};
    route->inlet->set_gate(gate_);
    return *routes_.emplace_back(std::move(route));
}

Task<> Input::listen() { co_await routes_.front()->open(); }

Task<> Input::subscribe(Handler handler) {
    handlers_.push_back(std::move(handler));
    co_await listen();
}

Task<> Input::subscribe_one(std::string topic, Handler handler) {
    const std::vector<std::string> topics(1, topic);
    auto& route = add_route(heard_as(topics), std::move(handler));
    co_await route.open();
}

void Input::store_value(const Message& value) {
    node_.about_to_store(*this);
    latest_ = value;
    compact_latest();
}

void Input::store_value(const Payload& value) {
    node_.about_to_store(*this);
    latest_ = Message{{}, value.own()};
    latest_->set_input(lasting_alias_);
}

void Input::compact_latest() {
    constexpr std::size_t not_worth_it = 256;
    if (!latest_ || latest_->payload().pinned() <= std::max(2 * latest_->payload().size(), not_worth_it))
        return;
    Message compact{fluxmq::Bytes::copy(latest_->topic()), latest_->payload().compact(),
                    fluxmq::Bytes::copy(latest_->reply()), latest_->shared_headers()};
    compact.set_input(lasting_alias_);
    latest_ = std::move(compact);
}

void Input::set_limits(fluxmq::MailboxLimits limits) noexcept {
    limits_ = limits;
    for (const auto& route : routes_)
        route->inlet->set_limits(limits);
}

void Input::set_gate(fluxmq::Inlet::Gate gate) noexcept {
    const std::lock_guard lock{node_.ports_mutex()};
    gate_ = gate;
    for (const auto& route : routes_)
        route->inlet->set_gate(gate);
}

void Input::unsubscribe() noexcept {
    std::vector<std::vector<fluxmq::Subscription>> ended; // without the lock
    const std::lock_guard lock{node_.ports_mutex()};
    for (const auto& route : routes_)
        ended.push_back(std::exchange(route->subscriptions, {}));
}

fluxmq::MailboxCounters Input::counters() const {
    const std::lock_guard lock{node_.ports_mutex()};
    fluxmq::MailboxCounters sum;
    for (const auto& route : routes_)
        sum += route->inlet->counters();
    return sum;
}

// --- Output --------------------------------------------------------------------------------------------------

namespace {

// The headers of the message that the node handles now.
const fluxmq::Headers& inherited_by(const NodeRuntime& node) {
    static const fluxmq::Headers none;
    const auto& current = node.current_headers();
    return current ? *current : none;
}

} // namespace

Output::Output(NodeRuntime& node, DataOutput data) : node_{node}, data_{std::move(data)} {
    set_topics(std::move(data_.topics));
}

void Output::set_topics(std::vector<std::string> topics) {
    const std::lock_guard lock{node_.ports_mutex()}; // the service looks at them
    data_.topics = std::move(topics);
    wire_topics_.clear();
    publishers_.clear();
    for (const auto& topic : data_.topics)
        wire_topics_.push_back(wire_form(topic));
}

std::string Output::wire_form(const std::string& topic) const {
    return node_.service.options().profile.port_topics == PortTopics::dots ? dotted(topic) : topic;
}

void Output::publish(const Payload& payload, const fluxmq::Headers& headers) {
    while (publishers_.size() < wire_topics_.size())
        publishers_.push_back(node_.transport().publisher(wire_topics_[publishers_.size()]));
    const fluxmq::OutgoingHeaders outgoing{inherited_by(node_), headers};
    for (const auto& publisher : publishers_) {
        publisher->publish(payload, outgoing.get());
        // Written by the node's own loop only.
        published_.store(published_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
}

// Not a coroutine: the payload may refer to the caller's string, which lives only until this call returns.
Task<> Output::call(std::string path, Handler callback, const Payload& payload,
                    std::chrono::milliseconds timeout) {
    return do_call(wire_form(path), std::move(callback), payload.own(), timeout);
}

Task<> Output::do_call(std::string topic, Handler callback, fluxmq::Bytes payload,
                       std::chrono::milliseconds timeout) {
    const fluxmq::Headers none;
    auto headers = fluxmq::OutgoingHeaders{inherited_by(node_), none}.get();
    auto answer = co_await node_.transport().request(topic, payload, timeout, std::move(headers));
    co_await callback(std::move(answer));
}

} // namespace fluxlib
