// SPDX-License-Identifier: MIT
#include "allocations.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

// What stands behind malloc in glibc. Its free() takes back what these give, so only the ways in are replaced.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* place, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

// A cache line a thread: counting costs an increment, and threads do not slow each other down by it.
struct alignas(64) Counter {
    std::atomic<std::uint64_t> calls{0};
};

constexpr std::size_t own_counters = 255;
constinit std::array<Counter, own_counters + 1> counters{}; // the last one is for all further threads
constinit std::atomic<std::size_t> threads{0};
constinit thread_local Counter* counter = nullptr;

[[maybe_unused]] void count() noexcept {
    if (!counter) {
        const auto number = threads.fetch_add(1, std::memory_order_relaxed);
        counter = &counters[number < own_counters ? number : own_counters];
    }
    if (counter == &counters.back())
        counter->calls.fetch_add(1, std::memory_order_relaxed);
    else // one writer: no locked instruction
        counter->calls.store(counter->calls.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

} // namespace

// The sanitizers of g++ replace them too; then nothing is counted.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern "C" {

void* malloc(std::size_t size) {
    count();
    return __libc_malloc(size);
}

void* calloc(std::size_t number, std::size_t size) {
    count();
    return __libc_calloc(number, size);
}

void* realloc(void* place, std::size_t size) {
    count();
    return __libc_realloc(place, size);
}

void* memalign(std::size_t alignment, std::size_t size) {
    count();
    return __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }

int posix_memalign(void** place, std::size_t alignment, std::size_t size) {
    *place = memalign(alignment, size);
    return *place ? 0 : ENOMEM;
}

} // extern "C"
#endif

std::uint64_t bench::allocations() noexcept {
    std::uint64_t sum = 0;
    for (const auto& one : counters)
        sum += one.calls.load(std::memory_order_relaxed);
    return sum;
}
