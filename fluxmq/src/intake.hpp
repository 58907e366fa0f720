// SPDX-License-Identifier: MIT
#pragma once

#include "count.hpp"
#include "spin_lock.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fluxmq {

/// What one subscription lets into its receiver: until it is shut or its limit is reached, and how much it was.
/// Written under a lock of the receiver's choice, always the same one; read at any moment.
class Intake {
public:
    /// `limit`: messages in all; 0 is no limit.
    explicit Intake(std::uint64_t limit) : limit_{limit} {}

    bool open() const noexcept { return !shut_.load(std::memory_order_relaxed) && !exhausted(); }
    bool limited() const noexcept { return limit_ != 0; }
    bool is_shut() const noexcept { return shut_.load(std::memory_order_acquire); }
    bool exhausted() const noexcept { return limit_ != 0 && messages_.get() == limit_; }
    std::uint64_t messages() const noexcept { return messages_.get(); }
    std::uint64_t bytes() const noexcept { return bytes_.get(); }

    void took(std::size_t bytes) noexcept {
        messages_.add(1);
        bytes_.add(bytes);
    }
    void shut() noexcept { shut_.store(true, std::memory_order_release); }

    SpinLock lock; ///< for receivers without one

private:
    const std::uint64_t limit_;
    std::atomic<bool> shut_{false};
    Count messages_;
    Count bytes_;
};

} // namespace fluxmq
