// SPDX-License-Identifier: MIT
#include "meter.hpp"

#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

// Of this thread: counting costs no more than an increment, and whoever measures lives on one thread.
constinit thread_local std::uint64_t allocations = 0;

void* allocate(std::size_t size, std::size_t alignment) {
    ++allocations;
    void* place = alignment > __STDCPP_DEFAULT_NEW_ALIGNMENT__
                      ? std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment)
                      : std::malloc(size > 0 ? size : 1);
    if (!place)
        throw std::bad_alloc{};
    return place;
}

} // namespace

// The other forms of new and delete end in these.
void* operator new(std::size_t size) { return allocate(size, 0); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* place) noexcept { std::free(place); }
void operator delete(void* place, std::size_t) noexcept { std::free(place); }
void operator delete(void* place, std::align_val_t) noexcept { std::free(place); }
void operator delete(void* place, std::size_t, std::align_val_t) noexcept { std::free(place); }

namespace bench {

namespace {

double cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

} // namespace

Meter::Meter()
    : began_{std::chrono::steady_clock::now()}, cpu_began_{cpu_seconds()}, allocations_began_{allocations} {}

Sample Meter::stop(std::uint64_t messages) const {
    const auto cpu = cpu_seconds() - cpu_began_;
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began_;
    const auto count = static_cast<double>(messages);
    return {.rate = count / wall.count(),
            .cpu_ns = cpu * 1e9 / count,
            .allocations = static_cast<double>(allocations - allocations_began_) / count};
}

void Latencies::add_to(Sample& sample) {
    std::sort(values_.begin(), values_.end());
    sample.p50_us = values_[values_.size() / 2];
    sample.p99_us = values_[values_.size() * 99 / 100];
}

} // namespace bench
