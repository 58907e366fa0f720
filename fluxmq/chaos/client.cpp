// SPDX-License-Identifier: MIT
#include "client.hpp"

#include <chrono>
#include <sstream>

namespace fluxmq::chaos {

// --- Client --------------------------------------------------------------------------------------------------

Client::Client(std::string name, NatsOptions options) : name_{std::move(name)}, nats_{std::move(options)} {
    nats_.on_event([this](const ConnectionEvent& event) { hear(event); });
}

void Client::hear(const ConnectionEvent& event) {
    const std::lock_guard lock{mutex_};
    events_.push_back(std::string{to_string(event.state)} + " (" + event.detail + ')');
    switch (event.state) {
    case ConnectionState::disconnected:
        ++breaks_;
        if (on_break_)
            on_break_();
        silences_ += event.detail.find("did not answer") != std::string::npos;
        break;
    case ConnectionState::reconnected:
        ++reconnects_;
        ++booked_.reconnects;
        break;
    case ConnectionState::error: wrong_.push_back("the server complains: " + event.detail); break;
    case ConnectionState::lame_duck:
    case ConnectionState::insecure: wrong_.push_back("unheard of here: " + event.detail); break;
    case ConnectionState::connected:
    case ConnectionState::slow_consumer: // the account has what was dropped
    case ConnectionState::closed: break;
    }
}

void Client::on_break(std::function<void()> call) {
    const std::lock_guard lock{mutex_};
    on_break_ = std::move(call);
}

bool Client::publish(std::string_view topic, const std::string& payload, const Message* answered) {
    try {
        if (answered)
            nats_.respond(*answered, payload);
        else
            nats_.publish(topic, payload);
    } catch (const Error& error) {
        const std::lock_guard lock{mutex_};
        ++booked_.rejected;
        if (error.kind() != errc::buffer_full)
            wrong_.emplace_back(error.what());
        return false;
    }
    const std::lock_guard lock{mutex_};
    ++booked_.published;
    booked_.published_bytes += payload.size();
    return true;
}

std::shared_ptr<Tap> Client::add_tap(Mailbox& mailbox, MailboxLimits limits) {
    const std::lock_guard lock{mutex_};
    return taps_.emplace_back(
        std::make_shared<Tap>(name_ + '.' + std::to_string(taps_.size()), reconnects_, mailbox, limits));
}

void Client::book_request(const std::string& payload, bool accepted) {
    const std::lock_guard lock{mutex_};
    if (!accepted) {
        ++booked_.rejected;
        return;
    }
    ++booked_.published;
    booked_.published_bytes += payload.size();
}

void Client::book_answer(std::size_t bytes) {
    const std::lock_guard lock{mutex_};
    ++booked_.received;
    booked_.received_bytes += bytes;
}

void Client::complain(std::string what) {
    const std::lock_guard lock{mutex_};
    wrong_.push_back(std::move(what));
}

void Client::sample() {
    const std::lock_guard lock{mutex_};
    const auto counters = nats_.counters();
    const auto sent = counters.published - counters.pending - counters.lost;
    if (sent < sent_ || sent > counters.published)
        wrong_.push_back("sent messages went from " + std::to_string(sent_) + " to " + std::to_string(sent));
    sent_ = sent;
    for (const auto& tap : taps_) {
        const auto inlet = tap->inlet().counters();
        if (inlet.received != inlet.delivered + inlet.dropped.total() + inlet.pending)
            wrong_.push_back("the account of " + tap->name() + " is not even under load");
    }
}

Violations Client::judge(std::uint64_t late_answers, std::uint64_t lost) {
    const std::lock_guard lock{mutex_};
    auto violations = wrong_;
    const auto add = [&](Violations more) {
        for (auto& each : more)
            violations.push_back(std::move(each));
    };
    auto traffic = booked_;
    for (const auto& tap : taps_) {
        for (auto& each : tap->judge())
            violations.push_back(tap->name() + ": " + each);
        traffic.received += tap->taken();
        traffic.received_bytes += tap->taken_bytes();
    }
    const auto counters = nats_.counters();
    // Nobody but the transport knows of answers that came too late.
    if (counters.received > traffic.received && counters.received - traffic.received <= late_answers) {
        traffic.received = counters.received;
        traffic.received_bytes = counters.received_bytes;
    }
    traffic.lost = lost;
    add(chaos::judge(counters, traffic));
    for (auto& each : violations)
        each.insert(0, name_ + ": ");
    return violations;
}

std::string Client::state() {
    const std::lock_guard lock{mutex_};
    const auto counters = nats_.counters();
    std::ostringstream text;
    text << "  " << name_ << ": " << (nats_.connected() ? "connected to " + nats_.server() : "not connected")
         << ", published " << counters.published << ", pending " << counters.pending << ", lost "
         << counters.lost << ", rejected " << counters.rejected << ", received " << counters.received
         << ", breaks " << breaks_ << ", reconnects " << reconnects_ << '\n';
    constexpr std::size_t last = 12;
    for (auto i = events_.size() > last ? events_.size() - last : 0; i < events_.size(); ++i)
        text << "    " << events_[i] << '\n';
    for (const auto& tap : taps_) {
        const auto inlet = tap->inlet().counters();
        if (inlet.pending > 0 || taps_.size() <= topics + 1)
            text << "    " << tap->name() << ": taken " << tap->taken() << ", received " << inlet.received
                 << ", delivered " << inlet.delivered << ", dropped " << inlet.dropped.total() << ", pending "
                 << inlet.pending << '\n';
    }
    return text.str();
}

// --- Echo, Publisher -----------------------------------------------------------------------------------------

bool Echo::offer(Message&& message) noexcept {
    ++received_;
    client_.book_answer(message.payload().size());
    client_.publish({}, std::string{message.text()}, &message);
    return true;
}

Publisher::Publisher(Client& client, std::size_t number, const std::atomic<std::uint64_t>& beat)
    : client_{client}, number_{number}, beat_{beat} {
    client_.on_break([this] {
        for (std::size_t topic = 0; topic < topics; ++topic)
            after_last_break_[topic] = published_[topic] + 1; // one may be on its way right now
    });
}

void Publisher::start() {
    thread_ = std::thread{[this] { publish_all(); }};
}

void Publisher::stop() {
    stopping_ = true;
    if (thread_.joinable())
        thread_.join();
}

void Publisher::publish_one(std::size_t topic) {
    const Number number = published_[topic];
    // Counted when it was accepted: a number that was refused is used again.
    if (client_.publish(topic_of(number_ * topics + topic), payload_of(number)))
        published_[topic] = number + 1;
}

void Publisher::publish_all() {
    auto last = beat_.load();
    for (std::size_t i = 0; !stopping_;) {
        std::this_thread::sleep_for(std::chrono::microseconds{500}); // the load, not a wait
        if (const auto beat = beat_.load(); beat != last) {
            last = beat;
            publish_one(i++ % topics);
        }
    }
}

} // namespace fluxmq::chaos
