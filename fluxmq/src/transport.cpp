// SPDX-License-Identifier: MIT
#include <fluxmq/transport.hpp>

#include <fluxmq/error.hpp>
#include <fluxmq/outgoing_headers.hpp>
#include <fluxmq/subject.hpp>

namespace fluxmq {

std::string_view to_string(ConnectionState state) noexcept {
    switch (state) {
    case ConnectionState::connected: return "connected";
    case ConnectionState::disconnected: return "disconnected";
    case ConnectionState::reconnected: return "reconnected";
    case ConnectionState::closed: return "closed";
    case ConnectionState::error: return "error";
    case ConnectionState::lame_duck: return "lame duck";
    case ConnectionState::insecure: return "insecure";
    case ConnectionState::slow_consumer: return "slow consumer";
    }
    return "unknown";
}

Subscription& Subscription::operator=(Subscription&& other) noexcept {
    if (this != &other) {
        unsubscribe();
        source_ = std::move(other.source_);
        id_ = std::exchange(other.id_, 0);
    }
    return *this;
}

void Subscription::unsubscribe() noexcept {
    const auto id = std::exchange(id_, 0);
    if (id == 0)
        return;
    if (const auto source = std::exchange(source_, {}).lock())
        source->unsubscribe(id);
}

Task<DrainReport> Subscription::drain(std::chrono::milliseconds timeout) {
    const auto source = std::exchange(source_, {}).lock();
    const auto id = std::exchange(id_, 0);
    if (!source || id == 0)
        co_return DrainReport{};
    co_return co_await source->drain(id, timeout);
}

bool Subscription::redirect(std::shared_ptr<Receiver> receiver) {
    const auto source = source_.lock();
    return source && id_ != 0 && source->redirect(id_, std::move(receiver));
}

bool Subscription::Source::redirect(std::uint64_t, std::shared_ptr<Receiver>) { return false; }

namespace {

// For a transport to which no topic is special.
class PlainPublisher final : public Publisher {
public:
    PlainPublisher(Transport& transport, std::string topic)
        : transport_{transport}, topic_{std::move(topic)} {}

    void publish(const Payload& payload, const Headers& headers, std::string_view reply) override {
        transport_.publish(topic_, payload, headers, reply);
    }

private:
    Transport& transport_;
    const std::string topic_;
};

} // namespace

std::unique_ptr<Publisher> Transport::publisher(std::string topic) {
    check_publish(topic);
    return std::make_unique<PlainPublisher>(*this, std::move(topic));
}

// Not a coroutine: the payload may refer to the caller's string, which lives only until this call returns.
Task<Message> Transport::request(std::string topic, const Payload& payload, std::chrono::milliseconds timeout,
                                 Headers headers) {
    return do_request(std::move(topic), payload.own(), timeout, std::move(headers));
}

void Transport::respond(const Message& message, const Payload& payload, const Headers& headers) {
    if (message.reply().empty())
        throw Error{errc::no_reply_topic, "the message asked for no answer", std::string{message.topic()}};
    const OutgoingHeaders outgoing{message.headers(), headers};
    publish(message.reply(), payload, outgoing.get());
}

} // namespace fluxmq
