// SPDX-License-Identifier: MIT
#pragma once

#include "operation.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxmq::nats {

/// An operation that ends when the server has answered the PING behind it, and so everything before it.
class PongWait : public Operation {
public:
    /// `subject`: of the subscription it confirms; empty for a flush.
    explicit PongWait(std::string_view subject = {}) : subject_{subject} {}

    std::string_view subject() const noexcept { return subject_; }
    /// Whether it goes on when the connection is lost: a subscription is made anew on the next one.
    bool survives() const noexcept { return !subject_.empty(); }

private:
    std::string_view subject_;
};

/// Who waits for which PONG. They come in the order of the PINGs.
class Pings {
public:
    /// A PING leaves for `wait`, null for a sign of life that nobody waits for.
    void sent(PongWait* wait) { outstanding_.push_back(wait); }
    /// There is no connection to send a PING on.
    void defer(PongWait& wait) { deferred_.push_back(&wait); }

    void remove(const PongWait& wait) noexcept {
        for (auto& entry : outstanding_)
            if (entry == &wait)
                entry = nullptr; // its PONG still comes
        std::erase(deferred_, &wait);
    }

    void pong() noexcept {
        if (outstanding_.empty())
            return;
        auto* wait = outstanding_.front();
        outstanding_.pop_front();
        if (wait)
            wait->finish();
    }

    /// The last one that confirms a subscription to `subject`.
    PongWait* find(std::string_view subject) noexcept {
        for (auto at = outstanding_.rbegin(); at != outstanding_.rend(); ++at)
            if (*at && (*at)->subject() == subject)
                return *at;
        return nullptr;
    }

    void disconnected(const Error& failure) {
        for (auto* wait : std::exchange(outstanding_, {})) {
            if (wait && wait->survives())
                deferred_.push_back(wait);
            else if (wait)
                wait->fail(failure);
        }
    }

    std::vector<PongWait*> take_deferred() noexcept { return std::exchange(deferred_, {}); }

    void fail_all(const Error& failure) {
        for (auto* wait : std::exchange(outstanding_, {}))
            if (wait)
                wait->fail(failure);
        for (auto* wait : std::exchange(deferred_, {}))
            wait->fail(failure);
    }

private:
    std::deque<PongWait*> outstanding_;
    std::vector<PongWait*> deferred_;
};

} // namespace fluxmq::nats
