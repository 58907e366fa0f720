// SPDX-License-Identifier: MIT
#include "../cancellation.hpp"
#include "connection.hpp"

#include <boost/asio/this_coro.hpp>

namespace fluxmq {

InProc::InProc() : InProc{std::make_shared<InProcBus>()} {}
InProc::InProc(std::shared_ptr<InProcBus> bus)
    : bus_{std::move(bus)}, connection_{std::make_shared<Connection>(bus_->core_)} {}

InProc::~InProc() { connection_->abandon(); }

// The coroutines hold the connection, so that the transport may go away while they wait.

Task<> InProc::connect() {
    const auto connection = connection_;
    connection->connect(co_await boost::asio::this_coro::executor);
}

Task<> InProc::close() {
    const auto connection = connection_;
    connection->close();
    co_return;
}

Task<DrainReport> InProc::drain(std::chrono::milliseconds timeout) {
    const auto connection = connection_;
    co_return co_await cancellable(connection->drain_all(timeout));
}

void InProc::publish(std::string_view topic, const Payload& payload, const Headers& headers,
                     std::string_view reply) {
    connection_->publish(topic, payload, headers, reply);
}

std::unique_ptr<Publisher> InProc::publisher(std::string topic) {
    return connection_->publisher(std::move(topic));
}

Task<Subscription> InProc::subscribe(std::string topic, std::shared_ptr<Receiver> receiver,
                                     SubscribeOptions options) {
    const auto connection = connection_;
    co_return connection->subscribe(std::move(topic), std::move(receiver), options);
}

Task<Message> InProc::do_request(std::string topic, Bytes payload, std::chrono::milliseconds timeout,
                                 Headers headers) {
    const auto connection = connection_;
    co_return co_await connection->request(std::move(topic), std::move(payload), timeout, std::move(headers));
}

Task<> InProc::flush(std::chrono::milliseconds timeout) {
    const auto connection = connection_;
    co_await connection->flush(timeout);
}

void InProc::on_event(std::function<void(const ConnectionEvent&)> handler) {
    connection_->on_event(std::move(handler));
}

bool InProc::connected() const noexcept { return connection_->connected(); }

std::size_t InProc::max_payload() const noexcept { return bus_->core_->options.max_payload; }

TransportCounters InProc::counters() const { return connection_->counters(); }

} // namespace fluxmq
