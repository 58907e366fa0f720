// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>

namespace fluxmq {

/// A number with one writer at a time, because of a lock or a thread, that others may read at any moment: it costs
/// what a plain one does.
class Count {
public:
    std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }
    void add(std::uint64_t n) noexcept { value_.store(get() + n, std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

} // namespace fluxmq
