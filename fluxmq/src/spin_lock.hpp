// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace fluxmq {

/// A lock for a few instructions that are taken for every message. Half the price of a std::mutex when nobody else
/// wants it: unlocking is a plain store. Whoever holds it must not wait for anything.
///
/// A thread that has lost its core while it holds the lock is waited for asleep, so that it gets one, whatever the
/// priorities are.
class SpinLock {
public:
    void lock() noexcept {
        if (locked_.exchange(true, std::memory_order_acquire))
            contend();
    }
    void unlock() noexcept { locked_.store(false, std::memory_order_release); }

private:
    void contend() noexcept {
        constexpr int spins = 200;
        constexpr std::chrono::microseconds nap{50};
        for (int spin = 0;; ++spin) {
            if (!locked_.load(std::memory_order_relaxed) &&
                !locked_.exchange(true, std::memory_order_acquire))
                return;
            if (spin < spins)
                pause();
            else
                std::this_thread::sleep_for(nap);
        }
    }

    static void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
        _mm_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    }

    std::atomic<bool> locked_{false};
};

} // namespace fluxmq
