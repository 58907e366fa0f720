// SPDX-License-Identifier: MIT
#pragma once

#include "ours.hpp"

#include <utility>

/// Nodes as a user writes them, with what they do as a function.
namespace bench {

/// Calls `function` with each message of one topic.
template <class Function>
class Listener final : public fluxlib::Node {
public:
    Listener(fluxlib::Service& service, std::string id, std::string topic, fluxmq::MailboxLimits limits,
             Function function)
        : Node{service, std::move(id), options(std::move(topic), limits)}, function_{std::move(function)} {}

private:
    static fluxlib::NodeOptions options(std::string topic, fluxmq::MailboxLimits limits) {
        fluxlib::NodeOptions options{.input_limits = limits};
        options.node.inputs.push_back({.alias = "in", .topics = {std::move(topic)}});
        return options;
    }

    Task<> on_input(fluxmq::Message message) override {
        function_(message);
        co_return;
    }

    Function function_;
};

template <class Function>
void add_listener(fluxlib::Service& service, std::string id, std::string topic, Function function) {
    service.append_node(std::make_unique<Listener<Function>>(service, std::move(id), std::move(topic),
                                                             no_loss, std::move(function)));
}

/// How a Source shares the event loop and the broker.
struct Burst {
    std::uint64_t turn = usual_turn; ///< messages before others have their turn
    std::uint64_t flush = 0;         ///< messages before it waits for the broker; 0: it does not
};

/// Calls `publish(output)` so many times for each start.
template <class Publish>
class Source final : public fluxlib::Node {
public:
    Source(fluxlib::Service& service, std::string topic, Burst burst, Publish publish)
        : Node{service, "source", options(std::move(topic))}, burst_{burst}, publish_{std::move(publish)} {}

    /// On its event loop.
    void begin(std::uint64_t messages) {
        messages_ = messages;
        service().publish("bench.begin", "");
    }

private:
    static fluxlib::NodeOptions options(std::string topic) {
        fluxlib::NodeOptions options;
        options.node.inputs.push_back({.alias = "begin", .topics = {"bench.begin"}});
        options.node.outputs.push_back({.alias = "out", .topics = {std::move(topic)}});
        return options;
    }

    Task<> on_input(fluxmq::Message) override {
        auto& out = output("out");
        for (std::uint64_t i = 1; i <= messages_; ++i) {
            publish_(out);
            if (burst_.flush != 0 && i % burst_.flush == 0)
                co_await service().transport().flush();
            else if (i % burst_.turn == 0)
                co_await boost::asio::post(boost::asio::use_awaitable);
        }
    }

    const Burst burst_;
    Publish publish_;
    std::uint64_t messages_ = 0;
};

template <class Publish>
Source<Publish>& add_source(fluxlib::Service& service, std::string topic, Burst burst, Publish publish) {
    auto made = std::make_unique<Source<Publish>>(service, std::move(topic), burst, std::move(publish));
    auto& source = *made;
    service.append_node(std::move(made));
    return source;
}

/// A string, which publish() copies once.
inline auto publish_text() {
    return [text = std::string(payload_size, 'x')](fluxlib::Output& out) { out.publish(text); };
}

/// Bytes that nobody copies.
inline auto publish_shared() {
    return [bytes = shared_payload()](fluxlib::Output& out) { out.publish(bytes); };
}

/// Measures one source whose messages are counted by `arrivals`, in a service that runs.
template <class Source>
Task<Sample> measure_source(Source& source, Arrivals& arrivals, std::uint64_t messages,
                            std::uint64_t deliveries_each = 1, pid_t server = 0) {
    arrivals.expect(messages / 10 * deliveries_each); // everything gets its steady size
    if (messages >= 10) {
        source.begin(messages / 10);
        co_await arrivals.wait();
    }
    arrivals.expect(messages * deliveries_each);
    const Meter meter{server};
    source.begin(messages);
    co_await arrivals.wait();
    co_return meter.stop(messages * deliveries_each);
}

/// Source to listener, in one service. `receive` is called with each message, and counts it in `arrivals`.
/// By reference, and given names by the caller: g++ 12 destroys a lambda twice that is made in a co_await expression.
template <class Publish, class Receive>
Task<Sample> node_to_node(std::shared_ptr<fluxmq::Transport> transport, std::uint64_t messages, Burst burst,
                          const Publish& publish, const Receive& receive, Arrivals& arrivals,
                          pid_t server = 0) {
    QuietService quiet{std::move(transport)};
    add_listener(quiet.service, "sink", node_topic, receive);
    auto& source = add_source(quiet.service, node_topic, burst, publish);
    co_await quiet.service.run();
    const auto sample = co_await measure_source(source, arrivals, messages, 1, server);
    co_await quiet.end();
    co_return sample;
}

} // namespace bench
