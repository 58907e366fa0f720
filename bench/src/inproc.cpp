// SPDX-License-Identifier: MIT
#include "inproc.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

/// The embedded bus on one event loop.
namespace bench {

namespace {

Task<Sample> publish(std::uint64_t messages) {
    const auto transport = co_await connect_inproc();
    const auto receiver = std::make_shared<CountingReceiver>();
    const auto subscription = co_await transport->subscribe(publish_topic, receiver);
    const std::string payload(payload_size, 'x');

    receiver->arrivals.expect(messages);
    const Meter meter;
    for (std::uint64_t i = 0; i < messages; ++i)
        transport->publish(publish_topic, payload);
    const auto sample = meter.stop(messages);
    co_await receiver->arrivals.wait();
    co_return sample;
}

template <class Publish>
Case node_case(std::string path, std::string side, std::uint64_t messages, Burst burst, Publish publish) {
    return inproc_case(
        std::move(path), std::move(side), messages, [burst, publish](std::uint64_t count) -> Task<Sample> {
            const auto transport = co_await connect_inproc();
            Arrivals arrivals;
            const auto receive = [&](const fluxmq::Message& message) { arrivals.count(message); };
            co_return co_await node_to_node(transport, count, burst, publish, receive, arrivals);
        });
}

Task<> answer(std::shared_ptr<fluxmq::Mailbox> mailbox, std::shared_ptr<fluxmq::InProc> transport) {
    while (co_await mailbox->wait())
        while (const auto asked = mailbox->pop_message())
            transport->respond(asked->message, asked->message.payload());
}

Task<Sample> request(std::uint64_t requests) {
    const auto transport = co_await connect_inproc();
    const auto mailbox = fluxmq::Mailbox::create();
    const auto subscription = co_await transport->subscribe(request_topic, mailbox->add_inlet(no_loss));
    const auto executor = co_await boost::asio::this_coro::executor;
    boost::asio::co_spawn(executor, answer(mailbox, transport), boost::asio::detached);
    const auto sample = co_await request_in_turn(*transport, requests);
    mailbox->close(); // it keeps the coroutine that waits for it
    co_return sample;
}

} // namespace

std::vector<Case> inproc_cases() {
    return {inproc_case("inproc publish to receiver", "ours", 2'000'000, publish),
            node_case("inproc node to node", "ours, text", 2'000'000, {}, publish_text()),
            node_case("inproc node to node", "ours, shared bytes", 2'000'000, {}, publish_shared()),
            node_case("inproc node to node, one a turn", "ours, shared bytes", 500'000, {.turn = 1},
                      publish_shared()),
            inproc_case("inproc request", "ours", 100'000, request)};
}

} // namespace bench
