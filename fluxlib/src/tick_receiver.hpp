// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/receiver.hpp>

#include "tick_pairs.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace fluxlib {

/// TickPairs for the subscriptions of both spellings. Thread safety: all members.
class SharedTickPairs {
public:
    bool is_tick(TickPairs::Spelling spelling) noexcept {
        const std::lock_guard lock{mutex_};
        return pairs_.is_tick(spelling);
    }

private:
    std::mutex mutex_;
    TickPairs pairs_;
};

/// Passes on the messages of one spelling that are ticks. They are told apart when they arrive, for the inlet behind keeps
/// only the last tick while the service is busy, and what it drops would be missing from its pair. `next` takes all that
/// it is offered.
class TickReceiver final : public fluxmq::Receiver {
public:
    TickReceiver(TickPairs::Spelling spelling, std::shared_ptr<SharedTickPairs> pairs,
                 std::shared_ptr<fluxmq::Receiver> next)
        : spelling_{spelling}, pairs_{std::move(pairs)}, next_{std::move(next)} {}

    bool offer(fluxmq::Message&& message) noexcept override {
        return !pairs_->is_tick(spelling_) || next_->offer(std::move(message));
    }
    void when_ready(std::function<void()> resume) override { next_->when_ready(std::move(resume)); }
    std::uint64_t pending() const noexcept override { return next_->pending(); }
    void when_idle(std::function<void()> resume) override { next_->when_idle(std::move(resume)); }

private:
    const TickPairs::Spelling spelling_;
    const std::shared_ptr<SharedTickPairs> pairs_;
    const std::shared_ptr<fluxmq::Receiver> next_;
};

} // namespace fluxlib
