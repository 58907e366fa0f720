// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/service.hpp>
#include <fluxlib/task.hpp>
#include <fluxmq/clock.hpp>
#include <fluxmq/mailbox.hpp>
#include <fluxmq/receiver.hpp>
#include <fluxmq/wakeup.hpp>

#include "bench.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>
#include <stdexcept>
#include <string>

/// What the cases of our own share.
namespace bench {

using fluxlib::Task;

/// Nothing is lost while a reader is behind.
inline constexpr fluxmq::MailboxLimits no_loss{.overflow = fluxmq::Overflow::block};

/// Messages published in one turn of the event loop: no more than a node handles in one, so that it keeps up.
inline constexpr std::uint64_t usual_turn = 64;

template <class App>
Sample on_event_loop(App app) {
    Sample sample;
    const auto body = [&]() -> Task<> { sample = co_await app(); };
    if (fluxlib::run(body()) != 0)
        throw std::runtime_error{"it failed, see above"};
    return sample;
}

/// Counts what comes in, on one event loop, and tells when it is all there.
class Arrivals {
public:
    void expect(std::uint64_t messages) noexcept {
        wanted_ = messages;
        count_ = 0;
    }

    void count(const fluxmq::Message& message) noexcept {
        if (message.payload().size() == payload_size && ++count_ == wanted_)
            complete_.notify();
    }

    /// Throws when some are missing.
    Task<> wait() {
        const auto clock = fluxmq::Clock::real();
        const auto executor = co_await boost::asio::this_coro::executor;
        const auto timer = clock->call_at(clock->now() + std::chrono::seconds{patience_seconds}, executor,
                                          [this] { complete_.notify(); });
        co_await complete_.wait();
        check_delivered(count_, wanted_);
    }

private:
    std::uint64_t wanted_ = 0;
    std::uint64_t count_ = 0;
    fluxmq::Wakeup complete_;
};

/// A subscription's end without a queue.
class CountingReceiver final : public fluxmq::Receiver {
public:
    bool offer(fluxmq::Message&& message) noexcept override {
        arrivals.count(message);
        return true;
    }
    void when_ready(std::function<void()> resume) override { resume(); }

    Arrivals arrivals;
};

class Sink final : public fluxlib::Node {
public:
    Sink(fluxlib::Service& service, std::string topic, Arrivals& arrivals)
        : Node{service, "sink", options(std::move(topic))}, arrivals_{arrivals} {}

private:
    static fluxlib::NodeOptions options(std::string topic) {
        fluxlib::NodeOptions options{.input_limits = no_loss};
        options.node.inputs.push_back({.alias = "in", .topics = {std::move(topic)}});
        return options;
    }

    Task<> on_input(fluxmq::Message message) override {
        arrivals_.count(message);
        co_return;
    }

    Arrivals& arrivals_;
};

/// Publishes a burst for each message that it gets.
class Source final : public fluxlib::Node {
public:
    struct Burst {
        std::uint64_t turn = usual_turn; ///< messages before others have their turn
        std::uint64_t flush = 0;         ///< messages before it waits for the broker; 0: it does not
        fluxmq::Bytes shared = {};       ///< published without a copy; empty: a string is published instead
    };

    Source(fluxlib::Service& service, Burst burst)
        : Node{service, "source", options()}, burst_{std::move(burst)}, text_(payload_size, 'x') {}

    void begin(std::uint64_t messages) {
        messages_ = messages;
        service().publish("bench.begin", "");
    }

private:
    static fluxlib::NodeOptions options() {
        fluxlib::NodeOptions options;
        options.node.inputs.push_back({.alias = "begin", .topics = {"bench.begin"}});
        options.node.outputs.push_back({.alias = "out", .topics = {node_topic}});
        return options;
    }

    Task<> on_input(fluxmq::Message) override {
        auto& out = output("out");
        for (std::uint64_t i = 1; i <= messages_; ++i) {
            if (burst_.shared.empty())
                out.publish(text_);
            else
                out.publish(burst_.shared);
            if (burst_.flush != 0 && i % burst_.flush == 0)
                co_await service().transport().flush();
            else if (i % burst_.turn == 0)
                co_await boost::asio::post(boost::asio::use_awaitable);
        }
    }

    const Burst burst_;
    const std::string text_;
    std::uint64_t messages_ = 0;
};

/// A service that logs errors only, on a connected transport.
class QuietService {
public:
    explicit QuietService(std::shared_ptr<fluxmq::Transport> transport)
        : service{"bench", {.logger = make_logger(), .handle_signals = false}} {
        service.attach(std::move(transport));
    }

    Task<> end() {
        service.shutdown();
        co_await service.wait();
    }

    fluxlib::Service service;

private:
    static std::shared_ptr<spdlog::logger> make_logger() {
        auto logger =
            std::make_shared<spdlog::logger>("bench", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        logger->set_level(spdlog::level::err);
        return logger;
    }
};

/// Source to sink, in one service.
inline Task<Sample> node_to_node(std::shared_ptr<fluxmq::Transport> transport, Source::Burst burst,
                                 std::uint64_t messages) {
    Arrivals arrivals;
    QuietService quiet{std::move(transport)};
    auto& service = quiet.service;
    service.append_node(std::make_unique<Sink>(service, node_topic, arrivals));
    auto made = std::make_unique<Source>(service, std::move(burst));
    auto& source = *made;
    service.append_node(std::move(made));
    co_await service.run();

    arrivals.expect(messages / 10); // everything gets its steady size
    source.begin(messages / 10);
    co_await arrivals.wait();

    arrivals.expect(messages);
    const Meter meter;
    source.begin(messages);
    co_await arrivals.wait();
    const auto sample = meter.stop(messages);
    co_await quiet.end();
    co_return sample;
}

/// One request after the other.
inline Task<Sample> request_in_turn(fluxmq::Transport& transport, std::uint64_t requests) {
    const std::string payload(payload_size, 'x');
    co_await transport.request(request_topic, payload); // opens the inbox
    Latencies latencies{requests};
    std::uint64_t answered = 0;
    const Meter meter;
    for (std::uint64_t i = 0; i < requests; ++i) {
        latencies.begin();
        const auto answer = co_await transport.request(request_topic, payload);
        latencies.end();
        answered += answer.payload().size() == payload_size;
    }
    auto sample = meter.stop(requests);
    check_delivered(answered, requests);
    latencies.add_to(sample);
    co_return sample;
}

} // namespace bench
