// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/mailbox.hpp>

#include "support.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fluxlib::test {

/// Hears a topic for a test.
class Listener {
public:
    /// Completes when the subscription is live.
    static Task<std::unique_ptr<Listener>> on(std::shared_ptr<fluxmq::Transport> transport,
                                              std::string topic) {
        auto listener = std::make_unique<Listener>();
        auto subscription = co_await transport->subscribe(topic, listener->inlet_);
        listener->subscription_ = std::move(subscription);
        co_return listener;
    }

    /// The next message.
    Task<fluxmq::Message> next() {
        while (co_await mailbox_->wait())
            if (auto* const delivery = mailbox_->pop_message())
                co_return std::move(delivery->message);
        throw Error{errc::closed, "the listener is closed"};
    }

    /// The texts of what has come and was not read yet.
    std::vector<std::string> texts() {
        std::vector<std::string> texts;
        while (auto* const delivery = mailbox_->pop_message())
            texts.emplace_back(delivery->message.text());
        return texts;
    }

private:
    std::shared_ptr<fluxmq::Mailbox> mailbox_ = fluxmq::Mailbox::create();
    std::shared_ptr<fluxmq::Inlet> inlet_ = mailbox_->add_inlet({});
    fluxmq::Subscription subscription_;
};

} // namespace fluxlib::test
