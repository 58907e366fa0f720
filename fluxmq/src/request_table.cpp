// SPDX-License-Identifier: MIT
#include "request_table.hpp"

#include <fluxmq/answers.hpp>

#include <boost/asio/this_coro.hpp>

#include <charconv>

namespace fluxmq {

RequestTable::RequestTable(std::string prefix, std::shared_ptr<Clock> clock)
    : prefix_{std::move(prefix)}, clock_{std::move(clock)} {}

RequestTable::Call RequestTable::open() {
    auto pending = std::make_shared<Pending>();
    const std::lock_guard lock{mutex_};
    const auto token = ++last_token_;
    pending_.emplace(token, pending);
    return Call{shared_from_this(), token, std::move(pending)};
}

std::optional<Message> RequestTable::deliver(Message&& message) {
    if (!message.topic().starts_with(prefix_))
        return std::nullopt;
    if (is_acknowledgement(message)) // whatever has become of its request
        return message.reply().empty() ? std::nullopt : std::optional{std::move(message)};
    const auto digits = message.topic().substr(prefix_.size());
    std::uint64_t token = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), token);
    if (failed != std::errc{} || end != digits.data() + digits.size())
        return std::nullopt;
    const std::lock_guard lock{mutex_};
    const auto found = pending_.find(token);
    if (found == pending_.end())
        return std::nullopt;
    found->second->answer = std::move(message);
    found->second->wakeup.notify();
    pending_.erase(found);
    return std::nullopt;
}

void RequestTable::fail(std::uint64_t token, const Error& error) {
    const std::lock_guard lock{mutex_};
    const auto found = pending_.find(token);
    if (found == pending_.end())
        return;
    found->second->failure = error;
    found->second->wakeup.notify();
    pending_.erase(found);
}

void RequestTable::fail_all(const Error& error) {
    const std::lock_guard lock{mutex_};
    for (auto& [token, pending] : pending_) {
        pending->failure = error;
        pending->wakeup.notify();
    }
    pending_.clear();
}

RequestTable::Call::Call(std::shared_ptr<RequestTable> table, std::uint64_t token,
                         std::shared_ptr<Pending> pending)
    : table_{std::move(table)}, token_{token}, pending_{std::move(pending)} {}

RequestTable::Call::~Call() {
    const std::lock_guard lock{table_->mutex_};
    table_->pending_.erase(token_);
}

std::string RequestTable::Call::reply_topic() const { return table_->prefix_ + std::to_string(token_); }

Task<Message> RequestTable::Call::answer(std::string topic, std::chrono::milliseconds timeout) {
    const auto executor = co_await boost::asio::this_coro::executor;
    const auto expire = [table = table_, token = token_, topic, timeout] {
        table->fail(token, Error{errc::timeout, "no answer within " + std::to_string(timeout.count()) + " ms",
                                 topic});
    };
    const auto timer = table_->clock_->call_at(table_->clock_->now() + timeout, executor, expire);
    co_await pending_->wakeup.wait();
    if (pending_->failure)
        throw Error{pending_->failure->kind(), pending_->failure->detail(), topic,
                    pending_->failure->broker_text()};
    if (is_no_responders(*pending_->answer))
        throw Error{errc::no_responders, "nobody listens", topic};
    co_return std::move(*pending_->answer);
}

} // namespace fluxmq
