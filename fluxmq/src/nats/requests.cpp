// SPDX-License-Identifier: MIT
#include "requests.hpp"

#include <fluxmq/answers.hpp>

#include <charconv>
#include <random>

namespace fluxmq::nats {

namespace {

std::string make_inbox() {
    constexpr std::string_view alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    constexpr int length = 22; // 131 bits
    std::random_device device;
    std::uniform_int_distribution<std::size_t> pick{0, alphabet.size() - 1};
    std::string inbox = "_INBOX.";
    for (int i = 0; i < length; ++i)
        inbox += alphabet[pick(device)];
    return inbox + '.';
}

} // namespace

Requests::Requests() : inbox_{make_inbox()} {}

void Requests::use(std::shared_ptr<Clock> clock, boost::asio::any_io_executor executor) {
    clock_ = std::move(clock);
    executor_ = std::move(executor);
}

std::uint64_t Requests::add(PendingRequest& request, Clock::time_point deadline) {
    const auto id = pending_.insert(&request);
    deadlines_.emplace(deadline, id);
    arm();
    return id;
}

void Requests::arm() {
    if (deadlines_.empty() || deadlines_.top().first >= armed_for_)
        return;
    armed_for_ = deadlines_.top().first;
    timer_ = clock_->call_at(armed_for_, executor_, [this] { expire(); });
}

void Requests::expire() {
    armed_for_ = Clock::time_point::max();
    const auto now = clock_->now();
    while (!deadlines_.empty() && deadlines_.top().first <= now) {
        if (auto request = pending_.erase(deadlines_.top().second))
            (*request)->fail(Error{errc::timeout, "no answer in time", (*request)->topic()});
        deadlines_.pop();
    }
    arm();
}

std::optional<Message> Requests::answer(Message&& message) {
    const auto topic = message.topic();
    if (!topic.starts_with(inbox_))
        return std::nullopt;
    if (is_acknowledgement(message)) // whatever has become of its request
        return message.reply().empty() ? std::nullopt : std::optional{std::move(message)};
    const auto token = topic.substr(inbox_.size());
    std::uint64_t id = 0;
    if (std::from_chars(token.data(), token.data() + token.size(), id).ec != std::errc{})
        return std::nullopt;
    const auto erased = pending_.erase(id);
    if (!erased)
        return std::nullopt;
    auto& request = **erased;
    if (is_no_responders(message)) {
        request.fail(Error{errc::no_responders, "nobody listens", request.topic()});
        return std::nullopt;
    }
    request.answer_ = std::move(message);
    request.finish();
    return std::nullopt;
}

void Requests::refuse(std::string_view topic, const std::string& broker_text) {
    pending_.for_each([&](std::uint64_t, PendingRequest* request) {
        if (request->topic() == topic)
            request->fail(Error{errc::permission_denied, "the server refuses the topic", request->topic(),
                                broker_text});
    });
}

void Requests::fail_all(const Error& failure) {
    pending_.for_each([&](std::uint64_t, PendingRequest* request) {
        request->fail(Error{failure.kind(), failure.detail(), request->topic(), failure.broker_text()});
    });
}

void Requests::stop(const Error& failure) noexcept {
    timer_.cancel();
    armed_for_ = Clock::time_point::max();
    deadlines_ = {};
    fail_all(failure);
    clock_.reset();
    executor_ = {};
}

} // namespace fluxmq::nats
