// SPDX-License-Identifier: MIT
#include "bars.hpp"

#include <algorithm>

namespace bench {

namespace {

using Is = Bar::Is;

// A figure of one case.
Figure one(std::string path, std::string side, std::string metric) {
    return {std::move(path), {std::move(side)}, std::move(metric)};
}

// `ours` at most, or at least, `bar` times what the peers on the same path need or do.
Bar against(std::string what, Figure ours, std::vector<std::string> peers, Is is, double bar) {
    Figure peer{ours.path, std::move(peers), ours.metric};
    return {std::move(what), std::move(ours), std::move(peer), is, bar};
}

Bar absolute(std::string what, Figure ours, Is is, double bar) {
    return {std::move(what), std::move(ours), std::nullopt, is, bar};
}

const std::vector<std::string> any_libnats{"libnats", "libnats, pooled"};
const std::vector<std::string> any_caf{"CAF, text", "CAF, shared message"};
const std::vector<std::string> any_zeromq{"ZeroMQ, copied", "ZeroMQ, shared"};

std::vector<Bar> nats_bars() {
    return {
        against("CPU of a handler coroutine at most 1/8 of libnats",
                one("nats deliver", "ours, coroutine", "cpu_ns"), any_libnats, Is::at_most, 0.125),
        against("CPU of on_input at most 1.25 of the raw subscription",
                one("nats deliver", "ours, on_input", "cpu_ns"), {"ours, coroutine"}, Is::at_most, 1.25),
        against("CPU at most 0.8 of libnats, which batches too", one("nats publish", "ours", "cpu_ns"),
                {"libnats"}, Is::at_most, 0.8),
        against("rate at least 0.9 of the bare socket", one("nats one to one", "ours", "messages/s"),
                {"bare socket"}, Is::at_least, 0.9),
        against("rate at least 1.3 of libnats", one("nats one to one", "ours", "messages/s"), any_libnats,
                Is::at_least, 1.3),
        against("p50 at most 1.15 of the bare socket", one("nats request", "ours", "p50_us"), {"bare socket"},
                Is::at_most, 1.15),
        against("p99 at most 1.15 of the bare socket", one("nats request", "ours", "p99_us"), {"bare socket"},
                Is::at_most, 1.15),
        against("p50 at most 0.6 of libnats that flushes at once", one("nats request", "ours", "p50_us"),
                {"libnats, at once"}, Is::at_most, 0.6),
        against("p99 at most 0.6 of libnats that flushes at once", one("nats request", "ours", "p99_us"),
                {"libnats, at once"}, Is::at_most, 0.6),
        against("CPU with 10,000 subscriptions at most 1.3 of that with 10",
                one("nats dispatch", "ours, 10,000 subscriptions", "cpu_ns"), {"ours, 10 subscriptions"},
                Is::at_most, 1.3),
        absolute("at most 10 MiB of memory", one("nats idle service", "ours", "rss_mib"), Is::at_most, 10),
        absolute("no wake-up", one("nats idle service", "ours", "wake-ups"), Is::at_most, 0),
        absolute("start to CONNECTED in under 10 ms", one("nats idle service", "ours", "ms to CONNECTED"),
                 Is::at_most, 10),
    };
}

std::vector<Bar> inproc_bars() {
    const std::string nodes = "inproc node to node";
    const std::string threads = "inproc node to node, two threads";
    const std::string many = "inproc many nodes";
    return {
        absolute("at least 8 M messages/s on one thread", one(nodes, "ours, shared bytes", "messages/s"),
                 Is::at_least, 8e6),
        against("rate at least twice that of CAF's actors", one(nodes, "ours, shared bytes", "messages/s"),
                any_caf, Is::at_least, 2),
        // What grows by blocks shows in the last digits.
        absolute("no allocation a message of shared bytes", one(nodes, "ours, shared bytes", "allocations"),
                 Is::at_most, 0.001),
        against("rate at least that of ZeroMQ", one(threads, "ours, shared bytes", "messages/s"), any_zeromq,
                Is::at_least, 1),
        against("p50 of a round trip at most half of ZeroMQ's",
                one("inproc round trip, two threads", "ours", "p50_us"), {"ZeroMQ"}, Is::at_most, 0.5),
        against("two computing nodes on two threads at least 1.7 times the rate of one",
                one("inproc two computing nodes", "ours, 2 threads", "messages/s"), {"ours, 1 thread"},
                Is::at_least, 1.7),
        against("CPU through a node at most 1.2 of Boost.JSON alone", one("inproc json", "ours", "cpu_ns"),
                {"Boost.JSON alone"}, Is::at_most, 1.2),
        absolute("10,000 nodes created and started in under 1 s", one(many, "ours, 10,000", "s to start"),
                 Is::at_most, 1),
        absolute("at most 4 KiB of memory a node", one(many, "ours, 10,000", "bytes a node"), Is::at_most,
                 4096),
        against("as many threads as with one node", one(many, "ours, 10,000", "threads"), {"ours, 1"},
                Is::at_most, 1),
        against("CPU with 10,000 subscriptions at most 1.3 of that with 10",
                one("inproc dispatch", "ours, 10,000 subscriptions", "cpu_ns"), {"ours, 10 subscriptions"},
                Is::at_most, 1.3),
        against("CPU with 10,000 inputs and outputs at most 1.3 of that with 10",
                one("inproc dispatch, nodes", "ours, 10,000 ports", "cpu_ns"), {"ours, 10 ports"},
                Is::at_most, 1.3),
        absolute("the payload is never copied", one("inproc fan-out", "ours, 1,000 inputs", "copies"),
                 Is::at_most, 0),
        against("CPU a delivery at most that of one to one",
                one("inproc fan-out", "ours, 1,000 inputs", "cpu_ns"), {"ours, 1 input"}, Is::at_most, 1),
        absolute("p99 of the healthy within 5 ms", one("full node beside 100", "ours, one is full", "p99_us"),
                 Is::at_most, 5000),
        against("p99 within 3 times that of a quiet service",
                one("nodes beside rewired ones", "ours, 100 configs", "p99_us"), {"ours, quiet"}, Is::at_most,
                3),
        {"counters and account read 100 times a second cost less than 3 %",
         one("counters", "ours", "cpu_ns when read"), one("counters", "ours", "cpu_ns when not read"),
         Is::at_most, 1.03},
    };
}

struct Found {
    double value;
    std::string side;
};

std::optional<Found> find(const Figure& figure, const std::vector<Result>& results) {
    const bool more_is_better = figure.metric == "messages/s";
    std::optional<Found> best;
    for (const auto& result : results) {
        const auto& sides = figure.sides;
        if (result.what->path != figure.path ||
            std::find(sides.begin(), sides.end(), result.what->side) == sides.end())
            continue;
        const auto values = spread(result, figure.metric);
        if (values &&
            (!best || (more_is_better ? values->median > best->value : values->median < best->value)))
            best = Found{values->median, result.what->side};
    }
    return best;
}

} // namespace

const std::vector<Bar>& all_bars() {
    static const auto bars = [] {
        auto all = nats_bars();
        for (auto& bar : inproc_bars())
            all.push_back(std::move(bar));
        return all;
    }();
    return bars;
}

std::vector<Judged> judge(const std::vector<Bar>& bars, const std::vector<Result>& results) {
    std::vector<Judged> all;
    for (const auto& bar : bars) {
        const auto ours = find(bar.ours, results);
        const auto peer = bar.peer ? find(*bar.peer, results) : std::nullopt;
        if (!ours || (bar.peer && !peer))
            continue;
        Judged judged{.bar = &bar, .ours = ours->value, .ours_side = ours->side};
        auto compared = ours->value;
        if (peer) {
            judged.peer = peer->value;
            judged.peer_side = peer->side;
            judged.ratio = compared = ours->value / peer->value;
        }
        judged.holds = bar.is == Is::at_most ? compared <= bar.bar : compared >= bar.bar;
        all.push_back(std::move(judged));
    }
    return all;
}

} // namespace bench
