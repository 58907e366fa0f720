// SPDX-License-Identifier: MIT
#include "bench.hpp"
#include "drive.hpp"
#include "wire_peer.hpp"

/// The ceiling: the same bytes through the same server, read and written by a blocking socket that does nothing
/// with them.
namespace bench {

namespace {

std::uint16_t port_of(const std::string& url) {
    return static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
}

Sample publish(const Job& job) {
    WirePeer peer{port_of(job.url)};
    const Meter meter{job.server};
    peer.flood(publish_topic, job.messages);
    return meter.stop(job.messages);
}

Sample receive(const Job& job) {
    WirePeer peer{port_of(job.url)};
    peer.subscribe(deliver_topic);
    const Meter meter{job.server};
    say_ready();
    peer.receive(deliver_topic, job.messages);
    return meter.stop(job.messages);
}

Sample publish_to_partner(const Job& job) {
    WirePeer peer{port_of(job.url)};
    wait_for_start();
    const Meter meter;
    peer.flood(deliver_topic, job.messages);
    return meter.stop(job.messages);
}

Sample request(const Job& job) {
    constexpr char inbox[] = "bench.inbox";
    WirePeer peer{port_of(job.url)};
    peer.subscribe(inbox);
    say_ready();
    peer.request(request_topic, inbox); // as those that open their inbox with it
    Latencies latencies{job.messages};
    const Meter meter{job.server};
    for (std::uint64_t i = 0; i < job.messages; ++i) {
        latencies.begin();
        peer.request(request_topic, inbox);
        latencies.end();
    }
    auto sample = meter.stop(job.messages);
    latencies.add_to(sample);
    return sample;
}

} // namespace

std::vector<Case> bare_cases() {
    const std::string side = "bare socket";
    return {
        {.path = "nats publish", .side = side, .messages = 1'000'000, .drive = counted, .run = publish},
        {.path = "nats deliver", .side = side, .messages = 500'000, .drive = flooded, .run = receive},
        {.path = "nats one to one",
         .side = side,
         .messages = 500'000,
         .drive = with_partner,
         .run = receive,
         .partner = publish_to_partner},
        {.path = "nats request", .side = side, .messages = 5'000, .drive = echoed, .run = request},
    };
}

} // namespace bench
