// SPDX-License-Identifier: MIT
#include "inbox.hpp"

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
    co_await listen(topic);
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

bool is_no_responders(const fluxmq::Message& message) noexcept { return message.status() == 503; }

bool is_acknowledgement(const fluxmq::Message& message) noexcept {
    return message.text() == "+ACK" || message.text() == "-NAK";
}

fluxmq::Clock::time_point from_now(fluxmq::Clock::duration length) {
    return fluxmq::Clock::real()->now() + length;
}

} // namespace fluxctl
