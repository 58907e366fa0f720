// SPDX-License-Identifier: MIT
#include "bench.hpp"
#include "drive.hpp"

#include <nats/nats.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>

/// The peer: the official C client, in the modes that its users choose between.
namespace bench {

namespace {

enum class Mode {
    usual,   ///< a flusher thread that waits 1 ms, a thread a subscription
    at_once, ///< every publish is flushed
    pooled   ///< subscriptions share a pool of threads
};

void check(natsStatus status) {
    if (status != NATS_OK)
        throw std::runtime_error{std::string{"libnats: "} + natsStatus_GetText(status)};
}

template <auto Destroy>
struct Destroyer {
    template <class T>
    void operator()(T* object) const noexcept {
        Destroy(object);
    }
};

using Options = std::unique_ptr<natsOptions, Destroyer<natsOptions_Destroy>>;
using Connection = std::unique_ptr<natsConnection, Destroyer<natsConnection_Destroy>>;
using Subscription = std::unique_ptr<natsSubscription, Destroyer<natsSubscription_Destroy>>;
using Message = std::unique_ptr<natsMsg, Destroyer<natsMsg_Destroy>>;

Connection connect(const std::string& url, Mode mode) {
    natsOptions* made = nullptr;
    check(natsOptions_Create(&made));
    const Options options{made};
    check(natsOptions_SetURL(options.get(), url.c_str()));
    if (mode == Mode::at_once)
        check(natsOptions_SetSendAsap(options.get(), true));
    if (mode == Mode::pooled)
        check(natsOptions_UseGlobalMessageDelivery(options.get(), true));
    natsConnection* connection = nullptr;
    check(natsConnection_Connect(&connection, options.get()));
    return Connection{connection};
}

class Arrivals {
public:
    explicit Arrivals(std::uint64_t wanted) : wanted_{wanted} {}

    // Called on one thread.
    static void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* arrivals) {
        auto& self = *static_cast<Arrivals*>(arrivals);
        const bool counts = natsMsg_GetDataLength(message) == static_cast<int>(payload_size);
        natsMsg_Destroy(message);
        if (counts && ++self.count_ == self.wanted_) {
            const std::lock_guard lock{self.mutex_};
            self.complete_ = true;
            self.changed_.notify_one();
        }
    }

    void wait() {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, std::chrono::seconds{patience_seconds}, [this] { return complete_; });
        check_delivered(complete_ ? wanted_ : count_, wanted_);
    }

private:
    const std::uint64_t wanted_;
    std::uint64_t count_ = 0;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool complete_ = false;
};

// Returns when the server routes to it.
Subscription subscribe(natsConnection* connection, const char* topic, Arrivals& arrivals) {
    natsSubscription* made = nullptr;
    check(natsConnection_Subscribe(&made, connection, topic, Arrivals::on_message, &arrivals));
    Subscription subscription{made};
    check(natsSubscription_SetPendingLimits(made, -1, -1)); // nothing is lost while it is behind
    check(natsConnection_Flush(connection));
    return subscription;
}

void publish_all(natsConnection* connection, const char* topic, std::uint64_t messages) {
    const std::string payload(payload_size, 'x');
    for (std::uint64_t i = 0; i < messages; ++i)
        check(natsConnection_Publish(connection, topic, payload.data(), static_cast<int>(payload.size())));
}

Sample publish(const Job& job, Mode mode) {
    const auto connection = connect(job.url, mode);
    const Meter meter{job.server};
    publish_all(connection.get(), publish_topic, job.messages);
    check(natsConnection_Flush(connection.get()));
    return meter.stop(job.messages);
}

Sample publish_to_partner(const Job& job, Mode mode) {
    const auto connection = connect(job.url, mode);
    wait_for_start();
    const Meter meter;
    publish_all(connection.get(), deliver_topic, job.messages);
    check(natsConnection_Flush(connection.get()));
    return meter.stop(job.messages);
}

Sample deliver(const Job& job, Mode mode) {
    const auto connection = connect(job.url, mode);
    Arrivals arrivals{job.messages};
    const auto subscription = subscribe(connection.get(), deliver_topic, arrivals);
    const Meter meter{job.server};
    say_ready();
    arrivals.wait();
    return meter.stop(job.messages);
}

Sample publish_and_deliver(const Job& job, Mode mode) {
    const auto connection = connect(job.url, mode);
    Arrivals arrivals{job.messages};
    const auto subscription = subscribe(connection.get(), node_topic, arrivals);
    const Meter meter{job.server};
    publish_all(connection.get(), node_topic, job.messages);
    arrivals.wait();
    return meter.stop(job.messages);
}

bool request(natsConnection* connection, const std::string& payload) {
    constexpr std::int64_t timeout_ms = 1000;
    natsMsg* answer = nullptr;
    check(natsConnection_Request(&answer, connection, request_topic, payload.data(),
                                 static_cast<int>(payload.size()), timeout_ms));
    const Message owner{answer};
    return natsMsg_GetDataLength(answer) == static_cast<int>(payload_size);
}

Sample request_in_turn(const Job& job, Mode mode) {
    const auto connection = connect(job.url, mode);
    const std::string payload(payload_size, 'x');
    say_ready();
    request(connection.get(), payload); // opens the inbox
    Latencies latencies{job.messages};
    std::uint64_t answered = 0;
    const Meter meter{job.server};
    for (std::uint64_t i = 0; i < job.messages; ++i) {
        latencies.begin();
        answered += request(connection.get(), payload);
        latencies.end();
    }
    auto sample = meter.stop(job.messages);
    check_delivered(answered, job.messages);
    latencies.add_to(sample);
    return sample;
}

using Measure = Sample (*)(const Job&, Mode);

Case make(std::string path, std::string side, std::uint64_t messages, Drive drive, Measure measure,
          Mode mode) {
    return {.path = std::move(path),
            .side = std::move(side),
            .messages = messages,
            .drive = std::move(drive),
            .run = [measure, mode](const Job& job) { return measure(job, mode); }};
}

Case one_to_one(std::string side, Mode mode) {
    auto made = make("nats one to one", std::move(side), 500'000, with_partner, deliver, mode);
    made.partner = [mode](const Job& job) { return publish_to_partner(job, mode); };
    return made;
}

} // namespace

std::vector<Case> libnats_cases() {
    return {make("nats publish", "libnats", 1'000'000, counted, publish, Mode::usual),
            make("nats publish", "libnats, at once", 500'000, counted, publish, Mode::at_once),
            make("nats deliver", "libnats", 500'000, flooded, deliver, Mode::usual),
            make("nats deliver", "libnats, pooled", 500'000, flooded, deliver, Mode::pooled),
            one_to_one("libnats", Mode::usual),
            one_to_one("libnats, pooled", Mode::pooled),
            make("nats node to node", "libnats", 300'000, alone, publish_and_deliver, Mode::usual),
            make("nats request", "libnats", 1'000, echoed, request_in_turn, Mode::usual),
            make("nats request", "libnats, at once", 5'000, echoed, request_in_turn, Mode::at_once)};
}

} // namespace bench
