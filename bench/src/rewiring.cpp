// SPDX-License-Identifier: MIT
#include "two_loops.hpp"

#include <boost/json/serialize.hpp>

#include <array>
#include <random>

/// What nodes notice of configs that change others: 20,000 messages a second come from another thread, half of them
/// for nodes that no config changes.
namespace bench {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t node_count = 10; // of either kind
constexpr std::uint64_t each_millisecond = 2 * node_count;
constexpr int rewires = 100;

std::string untouched_topic(std::size_t number) { return "bench.untouched." + std::to_string(number); }
std::string rewired_topic(std::size_t number) { return "bench.rewired." + std::to_string(number); }

/// Calls `function` with each message.
template <class Function>
class Sink final : public fluxlib::Node {
public:
    Sink(fluxlib::Service& service, const fluxlib::DataNode& data, const Function& function)
        : Node{service, data.id, {.node = data, .input_limits = no_loss}}, function_{function} {}

private:
    Task<> on_input(fluxmq::Message message) override {
        function_(message);
        co_return;
    }

    const Function& function_;
};

fluxlib::DataNode sink(std::string id, std::string type) {
    fluxlib::DataNode node;
    node.id = std::move(id);
    node.type = std::move(type);
    node.inputs.push_back({.alias = "in"});
    return node;
}

/// Every topic goes to one node, chosen anew each time.
std::string random_config(std::mt19937& random) {
    std::vector<fluxlib::DataNode> nodes;
    for (std::size_t i = 0; i < node_count; ++i) {
        nodes.push_back(sink("rewired-" + std::to_string(i), random() % 4 == 0 ? "other" : "rewired"));
        nodes.push_back(sink("untouched-" + std::to_string(i), "untouched"));
        nodes.back().inputs.front().topics.push_back(untouched_topic(i));
    }
    for (std::size_t topic = 0; topic < node_count; ++topic)
        nodes[2 * (random() % node_count)].inputs.front().topics.push_back(rewired_topic(topic));
    return boost::json::serialize(fluxlib::to_json(nodes));
}

Task<> publish_paced(Shared& shared) {
    const auto transport = co_await connect_inproc(shared.bus);
    const auto clock = fluxmq::Clock::real();
    shared.ready.notify();
    co_await shared.go.wait();
    auto next = clock->now();
    for (auto left = shared.wanted.load(); left > 0; left -= std::min(left, each_millisecond)) {
        for (std::size_t i = 0; i < node_count; ++i) {
            transport->publish(untouched_topic(i), stamped());
            transport->publish(rewired_topic(i), stamped());
        }
        next += milliseconds{1};
        co_await clock->sleep_until(next);
    }
    co_await shared.go.wait();
    co_await transport->close();
}

Task<Sample> beside_rewired(Shared& shared, std::uint64_t messages, bool rewired) {
    Arrivals arrivals;
    Latencies latencies{messages};
    const auto untouched = [&](const fluxmq::Message& message) {
        latencies.add(steady_clock::now() - stamp_of(message));
        arrivals.count(message);
    };
    const auto other = [&](const fluxmq::Message& message) { arrivals.count(message); };
    QuietService quiet{co_await connect_inproc(shared.bus)};
    auto& service = quiet.service;
    const auto make = [&service](const auto& function) {
        return [&service, &function](const fluxlib::DataNode& data) -> std::unique_ptr<fluxlib::Node> {
            return std::make_unique<Sink<std::remove_cvref_t<decltype(function)>>>(service, data, function);
        };
    };
    service.register_node("untouched", make(untouched));
    service.register_node("rewired", make(other));
    service.register_node("other", make(other));
    co_await service.run();
    std::mt19937 random{7};
    auto config = random_config(random);
    co_await service.apply_config(config);
    co_await service.start_node_all();
    co_await shared.ready.wait();

    const auto rounds = (messages + each_millisecond - 1) / each_millisecond;
    arrivals.expect(rounds * each_millisecond);
    shared.wanted = messages;
    const Meter meter;
    shared.go.notify();
    const auto clock = fluxmq::Clock::real();
    const auto pause = milliseconds{rounds} / rewires;
    double longest = 0;
    for (int i = 0; rewired && i < rewires; ++i) {
        co_await clock->sleep_for(pause);
        config = random_config(random);
        const auto began = steady_clock::now();
        co_await service.apply_config(config);
        longest =
            std::max(longest, std::chrono::duration<double, std::milli>{steady_clock::now() - began}.count());
        co_await service.start_node_all(); // those of another type
    }
    co_await arrivals.wait();
    auto sample = meter.stop(messages);
    latencies.add_to(sample);
    sample.figures["dropped"] = static_cast<double>(service.account().dropped.total());
    sample.figures["ms a config, at most"] = longest;
    co_await quiet.end();
    co_return sample;
}

Case beside(std::string side, bool rewired) {
    return {.path = "nodes beside rewired ones",
            .side = std::move(side),
            .messages = 200'000,
            .drive = alone,
            .run = [rewired](const Job& job) {
                Shared shared;
                return on_two_loops(
                    shared, [&] { return publish_paced(shared); },
                    [&] { return beside_rewired(shared, job.messages, rewired); });
            }};
}

} // namespace

std::vector<Case> rewiring_cases() {
    return {beside("ours, quiet", false), beside("ours, 100 configs", true)};
}

} // namespace bench
