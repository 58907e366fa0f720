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

#include <cstring>
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

inline fluxmq::Bytes shared_payload() { return fluxmq::Bytes::copy(std::string(payload_size, 'x')); }

/// A payload that says when it was made, for there are several on their way at once.
inline std::string stamped() {
    std::string payload(payload_size, 'x');
    const auto now = Latencies::Clock::now();
    std::memcpy(payload.data(), &now, sizeof now);
    return payload;
}

inline Latencies::Clock::time_point stamp_of(const fluxmq::Message& message) {
    Latencies::Clock::time_point time;
    std::memcpy(&time, message.payload().data(), sizeof time);
    return time;
}

/// Calls back when a measurement has taken too long. Keep what it returns.
template <class Call>
Task<fluxmq::Timer> after_patience(Call call) {
    const auto clock = fluxmq::Clock::real();
    const auto executor = co_await boost::asio::this_coro::executor;
    co_return clock->call_at(clock->now() + std::chrono::seconds{patience_seconds}, executor,
                             std::move(call));
}

/// Counts what comes in, on one event loop, and tells when it is all there.
class Arrivals {
public:
    void expect(std::uint64_t messages) noexcept {
        wanted_ = messages;
        count_ = 0;
    }

    void count(const fluxmq::Message& message) noexcept {
        if (message.payload().size() == payload_size)
            count();
    }
    void count() noexcept {
        if (++count_ == wanted_)
            complete_.notify();
    }

    /// Throws when some are missing.
    Task<> wait() {
        const auto timer = co_await after_patience([this] { complete_.notify(); });
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

/// A service that logs errors only, on a connected transport.
class QuietService {
public:
    explicit QuietService(std::shared_ptr<fluxmq::Transport> transport, std::string id = "bench",
                          int threads = 1)
        : service{std::move(id), options(threads)} {
        service.attach(std::move(transport));
    }

    Task<> end() {
        service.shutdown();
        co_await service.wait();
    }

    fluxlib::Service service;

private:
    static fluxlib::ServiceOptions options(int threads) {
        const auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
        fluxlib::ServiceOptions options{.logger = std::make_shared<spdlog::logger>("bench", sink),
                                        .handle_signals = false,
                                        .threads = threads,
                                        .subscription_limits = no_loss};
        options.logger->set_level(spdlog::level::err);
        return options;
    }
};

/// One request after the other.
inline Task<Sample> request_in_turn(fluxmq::Transport& transport, std::uint64_t requests, pid_t server = 0) {
    const std::string payload(payload_size, 'x');
    co_await transport.request(request_topic, payload); // opens the inbox
    Latencies latencies{requests};
    std::uint64_t answered = 0;
    const Meter meter{server};
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
