// SPDX-License-Identifier: MIT
#include "two_loops.hpp"

/// Two services on two event loops.
namespace bench {

namespace {

// Messages before the publishing node waits until the other thread has room for them: far below what a connection
// may hold back.
constexpr std::uint64_t flush_interval = 8'192;

Task<> publish_when_told(Shared& shared, bool text) {
    QuietService quiet{co_await connect_inproc(shared.bus), "bench-source"};
    const auto publish = [text, publish_text = publish_text(), publish_shared = publish_shared()](
                             fluxlib::Output& out) { text ? publish_text(out) : publish_shared(out); };
    auto& source = add_source(quiet.service, node_topic, {.flush = flush_interval}, publish);
    co_await quiet.service.run();
    shared.ready.notify();
    for (;;) {
        co_await shared.go.wait();
        const auto messages = shared.wanted.exchange(0);
        if (messages == 0)
            break;
        source.begin(messages);
    }
    co_await quiet.end();
}

Task<Sample> receive(Shared& shared, std::uint64_t messages) {
    QuietService quiet{co_await connect_inproc(shared.bus), "bench-sink"};
    Arrivals arrivals;
    add_listener(quiet.service, "sink", node_topic,
                 [&](const fluxmq::Message& message) { arrivals.count(message); });
    co_await quiet.service.run();
    co_await shared.ready.wait();
    const auto get = [&](std::uint64_t count) {
        arrivals.expect(count);
        shared.wanted = count;
        shared.go.notify();
        return arrivals.wait();
    };
    co_await get(messages / 10 + 1); // everything gets its steady size
    const Meter meter;
    co_await get(messages);
    const auto sample = meter.stop(messages);
    co_await quiet.end();
    co_return sample;
}

Case one_way(std::string side, bool text) {
    return {.path = "inproc node to node, two threads",
            .side = std::move(side),
            .messages = 2'000'000,
            .drive = alone,
            .run = [text](const Job& job) {
                Shared shared;
                return on_two_loops(
                    shared, [&] { return publish_when_told(shared, text); },
                    [&] { return receive(shared, job.messages); });
            }};
}

constexpr char there_topic[] = "bench.there";
constexpr char back_topic[] = "bench.back";

fluxlib::NodeOptions from_to(const char* from, const char* to) {
    fluxlib::NodeOptions options;
    options.node.inputs.push_back({.alias = "in", .topics = {from}});
    options.node.outputs.push_back({.alias = "out", .topics = {to}});
    return options;
}

class Echo final : public fluxlib::Node {
public:
    explicit Echo(fluxlib::Service& service) : Node{service, "echo", from_to(there_topic, back_topic)} {}

private:
    Task<> on_input(fluxmq::Message message) override {
        output("out").publish(message.payload());
        co_return;
    }
};

/// Sends a message there, and the next one when it is back.
class Ping final : public fluxlib::Node {
public:
    Ping(fluxlib::Service& service, std::uint64_t messages, Arrivals& arrivals)
        : Node{service, "ping", from_to(back_topic, there_topic)}, latencies{messages}, left_{messages},
          arrivals_{arrivals} {}

    void begin() { service().publish(back_topic, ""); }

    Latencies latencies;

private:
    Task<> on_input(fluxmq::Message message) override {
        if (!message.payload().empty()) {
            latencies.end();
            arrivals_.count(message);
        }
        if (left_ > 0) {
            --left_;
            latencies.begin();
            output("out").publish(payload_);
        }
        co_return;
    }

    std::uint64_t left_;
    Arrivals& arrivals_;
    const fluxmq::Bytes payload_ = shared_payload();
};

Task<> echo(Shared& shared) {
    QuietService quiet{co_await connect_inproc(shared.bus), "bench-echo"};
    quiet.service.append_node(std::make_unique<Echo>(quiet.service));
    co_await quiet.service.run();
    shared.ready.notify();
    co_await shared.go.wait();
    co_await quiet.end();
}

Task<Sample> ping(Shared& shared, std::uint64_t messages) {
    QuietService quiet{co_await connect_inproc(shared.bus), "bench-ping"};
    Arrivals arrivals;
    auto made = std::make_unique<Ping>(quiet.service, messages, arrivals);
    auto& node = *made;
    quiet.service.append_node(std::move(made));
    co_await quiet.service.run();
    co_await shared.ready.wait();
    arrivals.expect(messages);
    const Meter meter;
    node.begin();
    co_await arrivals.wait();
    auto sample = meter.stop(messages);
    node.latencies.add_to(sample);
    co_await quiet.end();
    co_return sample;
}

Case round_trip() {
    return {.path = "inproc round trip, two threads",
            .side = "ours",
            .messages = 50'000,
            .drive = alone,
            .run = [](const Job& job) {
                Shared shared;
                return on_two_loops(
                    shared, [&] { return echo(shared); }, [&] { return ping(shared, job.messages); });
            }};
}

} // namespace

std::vector<Case> threads_cases() {
    return {one_way("ours, text", true), one_way("ours, shared bytes", false), round_trip()};
}

} // namespace bench
