// SPDX-License-Identifier: MIT
#include <fluxmq/inproc.hpp>

#include "ours.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace bench {

namespace {

Task<std::shared_ptr<fluxmq::InProc>> connect() {
    auto transport = std::make_shared<fluxmq::InProc>();
    co_await transport->connect();
    co_return transport;
}

Task<Sample> publish(Job job) {
    const auto transport = co_await connect();
    const auto receiver = std::make_shared<CountingReceiver>();
    const auto subscription = co_await transport->subscribe(publish_topic, receiver);
    const std::string payload(payload_size, 'x');

    receiver->arrivals.expect(job.messages);
    const Meter meter;
    for (std::uint64_t i = 0; i < job.messages; ++i)
        transport->publish(publish_topic, payload);
    const auto sample = meter.stop(job.messages);
    co_await receiver->arrivals.wait();
    co_return sample;
}

Task<Sample> nodes(Job job, Source::Burst burst) {
    const auto transport = co_await connect();
    co_return co_await node_to_node(transport, std::move(burst), job.messages);
}

Task<> answer(std::shared_ptr<fluxmq::Mailbox> mailbox, std::shared_ptr<fluxmq::InProc> transport) {
    while (co_await mailbox->wait())
        while (const auto asked = mailbox->pop_message())
            transport->respond(asked->message, asked->message.payload());
}

Task<Sample> request(Job job) {
    const auto transport = co_await connect();
    const auto mailbox = fluxmq::Mailbox::create();
    const auto subscription = co_await transport->subscribe(request_topic, mailbox->add_inlet(no_loss));
    const auto executor = co_await boost::asio::this_coro::executor;
    boost::asio::co_spawn(executor, answer(mailbox, transport), boost::asio::detached);
    co_return co_await request_in_turn(*transport, job.messages);
}

Case node_case(std::string path, std::string side, std::uint64_t messages, Source::Burst burst) {
    return {.path = std::move(path),
            .side = std::move(side),
            .messages = messages,
            .run = [burst](const Job& job) { return on_event_loop([&] { return nodes(job, burst); }); }};
}

} // namespace

std::vector<Case> inproc_cases() {
    const auto bytes = fluxmq::Bytes::copy(std::string(payload_size, 'x'));
    std::vector<Case> cases;
    cases.push_back({.path = "inproc publish to receiver",
                     .side = "ours",
                     .messages = 2'000'000,
                     .run = [](const Job& job) { return on_event_loop([&] { return publish(job); }); }});
    cases.push_back(node_case("inproc node to node", "ours, text", 1'000'000, {}));
    cases.push_back(node_case("inproc node to node", "ours, shared bytes", 1'000'000, {.shared = bytes}));
    cases.push_back(node_case("inproc node to node, one a turn", "ours, shared bytes", 300'000,
                              {.turn = 1, .shared = bytes}));
    cases.push_back(
        {.path = "inproc request", .side = "ours", .messages = 100'000, .run = [](const Job& job) {
             return on_event_loop([&] { return request(job); });
         }});
    return cases;
}

} // namespace bench
