// SPDX-License-Identifier: MIT
#include "inproc.hpp"

#include <array>
#include <atomic>

/// One service whose nodes compute, on one event loop and on two.
namespace bench {

namespace {

constexpr std::array work_topics{"bench.work.0", "bench.work.1"};

// Some 20 us that no compiler can leave out.
std::uint64_t compute(std::uint64_t seed) {
    constexpr int rounds = 20'000;
    for (int i = 0; i < rounds; ++i)
        seed = seed * 6364136223846793005U + 1442695040888963407U;
    return seed;
}

Task<Sample> compute_on(int threads, std::uint64_t messages) {
    QuietService quiet{co_await connect_inproc(), "bench", threads};
    std::atomic<std::uint64_t> left{messages};
    std::atomic<std::uint64_t> result{0};
    fluxmq::Wakeup complete;
    for (const auto* topic : work_topics)
        add_listener(quiet.service, topic, topic, [&](const fluxmq::Message& message) {
            result.fetch_xor(compute(message.payload().size()), std::memory_order_relaxed);
            if (left.fetch_sub(1) == 1)
                complete.notify();
        });
    co_await quiet.service.run();
    const auto payload = shared_payload();
    const Meter meter;
    for (std::uint64_t i = 0; i < messages; ++i)
        quiet.service.publish(work_topics[i % work_topics.size()], payload);
    const auto timer = co_await after_patience([&] { complete.notify(); });
    co_await complete.wait();
    check_delivered(messages - left, messages);
    const auto sample = meter.stop(messages);
    co_await quiet.end();
    co_return sample;
}

Case on_loops(std::string side, int threads) {
    return inproc_case("inproc two computing nodes", std::move(side), 50'000,
                       [threads](std::uint64_t messages) { return compute_on(threads, messages); });
}

} // namespace

std::vector<Case> loops_cases() { return {on_loops("ours, 1 thread", 1), on_loops("ours, 2 threads", 2)}; }

} // namespace bench
