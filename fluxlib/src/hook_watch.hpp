// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/clock.hpp>

#include <boost/asio/cancellation_signal.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace fluxlib {

/// Cancels a hook that takes too long, for whoever looks at it now and then. All of it belongs to the loop that awaits
/// the hooks, which shares it with those who look: it may end before they do.
class HookWatch {
public:
    boost::asio::cancellation_slot slot() noexcept { return signal_.slot(); }

    /// The loop's next hook, or one of its own, begins; and there is nothing to do.
    void begin() noexcept {
        ++begun_;
        busy_ = true;
        why_.reset();
    }
    void rest() noexcept { busy_ = false; }

    /// Cancels a hook that was seen `limit` ago already. To be called at least twice in that time.
    void look(std::chrono::milliseconds limit, fluxmq::Clock::time_point now) {
        if (!busy_ || begun_ != last_seen_) {
            last_seen_ = begun_;
            seen_at_ = now;
        } else if (now - seen_at_ >= limit) {
            seen_at_ = now; // what it does about its end has as long again
            cancel("it took longer than " + std::to_string(limit.count()) + " ms");
        }
    }

    /// At once, if one runs.
    void cancel(std::string why) {
        if (!busy_)
            return;
        why_ = std::move(why);
        signal_.emit(boost::asio::cancellation_type::terminal);
    }

    /// Why the present hook was cancelled, if it was; once.
    std::optional<std::string> take_why() noexcept { return std::exchange(why_, std::nullopt); }

private:
    boost::asio::cancellation_signal signal_;
    std::uint64_t begun_ = 0;
    std::uint64_t last_seen_ = 0;
    fluxmq::Clock::time_point seen_at_; // first
    bool busy_ = false;
    std::optional<std::string> why_;
};

} // namespace fluxlib
