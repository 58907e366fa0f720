// SPDX-License-Identifier: MIT
#include "../cancellation.hpp"
#include "connection.hpp"

#include <cstdlib>

namespace fluxmq {

Nats::Nats() : Nats{NatsOptions{}} {}
Nats::Nats(NatsOptions options) : options_{std::move(options)}, impl_{std::make_shared<Impl>()} {}
Nats::~Nats() { impl_->abandon(); }

Task<> Nats::connect(std::string url) { return cancellable(Impl::connect(impl_, std::move(url), options_)); }

Task<> Nats::connect(std::string url, const NatsOptions& options) {
    options_ = options;
    return cancellable(Impl::connect(impl_, std::move(url), options_));
}

Task<> Nats::connect() {
    if (!options_.servers.empty()) {
        auto options = options_;
        std::string urls;
        for (const auto& server : std::exchange(options.servers, {}))
            urls += (urls.empty() ? "" : ",") + server;
        return cancellable(Impl::connect(impl_, std::move(urls), options));
    }
    const char* url = std::getenv("NATS_URL");
    return connect(url && *url ? url : "nats://localhost:4222");
}

Task<DrainReport> Nats::drain(std::chrono::milliseconds timeout) {
    return cancellable(Impl::drain_all(impl_, timeout));
}

Task<> Nats::close() { return cancellable(Impl::close(impl_)); }

void Nats::publish(std::string_view topic, const Payload& payload, const Headers& headers,
                   std::string_view reply) {
    impl_->publish(topic, payload.view(), headers, reply);
}

Task<Subscription> Nats::subscribe(std::string topic, std::shared_ptr<Receiver> receiver,
                                   SubscribeOptions options) {
    return Impl::subscribe(impl_, std::move(topic), std::move(receiver), std::string{options.queue},
                           options.max_messages);
}

Task<Message> Nats::do_request(std::string topic, Bytes payload, std::chrono::milliseconds timeout,
                               Headers headers) {
    return Impl::request(impl_, std::move(topic), std::move(payload), timeout, std::move(headers));
}

Task<> Nats::flush(std::chrono::milliseconds timeout) { return Impl::flush(impl_, timeout); }

void Nats::on_event(std::function<void(const ConnectionEvent&)> handler) {
    impl_->on_event(std::move(handler));
}

bool Nats::connected() const noexcept { return impl_->connected(); }

std::size_t Nats::max_payload() const noexcept { return impl_->max_payload(); }

TransportCounters Nats::counters() const { return impl_->counters(); }

std::string Nats::server() const { return impl_->server(); }

NatsServerInfo Nats::server_info() const { return impl_->server_info(); }

} // namespace fluxmq
