// SPDX-License-Identifier: MIT
#include <fluxmq/nats.hpp>

#include "ours.hpp"

namespace bench {

namespace {

// Far below what a connection may hold back, and far above what the kernel takes in one write.
constexpr std::uint64_t flush_interval = 16'384;

Task<std::shared_ptr<fluxmq::Nats>> connect(const std::string& url) {
    auto transport = std::make_shared<fluxmq::Nats>();
    co_await transport->connect(url);
    co_return transport;
}

Task<Sample> publish(Job job) {
    const auto transport = co_await connect(job.url);
    const std::string payload(payload_size, 'x');
    say_ready();
    const Meter meter;
    for (std::uint64_t i = 1; i <= job.messages; ++i) {
        transport->publish(publish_topic, payload);
        if (i % flush_interval == 0)
            co_await transport->flush();
        else if (i % usual_turn == 0)
            co_await boost::asio::post(boost::asio::use_awaitable);
    }
    co_await transport->flush();
    co_return meter.stop(job.messages);
}

Task<Sample> deliver_to_receiver(Job job) {
    const auto transport = co_await connect(job.url);
    const auto receiver = std::make_shared<CountingReceiver>();
    receiver->arrivals.expect(job.messages);
    const auto subscription = co_await transport->subscribe(deliver_topic, receiver);
    const Meter meter;
    say_ready();
    co_await receiver->arrivals.wait();
    co_return meter.stop(job.messages);
}

Task<Sample> deliver_to_coroutine(Job job) {
    const auto transport = co_await connect(job.url);
    const auto mailbox = fluxmq::Mailbox::create();
    const auto subscription = co_await transport->subscribe(deliver_topic, mailbox->add_inlet(no_loss));
    const auto clock = fluxmq::Clock::real();
    const auto executor = co_await boost::asio::this_coro::executor;
    const auto timer = clock->call_at(clock->now() + std::chrono::seconds{patience_seconds}, executor,
                                      [&] { mailbox->close(); });
    std::uint64_t count = 0;
    const Meter meter;
    say_ready();
    // Not `count < job.messages && co_await ...`: g++ 12 awaits also when the first is false.
    while (count < job.messages) {
        if (!co_await mailbox->wait())
            break;
        while (const auto delivery = mailbox->pop_message())
            count += delivery->message.payload().size() == payload_size;
    }
    const auto sample = meter.stop(job.messages);
    check_delivered(count, job.messages);
    co_return sample;
}

Task<Sample> deliver_to_node(Job job) {
    Arrivals arrivals;
    QuietService quiet{co_await connect(job.url)};
    quiet.service.append_node(std::make_unique<Sink>(quiet.service, deliver_topic, arrivals));
    co_await quiet.service.run();
    arrivals.expect(job.messages);
    const Meter meter;
    say_ready();
    co_await arrivals.wait();
    const auto sample = meter.stop(job.messages);
    co_await quiet.end();
    co_return sample;
}

Task<Sample> nodes(Job job) {
    const auto transport = co_await connect(job.url);
    say_ready();
    co_return co_await node_to_node(transport, {.flush = flush_interval}, job.messages);
}

Task<Sample> request(Job job) {
    const auto transport = co_await connect(job.url);
    say_ready();
    co_return co_await request_in_turn(*transport, job.messages);
}

Case make(std::string path, std::string side, std::uint64_t messages, Parent parent,
          Task<Sample> (*measure)(Job)) {
    return {.path = std::move(path),
            .side = std::move(side),
            .messages = messages,
            .parent = parent,
            .run = [measure](const Job& job) { return on_event_loop([&] { return measure(job); }); }};
}

} // namespace

std::vector<Case> nats_cases() {
    return {make("nats publish", "ours", 1'000'000, Parent::counts, publish),
            make("nats deliver", "ours, receiver", 500'000, Parent::floods_deliver, deliver_to_receiver),
            make("nats deliver", "ours, coroutine", 500'000, Parent::floods_deliver, deliver_to_coroutine),
            make("nats deliver", "ours, on_input", 500'000, Parent::floods_deliver, deliver_to_node),
            make("nats node to node", "ours", 300'000, Parent::watches, nodes),
            make("nats request", "ours", 5'000, Parent::echoes, request)};
}

} // namespace bench
