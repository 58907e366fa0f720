// SPDX-License-Identifier: MIT
#include "peer.hpp"

#include <fluxmq/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include <utility>

namespace fluxlib::testing {

namespace {

constexpr auto longest_wait = std::chrono::seconds{10};

// Holds the connection meanwhile.
Task<> close_it(std::shared_ptr<fluxmq::Transport> transport) { co_await transport->close(); }

std::string text_of(const boost::json::object& from, std::string_view field) {
    const auto* value = from.if_contains(field);
    return value && !value->is_null() ? std::string{value->as_string()} : std::string{};
}

// The ports under `field`: DataInput or DataOutput.
template <class Port>
std::vector<Port> ports_of(const boost::json::object& entry, std::string_view field) {
    std::vector<Port> ports;
    const auto* list = entry.if_contains(field);
    if (!list || list->is_null())
        return ports;
    for (const auto& item : list->as_array()) {
        const auto& from = item.as_object();
        Port port;
        port.alias = text_of(from, "alias");
        const auto* topics = from.if_contains("topics");
        if (topics && !topics->is_null())
            for (const auto& topic : topics->as_array())
                port.topics.emplace_back(topic.as_string());
        ports.push_back(std::move(port));
    }
    return ports;
}

} // namespace

void Ear::drop() {
    subscription.unsubscribe();
    mailbox->discard();
    end.emit(boost::asio::cancellation_type::terminal);
}

Peer::Peer(std::shared_ptr<fluxmq::Transport> transport, std::shared_ptr<fluxmq::Clock> clock, Tells tells)
    : transport_{std::move(transport)}, clock_{std::move(clock)}, tells_{std::move(tells)} {}

Task<> Peer::open() {
    executor_ = co_await boost::asio::this_coro::executor;
    if (!transport_->connected())
        co_await transport_->connect();
}

void Peer::drop() {
    open_ = false;
    for (const auto& ear : std::exchange(ears_, {}))
        ear->drop();
}

void Peer::kill() {
    if (!open_)
        return;
    drop();
    if (executor_)
        boost::asio::co_spawn(executor_, close_it(transport_), boost::asio::detached);
    changed();
}

Task<> Peer::close() {
    drop();
    co_await transport_->close();
}

Task<std::shared_ptr<Ear>> Peer::listen(std::string topic, Handler handler) {
    const auto ear = std::make_shared<Ear>();
    auto subscription = co_await transport_->subscribe(std::move(topic), ear->inlet);
    if (!open_) {
        ear->mailbox->discard();
        co_return ear; // and the subscription ends here
    }
    ear->subscription = std::move(subscription);
    std::erase_if(ears_, [](const auto& other) { return other->mailbox->closed(); });
    ears_.push_back(ear);
    // The signal lives as long as whom it ends.
    auto reading = boost::asio::bind_cancellation_slot(ear->end.slot(), [ear](std::exception_ptr) {});
    boost::asio::co_spawn(executor_, read(shared_from_this(), ear, std::move(handler)), std::move(reading));
    co_return ear;
}

Task<> Peer::read(std::shared_ptr<Peer> self, std::shared_ptr<Ear> ear, Handler handler) {
    while (co_await ear->mailbox->wait()) {
        auto* const delivery = ear->mailbox->pop_message();
        if (!delivery)
            continue;
        const auto message = std::move(delivery->message);
        try {
            co_await handler(message);
        } catch (const std::exception& error) {
            if (self->open_)
                fail(message.topic(), error);
            co_return;
        }
    }
}

void Peer::spawn(Task<> task) { boost::asio::co_spawn(executor_, std::move(task), boost::asio::detached); }

void Peer::note(std::string what) {
    if (tells_)
        tells_(what);
    log_.push_back(std::move(what));
    changed();
}

void Peer::fail(std::string_view topic, const std::exception& error) {
    failures_.push_back(std::string{topic} + ": " + error.what());
    changed();
}

void Peer::changed() {
    if (waiting_)
        waiting_->notify();
}

Task<> Peer::until(std::string what, std::function<bool()> found) {
    const auto executor = co_await boost::asio::this_coro::executor;
    const auto deadline = clock_->now() + longest_wait;
    const auto waiting = std::make_shared<fluxmq::Wakeup>();
    waiting_ = waiting;
    const std::weak_ptr weak{waiting};
    const auto timer = clock_->call_at(deadline, executor, [weak] {
        if (const auto wakeup = weak.lock())
            wakeup->notify();
    });
    while (!found()) {
        if (clock_->now() >= deadline) {
            std::string instead;
            for (const auto& line : log_)
                instead += "\n  " + line;
            for (const auto& failure : failures_)
                instead += "\n  failed: " + failure;
            throw fluxmq::Error{fluxmq::errc::timeout, what + " did not happen in time; what did:" +
                                                           (instead.empty() ? " nothing" : instead)};
        }
        co_await waiting->wait();
    }
    waiting_ = nullptr;
}

DataNode read_entry(const boost::json::object& entry) {
    DataNode node;
    node.id = text_of(entry, "id");
    node.name = text_of(entry, "name");
    node.type = text_of(entry, "type");
    const auto* settings = entry.if_contains("settings");
    if (settings && !settings->is_null())
        node.settings = settings->as_object();
    node.inputs = ports_of<DataInput>(entry, "inputs");
    node.outputs = ports_of<DataOutput>(entry, "outputs");
    return node;
}

} // namespace fluxlib::testing
