// SPDX-License-Identifier: MIT
#include <fluxmq/nats.hpp>

#include "drive.hpp"
#include "nodes.hpp"
#include "topics.hpp"

namespace bench {

namespace {

// Far below what a connection may hold back, and far above what the kernel takes in one write.
constexpr std::uint64_t flush_interval = 16'384;

Task<std::shared_ptr<fluxmq::Nats>> connect(const std::string& url) {
    auto transport = std::make_shared<fluxmq::Nats>();
    co_await transport->connect(url);
    co_return transport;
}

Task<> publish_all(fluxmq::Transport& transport, std::string topic, std::uint64_t messages) {
    const std::string payload(payload_size, 'x');
    for (std::uint64_t i = 1; i <= messages; ++i) {
        transport.publish(topic, payload);
        if (i % flush_interval == 0)
            co_await transport.flush();
        else if (i % usual_turn == 0)
            co_await boost::asio::post(boost::asio::use_awaitable);
    }
    co_await transport.flush();
}

Task<Sample> publish(Job job) {
    const auto transport = co_await connect(job.url);
    const Meter meter{job.server};
    co_await publish_all(*transport, publish_topic, job.messages);
    co_return meter.stop(job.messages);
}

Task<Sample> publish_to_partner(Job job) {
    const auto transport = co_await connect(job.url);
    wait_for_start();
    const Meter meter;
    co_await publish_all(*transport, deliver_topic, job.messages);
    co_return meter.stop(job.messages);
}

Task<Sample> deliver_to_receiver(Job job) {
    const auto transport = co_await connect(job.url);
    const auto receiver = std::make_shared<CountingReceiver>();
    receiver->arrivals.expect(job.messages);
    const auto subscription = co_await transport->subscribe(deliver_topic, receiver);
    const Meter meter{job.server};
    say_ready();
    co_await receiver->arrivals.wait();
    co_return meter.stop(job.messages);
}

// Pops all messages of a mailbox that has been subscribed.
Task<Sample> read_all(Job job, std::shared_ptr<fluxmq::Mailbox> mailbox) {
    const auto timer = co_await after_patience([&] { mailbox->close(); });
    std::uint64_t count = 0;
    const Meter meter{job.server};
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

Task<Sample> deliver_to_coroutine(Job job) {
    const auto transport = co_await connect(job.url);
    const auto mailbox = fluxmq::Mailbox::create();
    const auto subscription = co_await transport->subscribe(deliver_topic, mailbox->add_inlet(no_loss));
    co_return co_await read_all(job, mailbox);
}

// What `quiet` has subscribed is counted in `arrivals`.
Task<Sample> measure_arrivals(const Job& job, Arrivals& arrivals, QuietService& quiet) {
    arrivals.expect(job.messages);
    const Meter meter{job.server};
    say_ready();
    co_await arrivals.wait();
    const auto sample = meter.stop(job.messages);
    co_await quiet.end();
    co_return sample;
}

Task<Sample> deliver_to_handler(Job job) {
    Arrivals arrivals;
    QuietService quiet{co_await connect(job.url)};
    co_await quiet.service.run();
    const fluxlib::Handler handler{[&](const fluxmq::Message& message) { arrivals.count(message); }};
    co_await quiet.service.subscribe_handler(deliver_topic, handler);
    co_return co_await measure_arrivals(job, arrivals, quiet);
}

Task<Sample> deliver_to_node(Job job) {
    Arrivals arrivals;
    QuietService quiet{co_await connect(job.url)};
    add_listener(quiet.service, "sink", deliver_topic,
                 [&](const fluxmq::Message& message) { arrivals.count(message); });
    co_await quiet.service.run();
    co_return co_await measure_arrivals(job, arrivals, quiet);
}

Task<Sample> nodes(Job job) {
    const auto transport = co_await connect(job.url);
    Arrivals arrivals;
    const auto receive = [&](const fluxmq::Message& message) { arrivals.count(message); };
    const auto text = publish_text();
    const Burst burst{.flush = flush_interval};
    co_return co_await node_to_node(transport, job.messages, burst, text, receive, arrivals, job.server);
}

Task<Sample> request(Job job) {
    const auto transport = co_await connect(job.url);
    say_ready();
    co_return co_await request_in_turn(*transport, job.messages, job.server);
}

// One inlet a subscription, all of one mailbox: what a node's inputs are.
Task<Sample> dispatch(Job job, std::size_t topics) {
    const auto transport = co_await connect(job.url);
    const auto mailbox = fluxmq::Mailbox::create();
    std::vector<fluxmq::Subscription> subscriptions;
    for (const auto& pattern : patterns_of(topics)) {
        auto subscription = co_await transport->subscribe(pattern, mailbox->add_inlet(no_loss));
        subscriptions.push_back(std::move(subscription));
    }
    co_return co_await read_all(job, mailbox);
}

template <class Measure>
Case make(std::string path, std::string side, std::uint64_t messages, Drive drive, Measure measure) {
    return {.path = std::move(path),
            .side = std::move(side),
            .messages = messages,
            .drive = std::move(drive),
            .run = [measure](const Job& job) { return on_event_loop([&] { return measure(job); }); }};
}

Case dispatch_case(std::string side, std::size_t topics) {
    return make("nats dispatch", std::move(side), 500'000, served(topics),
                [topics](const Job& job) { return dispatch(job, topics); });
}

} // namespace

std::vector<Case> nats_cases() {
    auto one_to_one = make("nats one to one", "ours", 500'000, with_partner, deliver_to_coroutine);
    one_to_one.partner = [](const Job& job) {
        return on_event_loop([&] { return publish_to_partner(job); });
    };
    return {make("nats publish", "ours", 1'000'000, counted, publish),
            make("nats deliver", "ours, receiver", 500'000, flooded, deliver_to_receiver),
            make("nats deliver", "ours, coroutine", 500'000, flooded, deliver_to_coroutine),
            make("nats deliver", "ours, subscribe_handler", 500'000, flooded, deliver_to_handler),
            make("nats deliver", "ours, on_input", 500'000, flooded, deliver_to_node),
            std::move(one_to_one),
            make("nats node to node", "ours", 300'000, alone, nodes),
            make("nats request", "ours", 5'000, echoed, request),
            dispatch_case("ours, 10 subscriptions", 10),
            dispatch_case("ours, 10,000 subscriptions", 10'000)};
}

} // namespace bench
