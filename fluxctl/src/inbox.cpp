// SPDX-License-Identifier: MIT
#include "inbox.hpp"

#include <fluxmq/answers.hpp>
#include <fluxmq/error.hpp>

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include <iostream>
#include <random>

namespace fluxctl {

using fluxmq::ConnectionEvent;
using fluxmq::ConnectionState;

namespace {

fluxlib::Task<> nothing() { co_return; }

// Puts in an inlet what arrives on a reply topic. It does not leave an acknowledgement to the reader, who may stop
// reading before: the sender waits for its answer.
class ReplyReceiver final : public fluxmq::Receiver {
public:
    ReplyReceiver(fluxmq::Transport& transport, std::shared_ptr<fluxmq::Inlet> inlet)
        : transport_{transport}, inlet_{std::move(inlet)} {}

    bool offer(fluxmq::Message&& message) noexcept override {
        const auto acknowledgement = fluxmq::is_acknowledgement(message) ? message : fluxmq::Message{};
        const bool taken = inlet_->offer(std::move(message));
        if (taken)
            fluxmq::answer_acknowledgement(transport_, acknowledgement);
        return taken;
    }
    void when_ready(std::function<void()> resume) override { inlet_->when_ready(std::move(resume)); }
    std::uint64_t pending() const noexcept override { return inlet_->pending(); }
    void when_idle(std::function<void()> resume) override { inlet_->when_idle(std::move(resume)); }
    std::uint64_t overflowed() const noexcept override { return inlet_->overflowed(); }
    void on_overflow(std::function<void()> notify) override { inlet_->on_overflow(std::move(notify)); }

private:
    fluxmq::Transport& transport_;
    const std::shared_ptr<fluxmq::Inlet> inlet_;
};

} // namespace

struct Inbox::State {
    std::shared_ptr<fluxmq::Mailbox> mailbox = fluxmq::Mailbox::create();
    std::shared_ptr<fluxmq::Inlet> inlet = mailbox->add_inlet({});
    std::optional<std::string> lost; // why; set and read on the event loop

    void on_event(const ConnectionEvent& event) {
        warn(event);
        if (event.state == ConnectionState::disconnected) {
            lost = event.detail;
            mailbox->post(nothing);
        }
    }
};

Inbox::Inbox(fluxmq::Transport& transport) : transport_{transport}, state_{std::make_shared<State>()} {
    transport_.on_event([state = state_](const ConnectionEvent& event) { state->on_event(event); });
}

fluxlib::Task<> Inbox::listen(std::string topic) {
    subscriptions_.push_back(co_await transport_.subscribe(std::move(topic), state_->inlet));
}

fluxlib::Task<std::string> Inbox::reply_topic() {
    const auto topic = unique_topic();
    const auto receiver = std::make_shared<ReplyReceiver>(transport_, state_->inlet);
    subscriptions_.push_back(co_await transport_.subscribe(topic, receiver));
    co_return topic;
}

fluxlib::Task<std::optional<fluxmq::Message>> Inbox::next(TimePoint deadline) {
    const auto clock = fluxmq::Clock::real();
    auto& mailbox = *state_->mailbox;
    const auto executor = co_await boost::asio::this_coro::executor;
    std::optional<fluxmq::Timer> timer;
    while (clock->now() < deadline) {
        while (mailbox.pop_control()) { // they only wake
        }
        if (auto* delivery = mailbox.pop_message())
            co_return std::move(delivery->message);
        if (state_->lost)
            throw fluxmq::Error{fluxmq::errc::disconnected, *state_->lost};
        if (!timer && deadline != TimePoint::max())
            timer = clock->call_at(deadline, executor, [state = state_] { state->mailbox->post(nothing); });
        co_await mailbox.wait();
    }
    co_return std::nullopt;
}

void warn(const ConnectionEvent& event) {
    switch (event.state) {
    case ConnectionState::error:
    case ConnectionState::insecure: std::cerr << "fluxctl: " << event.detail << '\n'; break;
    case ConnectionState::slow_consumer:
        std::cerr << "fluxctl: " << event.dropped << " messages on '" << event.topic
                  << "' were dropped: they come faster than they are read\n";
        break;
    default: break;
    }
}

std::string unique_topic() {
    std::random_device random;
    return fmt::format("_INBOX.fluxctl.{:08x}{:08x}{:08x}", random(), random(), random());
}

fluxmq::Clock::time_point from_now(fluxmq::Clock::duration length) {
    return fluxmq::Clock::real()->now() + length;
}

} // namespace fluxctl
