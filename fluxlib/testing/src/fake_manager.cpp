// SPDX-License-Identifier: MIT
#include <fluxlib/testing/fake_manager.hpp>

#include <fluxmq/error.hpp>
#include <fluxmq/mailbox.hpp>
#include <fluxmq/wakeup.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace fluxlib::testing {

namespace {

constexpr auto patience = std::chrono::seconds{10};

} // namespace

// Outlives the manager until its loop has seen that it is closed.
class FakeManager::Inbox {
public:
    std::shared_ptr<fluxmq::Mailbox> mailbox = fluxmq::Mailbox::create();
    std::shared_ptr<fluxmq::Inlet> inlet = mailbox->add_inlet({.overflow = fluxmq::Overflow::block});
    std::vector<fluxmq::Subscription> subscriptions;
    std::shared_ptr<fluxmq::Wakeup> waiting; // of the one wait
};

FakeManager::FakeManager(std::shared_ptr<fluxmq::Transport> transport, fluxmq::Topic topic,
                         std::shared_ptr<fluxmq::Clock> clock)
    : transport_{std::move(transport)}, topic_{topic}, clock_{std::move(clock)},
      inbox_{std::make_shared<Inbox>()} {}

FakeManager::~FakeManager() {
    inbox_->subscriptions.clear();
    inbox_->mailbox->close();
}

Task<> FakeManager::attach() {
    if (!transport_->connected())
        co_await transport_->connect();
    const std::vector<std::string> topics{topic_.status("*"), topic_.node_status("*"), topic_.error("*"),
                                          topic_.configuration_request("*")};
    for (const auto& name : topics) {
        auto subscription = co_await transport_->subscribe(name, inbox_->inlet);
        inbox_->subscriptions.push_back(std::move(subscription));
    }
    boost::asio::co_spawn(co_await boost::asio::this_coro::executor, serve(inbox_), boost::asio::detached);
}

// `this` is touched only while the mailbox is open, which the destructor closes.
Task<> FakeManager::serve(std::shared_ptr<Inbox> inbox) {
    while (co_await inbox->mailbox->wait()) {
        auto delivery = inbox->mailbox->pop_message();
        if (!delivery || inbox.use_count() == 1)
            continue;
        const auto& message = delivery->message;
        seen_.push_back({std::string{message.topic()}, std::string{message.text()}});
        for (const auto& [id, config] : configs_)
            if (message.topic() == topic_.configuration_request(id))
                transport_->publish(topic_.configuration(id), config);
        if (inbox->waiting)
            inbox->waiting->notify();
    }
}

void FakeManager::serve_config(std::string service_id, std::string json) {
    configs_.insert_or_assign(std::move(service_id), std::move(json));
}

void FakeManager::serve_config(std::string service_id, std::span<const DataNode> nodes) {
    serve_config(std::move(service_id), boost::json::serialize(to_json(nodes)));
}

void FakeManager::send_config(const std::string& service_id) {
    transport_->publish(topic_.configuration(service_id), configs_.at(service_id));
}

void FakeManager::start(std::string_view service_id, std::string_view ids) {
    transport_->publish(topic_.start(service_id), ids);
}

void FakeManager::stop(std::string_view service_id, std::string_view ids) {
    transport_->publish(topic_.stop(service_id), ids);
}

void FakeManager::restart(std::string_view service_id, std::string_view ids) {
    transport_->publish(topic_.restart(service_id), ids);
}

void FakeManager::set_node_settings(std::string_view node_id, const fluxmq::Payload& settings) {
    transport_->publish(topic_.node_settings(node_id), settings);
}

void FakeManager::set_service_settings(std::string_view service_id, const fluxmq::Payload& settings) {
    transport_->publish(topic_.service_settings(service_id), settings);
}

void FakeManager::request_status(std::string_view service_id) {
    transport_->publish(topic_.status_request(service_id), {});
}

void FakeManager::tick() { transport_->publish(topic_.time(), {}); }

std::vector<std::string> FakeManager::texts_on(const std::string& topic) const {
    std::vector<std::string> texts;
    for (const auto& seen : seen_)
        if (seen.topic == topic)
            texts.push_back(seen.text);
    return texts;
}

std::vector<std::string> FakeManager::service_statuses(std::string_view service_id) const {
    return texts_on(topic_.status(service_id));
}

std::vector<std::string> FakeManager::node_statuses(std::string_view node_id) const {
    return texts_on(topic_.node_status(node_id));
}

std::vector<std::string> FakeManager::errors(std::string_view service_id) const {
    return texts_on(topic_.error(service_id));
}

std::size_t FakeManager::config_requests(std::string_view service_id) const {
    return texts_on(topic_.configuration_request(service_id)).size();
}

Task<> FakeManager::wait_until(std::string what, Found found, std::size_t times) {
    const auto executor = co_await boost::asio::this_coro::executor;
    const auto deadline = clock_->now() + patience;
    const auto waiting = std::make_shared<fluxmq::Wakeup>();
    inbox_->waiting = waiting;
    const std::weak_ptr weak{waiting};
    const auto timer = clock_->call_at(deadline, executor, [weak] {
        if (const auto wakeup = weak.lock())
            wakeup->notify();
    });
    while (static_cast<std::size_t>(std::count_if(seen_.begin(), seen_.end(), found)) < times) {
        if (clock_->now() >= deadline) {
            std::string instead;
            for (const auto& seen : seen_)
                instead += "\n  " + seen.topic + ": " + seen.text;
            throw fluxmq::Error{fluxmq::errc::timeout, what + " was not announced in time; what was:" +
                                                           (instead.empty() ? " nothing" : instead)};
        }
        co_await waiting->wait();
    }
    inbox_->waiting = nullptr;
}

Task<> FakeManager::wait_for(std::string topic, std::string text, std::size_t times) {
    const auto what = "'" + text + "' on " + topic;
    const Seen wanted{std::move(topic), std::move(text)};
    return wait_until(what, [wanted](const Seen& seen) { return seen == wanted; }, times);
}

Task<> FakeManager::wait_for_service(std::string_view service_id, std::string status, std::size_t times) {
    return wait_for(topic_.status(service_id), std::move(status), times);
}

Task<> FakeManager::wait_for_node(std::string_view node_id, std::string status, std::size_t times) {
    return wait_for(topic_.node_status(node_id), std::move(status), times);
}

Task<> FakeManager::wait_for_error(std::string_view service_id, std::string part) {
    const auto topic = topic_.error(service_id);
    const auto found = [topic, part](const Seen& seen) {
        return seen.topic == topic && seen.text.find(part) != std::string::npos;
    };
    return wait_until("an error with '" + part + "'", found, 1);
}

} // namespace fluxlib::testing
