// SPDX-License-Identifier: MIT
#include "inproc.hpp"
#include "topics.hpp"

#include <chrono>

/// Many of everything on the embedded bus: nodes, subscriptions, ports, receivers of one message.
namespace bench {

namespace {

// --- Nodes ---------------------------------------------------------------------------------------------------

/// Passes on what comes in.
class Relay final : public fluxlib::Node {
public:
    Relay(fluxlib::Service& service, std::size_t number)
        : Node{service, "relay-" + std::to_string(number), options(number)} {}

private:
    static fluxlib::NodeOptions options(std::size_t number) {
        const auto topic = "bench.relay." + std::to_string(number);
        fluxlib::NodeOptions options;
        options.node.inputs.push_back({.alias = "in", .topics = {topic + ".in"}});
        options.node.outputs.push_back({.alias = "out", .topics = {topic + ".out"}});
        return options;
    }

    Task<> on_input(fluxmq::Message message) override {
        output("out").publish(message.payload());
        co_return;
    }
};

Task<Sample> start_nodes(std::uint64_t nodes) {
    const auto transport = co_await connect_inproc();
    const auto receiver = std::make_shared<CountingReceiver>();
    const auto subscription = co_await transport->subscribe("bench.relay.*.out", receiver);
    QuietService quiet{transport};
    const auto memory = status_number("VmRSS");
    const auto began = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < nodes; ++i)
        quiet.service.append_node(std::make_unique<Relay>(quiet.service, i));
    co_await quiet.service.run();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    Sample sample{.rss_mib = status_number("VmHWM") / 1024, .threads = status_number("Threads")};
    sample.figures["s to start"] = took.count();
    if (nodes > 1)
        sample.figures["bytes a node"] =
            (status_number("VmRSS") - memory) * 1024 / static_cast<double>(nodes);

    // All of them live: each passes a message on.
    receiver->arrivals.expect(nodes);
    const auto payload = shared_payload();
    for (std::size_t i = 0; i < nodes; ++i)
        transport->publish("bench.relay." + std::to_string(i) + ".in", payload);
    co_await receiver->arrivals.wait();
    co_await quiet.end();
    co_return sample;
}

// --- Subscriptions -------------------------------------------------------------------------------------------

std::vector<std::string> spread_topics(std::size_t count) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count; ++i)
        all.push_back(topic_of(spread_number(i, count)));
    return all;
}

Task<Sample> dispatch(std::uint64_t messages, std::size_t topics) {
    const auto transport = co_await connect_inproc();
    const auto mailbox = fluxmq::Mailbox::create();
    std::vector<fluxmq::Subscription> subscriptions;
    for (const auto& pattern : patterns_of(topics)) {
        auto subscription = co_await transport->subscribe(pattern, mailbox->add_inlet(no_loss));
        subscriptions.push_back(std::move(subscription));
    }
    const auto spread = spread_topics(topics);
    const auto payload = shared_payload();
    std::uint64_t count = 0;
    std::size_t next = 0;
    const auto publish_and_pop = [&](std::uint64_t wanted) {
        for (std::uint64_t i = 0; i < wanted; i += usual_turn) {
            for (std::uint64_t k = i; k < std::min(wanted, i + usual_turn); ++k) {
                transport->publish(spread[next], payload);
                next = next + 1 == topics ? 0 : next + 1;
            }
            while (const auto delivery = mailbox->pop_message())
                count += delivery->message.payload().size() == payload_size;
        }
    };
    publish_and_pop(2 * topics); // every route is known
    count = 0;
    const Meter meter;
    publish_and_pop(messages);
    const auto sample = meter.stop(messages);
    check_delivered(count, messages);
    co_return sample;
}

// --- Ports ---------------------------------------------------------------------------------------------------

/// A node with so many inputs, or so many outputs, named by their numbers.
fluxlib::NodeOptions ports(std::size_t inputs, std::size_t outputs) {
    fluxlib::NodeOptions options{.input_limits = no_loss};
    for (std::size_t i = 0; i < inputs; ++i)
        options.node.inputs.push_back({.alias = std::to_string(i), .topics = {pattern_of(i)}});
    for (std::size_t i = 0; i < outputs; ++i)
        options.node.outputs.push_back({.alias = std::to_string(i), .topics = {topic_of(i)}});
    return options;
}

class ManyInputs final : public fluxlib::Node {
public:
    ManyInputs(fluxlib::Service& service, std::size_t count, Arrivals& arrivals)
        : Node{service, "inputs", ports(count, 0)}, arrivals_{arrivals} {}

private:
    Task<> on_input(fluxmq::Message message) override {
        arrivals_.count(message);
        co_return;
    }

    Arrivals& arrivals_;
};

class ManyOutputs final : public fluxlib::Node {
public:
    ManyOutputs(fluxlib::Service& service, std::size_t count) : Node{service, "outputs", ports(0, count)} {
        for (std::size_t i = 0; i < count; ++i)
            outputs_.push_back(&output(std::to_string(spread_number(i, count))));
    }

    Task<> publish(std::uint64_t messages) {
        for (std::uint64_t i = 1; i <= messages; ++i) {
            outputs_[next_]->publish(payload_);
            next_ = next_ + 1 == outputs_.size() ? 0 : next_ + 1;
            if (i % usual_turn == 0)
                co_await boost::asio::post(boost::asio::use_awaitable);
        }
    }

private:
    std::vector<fluxlib::Output*> outputs_;
    std::size_t next_ = 0;
    const fluxmq::Bytes payload_ = shared_payload();
};

Task<Sample> dispatch_to_ports(std::uint64_t messages, std::size_t count) {
    Arrivals arrivals;
    QuietService quiet{co_await connect_inproc()};
    quiet.service.append_node(std::make_unique<ManyInputs>(quiet.service, count, arrivals));
    auto made = std::make_unique<ManyOutputs>(quiet.service, count);
    auto& outputs = *made;
    quiet.service.append_node(std::move(made));
    co_await quiet.service.run();
    arrivals.expect(2 * count); // every route is known
    co_await outputs.publish(2 * count);
    co_await arrivals.wait();

    arrivals.expect(messages);
    const Meter meter;
    co_await outputs.publish(messages);
    co_await arrivals.wait();
    const auto sample = meter.stop(messages);
    co_await quiet.end();
    co_return sample;
}

// --- Receivers of one message --------------------------------------------------------------------------------

Task<Sample> fan_out(std::uint64_t deliveries, std::size_t inputs) {
    Arrivals arrivals;
    const auto payload = shared_payload();
    std::uint64_t copies = 0;
    QuietService quiet{co_await connect_inproc()};
    for (std::size_t i = 0; i < inputs; ++i)
        add_listener(quiet.service, "sink-" + std::to_string(i), node_topic,
                     [&](const fluxmq::Message& message) {
                         arrivals.count(message);
                         copies += !message.payload().shares_storage_with(payload);
                     });
    const auto publish = [payload](fluxlib::Output& out) { out.publish(payload); };
    auto& source = add_source(quiet.service, node_topic, {}, publish);
    co_await quiet.service.run();
    const auto messages = std::max<std::uint64_t>(deliveries / inputs, 1);
    auto sample = co_await measure_source(source, arrivals, messages, inputs);
    sample.figures["copies"] = static_cast<double>(copies);
    co_await quiet.end();
    co_return sample;
}

template <class Measure>
Case sized(std::string path, std::string side, std::uint64_t messages, Measure measure, std::size_t size) {
    return inproc_case(std::move(path), std::move(side), messages,
                       [measure, size](std::uint64_t count) { return measure(count, size); });
}

} // namespace

std::vector<Case> scale_cases() {
    return {inproc_case("inproc many nodes", "ours, 1", 1, start_nodes),
            inproc_case("inproc many nodes", "ours, 10,000", 10'000, start_nodes),
            sized("inproc dispatch", "ours, 10 subscriptions", 1'000'000, dispatch, 10),
            sized("inproc dispatch", "ours, 10,000 subscriptions", 1'000'000, dispatch, 10'000),
            sized("inproc dispatch, nodes", "ours, 10 ports", 1'000'000, dispatch_to_ports, 10),
            sized("inproc dispatch, nodes", "ours, 10,000 ports", 1'000'000, dispatch_to_ports, 10'000),
            sized("inproc fan-out", "ours, 1 input", 2'000'000, fan_out, 1),
            sized("inproc fan-out", "ours, 1,000 inputs", 2'000'000, fan_out, 1'000)};
}

} // namespace bench
