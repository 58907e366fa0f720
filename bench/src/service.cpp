// SPDX-License-Identifier: MIT
#include "inproc.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

/// What nodes of one service do to each other, and what watching them costs.
namespace bench {

namespace {

using std::chrono::milliseconds;

// --- A full node beside healthy ones -------------------------------------------------------------------------

constexpr std::size_t healthy_nodes = 100;
constexpr char slow_topic[] = "bench.slow";

std::string healthy_topic(std::size_t number) { return "bench.healthy." + std::to_string(number); }

/// Handles a message a millisecond, and sees the latest.
class Slow final : public fluxlib::Node {
public:
    explicit Slow(fluxlib::Service& service) : Node{service, "slow", options()} {}

private:
    static fluxlib::NodeOptions options() {
        fluxlib::NodeOptions options{
            .input_limits = {.messages = 1024, .overflow = fluxmq::Overflow::drop_oldest}};
        options.node.inputs.push_back({.alias = "in", .topics = {slow_topic}});
        return options;
    }

    Task<> on_input(fluxmq::Message) override { co_await clock().sleep_for(milliseconds{1}); }
};

// As fast as the loop allows, until told to end.
Task<> flood(fluxmq::Transport& transport, const bool& ended) {
    const auto payload = shared_payload();
    while (!ended) {
        for (std::uint64_t i = 0; i < usual_turn; ++i)
            transport.publish(slow_topic, payload);
        co_await boost::asio::post(boost::asio::use_awaitable);
    }
}

Task<Sample> beside_full(std::uint64_t messages, bool full) {
    const auto transport = co_await connect_inproc();
    Arrivals arrivals;
    Latencies latencies{messages};
    QuietService quiet{transport};
    auto slow = std::make_unique<Slow>(quiet.service);
    const auto& slow_node = *slow;
    quiet.service.append_node(std::move(slow));
    for (std::size_t i = 0; i < healthy_nodes; ++i)
        add_listener(quiet.service, "healthy-" + std::to_string(i), healthy_topic(i),
                     [&](const fluxmq::Message& message) {
                         latencies.add(Latencies::Clock::now() - stamp_of(message));
                         arrivals.count(message);
                     });
    co_await quiet.service.run();

    bool ended = !full;
    const auto executor = co_await boost::asio::this_coro::executor;
    boost::asio::co_spawn(executor, flood(*transport, ended), boost::asio::detached);
    const auto clock = fluxmq::Clock::real();
    while (full && slow_node.counters().dropped.oldest == 0)
        co_await clock->sleep_for(milliseconds{1});

    const auto rounds = std::max<std::uint64_t>(messages / healthy_nodes, 1);
    arrivals.expect(rounds * healthy_nodes);
    for (std::uint64_t round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < healthy_nodes; ++i)
            transport->publish(healthy_topic(i), stamped());
        co_await clock->sleep_for(milliseconds{1});
    }
    co_await arrivals.wait();
    Sample sample{.rss_mib = status_number("VmHWM") / 1024, .threads = status_number("Threads")};
    latencies.add_to(sample);
    sample.figures["dropped by the full one"] = static_cast<double>(slow_node.counters().dropped.oldest);
    ended = true;
    co_await quiet.end();
    co_return sample;
}

// --- Counters ------------------------------------------------------------------------------------------------

Task<> read_counters(fluxlib::Service& service, const bool& ended, std::uint64_t& reads) {
    const auto clock = fluxmq::Clock::real();
    while (!ended) {
        co_await clock->sleep_for(milliseconds{10});
        const auto account = service.account();
        const auto counters = service.transport().counters();
        reads += account.published <= counters.published;
    }
}

// Both in one process, by turns: the difference is smaller than that of two processes.
Task<Sample> counters(std::uint64_t messages) {
    constexpr int turns = 10;
    Arrivals arrivals;
    QuietService quiet{co_await connect_inproc()};
    add_listener(quiet.service, "sink", node_topic,
                 [&](const fluxmq::Message& message) { arrivals.count(message); });
    auto& source = add_source(quiet.service, node_topic, {}, publish_shared());
    co_await quiet.service.run();
    const auto executor = co_await boost::asio::this_coro::executor;

    const auto each = messages / turns + 1;
    double with_reads = 0;
    double without = 0;
    std::uint64_t reads = 0;
    const Meter meter;
    for (int turn = 0; turn < turns; ++turn) {
        without += (co_await measure_source(source, arrivals, each)).cpu_ns / turns;
        bool ended = false;
        co_await boost::asio::post(boost::asio::use_awaitable);
        boost::asio::co_spawn(executor, read_counters(quiet.service, ended, reads), boost::asio::detached);
        with_reads += (co_await measure_source(source, arrivals, each)).cpu_ns / turns;
        ended = true;
        co_await fluxmq::Clock::real()->sleep_for(milliseconds{20}); // the reader has ended
    }
    auto sample = meter.stop(2 * turns * each);
    sample.figures = {{"cpu_ns when read", with_reads},
                      {"cpu_ns when not read", without},
                      {"reads", static_cast<double>(reads)}};
    co_await quiet.end();
    co_return sample;
}

} // namespace

std::vector<Case> service_cases() {
    const auto beside = [](std::string side, bool full) {
        return inproc_case("full node beside 100", std::move(side), 50'000,
                           [full](std::uint64_t messages) { return beside_full(messages, full); });
    };
    return {beside("ours, none is full", false), beside("ours, one is full", true),
            inproc_case("counters", "ours", 5'000'000, counters)};
}

} // namespace bench
