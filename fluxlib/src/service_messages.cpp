// SPDX-License-Identifier: MIT
#include "service_runtime.hpp"
#include "tagged_executor.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

namespace fluxlib {

using fluxmq::errc;
using fluxmq::Error;

Task<std::shared_ptr<ServiceRuntime::Entry>> ServiceRuntime::add_entry(std::string topic_name, bool handled) {
    auto queue = std::make_shared<Queue>(options.subscription_limits);
    auto entry = std::make_shared<Entry>(std::move(topic_name), std::move(queue), handled);
    entry->subscription = co_await service.transport().subscribe(entry->topic, entry->queue->inlet());
    const std::lock_guard lock{mutex_};
    entries_.push_back(entry);
    co_return entry;
}

void ServiceRuntime::end_subscription(Entry& entry) noexcept {
    fluxmq::Subscription ended; // without the lock
    const std::lock_guard lock{mutex_};
    ended = std::move(entry.subscription);
}

std::vector<std::shared_ptr<ServiceRuntime::Entry>> ServiceRuntime::all_entries() const {
    const std::lock_guard lock{mutex_};
    return entries_;
}

Task<std::shared_ptr<Queue>> ServiceRuntime::subscribe(std::string topic_name) {
    const auto entry = co_await add_entry(std::move(topic_name), false);
    co_return entry->queue;
}

Task<> ServiceRuntime::subscribe_handler(std::string topic_name, Handler handler) {
    auto entry = co_await add_entry(std::move(topic_name), true);
    // One coroutine a subscription, for all its messages.
    const auto executor = without_tag(co_await boost::asio::this_coro::executor);
    boost::asio::co_spawn(executor, handler_loop(std::move(entry), std::move(handler)),
                          boost::asio::detached);
}

Task<> ServiceRuntime::handler_loop(std::shared_ptr<Entry> entry, Handler handler) {
    auto busy_since = clock().now(); // time is taken of all messages in a row, not of each
    for (;;) {
        std::optional<Message> message = entry->queue->try_get();
        if (!message) {
            entry->meter.add_message_time(clock().now() - busy_since);
            became_idle();
            try {
                message = co_await entry->queue->get();
            } catch (const Error&) {
                co_return; // unsubscribed, or the service has ended
            }
            busy_since = clock().now();
        }
        std::string where{message->topic()};
        co_await guarded("handler", std::move(where), handler(std::move(*message)), &entry->meter);
    }
}

void ServiceRuntime::unsubscribe(std::string_view topic_name) {
    std::vector<std::shared_ptr<Entry>> ended;
    {
        const std::lock_guard lock{mutex_};
        std::erase_if(entries_, [&](const auto& entry) {
            if (entry->topic != topic_name)
                return false;
            ended.push_back(entry);
            return true;
        });
    }
    if (ended.empty())
        throw Error{errc::invalid_topic, "there is no subscription to it", std::string{topic_name}};
    for (const auto& entry : ended) {
        end_subscription(*entry);
        entry->queue->close();
    }
}

void ServiceRuntime::send_status(std::string new_status) {
    if (new_status.empty())
        return;
    {
        const std::lock_guard lock{status_mutex_};
        current_status_ = new_status;
        ++statuses_sent_;
    }
    service.transport().publish(topic->status(id), new_status, announcement_headers);
}

std::string ServiceRuntime::current_status() const {
    const std::lock_guard lock{status_mutex_};
    return current_status_;
}

std::uint64_t ServiceRuntime::statuses_sent() const {
    const std::lock_guard lock{status_mutex_};
    return statuses_sent_;
}

void ServiceRuntime::publish_error(const std::string& text) noexcept {
    try {
        transport->publish(topic->error(id), text, announcement_headers);
    } catch (const std::exception& error) {
        logger->warn("the error was not published: {}", error.what());
    }
}

} // namespace fluxlib
