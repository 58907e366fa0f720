// SPDX-License-Identifier: MIT
#include "discovery.hpp"

#include <fluxmq/topic.hpp>

#include "service_runtime.hpp"
#include "tagged_executor.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>
#include <boost/locale/utf.hpp>
#include <fmt/chrono.h>

#include <algorithm>
#include <ctime>
#include <random>
#include <regex>

namespace fluxlib {

namespace asio = boost::asio;
namespace json = boost::json;
using fluxmq::errc;
using fluxmq::Error;

namespace {

// More at once than people and tools ask; what is beyond is dropped, and the transport says so (slow_consumer).
constexpr fluxmq::MailboxLimits request_limits{.messages = 64, .overflow = fluxmq::Overflow::drop_newest};

constexpr std::size_t longest_error = 500;

std::string make_id() {
    constexpr std::string_view alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    constexpr int length = 22; // 131 bits
    std::random_device device;
    std::uniform_int_distribution<std::size_t> pick{0, alphabet.size() - 1};
    std::string id;
    for (int i = 0; i < length; ++i)
        id += alphabet[pick(device)];
    return id;
}

// RFC 3339. The service's clock is steady, and knows no date.
std::string now_as_text() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

bool is_semantic_version(const std::string& text) {
    static const std::regex pattern{R"((0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*))"
                                    R"((-(0|[1-9]\d*|\d*[A-Za-z-][\dA-Za-z-]*))"
                                    R"((\.(0|[1-9]\d*|\d*[A-Za-z-][\dA-Za-z-]*))*)?)"
                                    R"((\+[\dA-Za-z-]+(\.[\dA-Za-z-]+)*)?)"};
    return std::regex_match(text, pattern);
}

// JSON that strict readers take, whatever bytes the text of an error has.
std::string serialized(const json::object& answer) {
    namespace utf = boost::locale::utf;
    auto text = json::serialize(answer);
    for (auto at = text.begin(); at != text.end();) {
        auto after = at;
        if (utf::is_valid_codepoint(utf::utf_traits<char>::decode(after, text.end())))
            at = after;
        else
            *at++ = '?';
    }
    return text;
}

json::object endpoint(std::string_view name, const std::string& topic) {
    return {{"name", fluxmq::discovery_name(name)}, {"subject", topic}, {"queue_group", ""}};
}

json::object endpoint(const NodeRuntime& node, const Input& input, const std::string& topic) {
    return endpoint(node.id + "-" + input.alias(), topic);
}

void add_counts(json::object& described, std::uint64_t requests, const NodeMeter::Errors& errors,
                std::uint64_t nanoseconds) {
    described["num_requests"] = requests;
    described["num_errors"] = errors.count;
    described["last_error"] = errors.last.substr(0, longest_error);
    described["processing_time"] = nanoseconds;
    described["average_processing_time"] = requests == 0 ? 0 : nanoseconds / requests;
}

json::object drops_by_reason(const fluxmq::Drops& dropped) {
    json::object reasons;
    const auto add = [&](const char* reason, std::uint64_t count) {
        if (count != 0)
            reasons.emplace(reason, count);
    };
    add("oldest", dropped.oldest);
    add("newest", dropped.newest);
    add("failed", dropped.failed);
    add("not_started", dropped.not_started);
    add("closed", dropped.closed);
    return reasons;
}

// What the protocol has no place for: a node as a whole.
json::object node_statistics(const NodeRuntime& node, const NodeStatistics& statistics) {
    return {{"node", node.id},
            {"type", node.type},
            {"status", node.meter().status()},
            {"delivered", statistics.inputs.delivered},
            {"published", statistics.published},
            {"pending", statistics.inputs.pending},
            {"pending_bytes", statistics.inputs.pending_bytes},
            {"dropped", drops_by_reason(statistics.inputs.dropped)},
            {"errors", statistics.errors},
            {"last_error", statistics.last_error.substr(0, longest_error)},
            {"restarts", node.restarts()},
            {"message_time", statistics.message_time.count()},
            {"control_time", statistics.control_time.count()}};
}

void add_endpoints(const NodeRuntime& node, const NodeStatistics& statistics, json::array& endpoints) {
    const auto nanoseconds = static_cast<double>(statistics.message_time.count());
    const auto all = static_cast<double>(std::max<std::uint64_t>(statistics.inputs.delivered, 1));
    for (const auto* input : node.all_inputs()) {
        const auto delivered = input->counters().delivered;
        const auto errors = node.meter().errors_of(input->alias());
        // Time is taken of the whole node, as it would cost each message a look at the clock otherwise.
        const auto time = static_cast<std::uint64_t>(nanoseconds * static_cast<double>(delivered) / all);
        // An input counts all of its messages, whichever topic they came on: to count by topic would cost each message
        // something. So the counts stand once, for tools add them up.
        const auto topics = node.topics_of(*input);
        if (topics.empty())
            continue;
        auto described = endpoint(node, *input, topics.front());
        add_counts(described, delivered, errors, time);
        described["data"] = {{"node", node.id}, {"input", input->alias()}};
        endpoints.push_back(std::move(described));
    }
}

} // namespace

struct Discovery::Verb {
    std::string_view name;
    json::object (Discovery::*answer)() const;
};

const Discovery::Verb Discovery::verbs[] = {
    {"PING", &Discovery::ping}, {"INFO", &Discovery::info}, {"STATS", &Discovery::stats}};

Discovery::Discovery(const ServiceRuntime& service)
    : service_{service}, name_{fluxmq::discovery_name(service.id)}, id_{make_id()} {
    if (!is_semantic_version(service.options.version))
        throw Error{errc::invalid_config, "service '" + service.id + "': ServiceOptions::version is '" +
                                              service.options.version +
                                              "', and must be a semantic version such as 1.0.0"};
}

Discovery::~Discovery() { close(); }

Task<> Discovery::open() {
    started_ = now_as_text();
    mailbox_ = fluxmq::Mailbox::create();
    try {
        co_await subscribe();
    } catch (const Error& error) {
        if (error.kind() != errc::permission_denied)
            throw;
        service_.logger->warn("tools cannot discover the service: {}", error.what());
    }
    const auto executor = without_tag(co_await asio::this_coro::executor);
    asio::co_spawn(executor, loop(mailbox_), asio::detached);
}

Task<> Discovery::subscribe() {
    for (const auto& verb : verbs) {
        const auto inlet = mailbox_->add_inlet(request_limits, const_cast<Verb*>(&verb));
        const auto of_all = "$SRV." + std::string{verb.name};
        const auto of_name = of_all + "." + name_;
        const std::vector<std::string> subjects{of_all, of_name, of_name + "." + id_};
        for (const auto& subject : subjects) {
            auto subscription = co_await service_.transport->subscribe(subject, inlet);
            subscriptions_.push_back(std::move(subscription));
        }
    }
}

void Discovery::close() noexcept {
    subscriptions_.clear();
    if (mailbox_)
        mailbox_->discard();
}

// Touches nothing but the mailbox when that was closed: the service may be gone.
Task<> Discovery::loop(std::shared_ptr<fluxmq::Mailbox> mailbox) {
    while (co_await mailbox->wait()) {
        if (const auto* delivery = mailbox->pop_message(); delivery && !delivery->message.reply().empty())
            answer(delivery->message, *static_cast<const Verb*>(delivery->user));
        co_await asio::post(asio::use_awaitable); // nodes have their turn between two answers
    }
}

void Discovery::answer(const Message& request, const Verb& verb) {
    try {
        service_.transport->publish(request.reply(), fitting((this->*verb.answer)()));
    } catch (const std::exception& error) {
        service_.logger->warn("a request on '{}' was not answered: {}", request.topic(), error.what());
    }
}

// A broker has a limit, and the protocol does not split answers: the endpoints and nodes beyond it are left out.
std::string Discovery::fitting(json::object answer) {
    auto text = serialized(answer);
    const auto limit = service_.transport->max_payload();
    if (text.size() <= limit)
        return text;
    auto& endpoints = answer.at("endpoints").as_array();
    const auto count = endpoints.size();
    const auto* nodes = answer.if_contains("nodes");
    while (text.size() > limit && (!endpoints.empty() || (nodes && !nodes->as_array().empty()))) {
        for (const auto* list : {"endpoints", "nodes"})
            if (auto* all = answer.if_contains(list))
                all->as_array().resize(all->as_array().size() * limit / text.size());
        text = serialized(answer);
    }
    if (!std::exchange(told_too_large_, true))
        service_.logger->warn(
            "tools see only {} of the {} endpoints of the service, and not all of its nodes: "
            "an answer for all is longer than "
            "the broker's limit of {} bytes",
            endpoints.size(), count, limit);
    return text;
}

// --- Answers -------------------------------------------------------------------------------------------------

json::object Discovery::response(std::string_view kind) const {
    json::object metadata{{"service", service_.id}};
    if (!service_.options.replica.empty())
        metadata["replica"] = service_.options.replica;
    return {{"type", "io.nats.micro.v1." + std::string{kind} + "_response"},
            {"name", name_},
            {"id", id_},
            {"version", service_.options.version},
            {"metadata", std::move(metadata)}};
}

json::object Discovery::ping() const { return response("ping"); }

json::object Discovery::info() const {
    json::array endpoints;
    for (const auto* node : service_.all_nodes())
        for (const auto* input : node->all_inputs())
            for (const auto& topic : node->topics_of(*input)) {
                auto described = endpoint(*node, *input, topic);
                described["metadata"] = {{"node", node->id}, {"input", input->alias()}, {"type", node->type}};
                endpoints.push_back(std::move(described));
            }
    for (const auto& entry : service_.all_entries())
        if (entry->handled) {
            auto described = endpoint(entry->topic, entry->topic);
            described["metadata"] = json::object{};
            endpoints.push_back(std::move(described));
        }
    auto answer = response("info");
    answer["description"] = service_.options.description;
    answer["endpoints"] = std::move(endpoints);
    return answer;
}

json::object Discovery::stats() const {
    json::array endpoints;
    json::array nodes;
    for (const auto* node : service_.all_nodes()) {
        const auto statistics = node->statistics();
        add_endpoints(*node, statistics, endpoints);
        nodes.push_back(node_statistics(*node, statistics));
    }
    for (const auto& entry : service_.all_entries())
        if (entry->handled) {
            auto described = endpoint(entry->topic, entry->topic);
            add_counts(described, entry->queue->counters().delivered, entry->meter.errors(),
                       static_cast<std::uint64_t>(entry->meter.message_time().count()));
            described["data"] = json::object{};
            endpoints.push_back(std::move(described));
        }
    auto answer = response("stats");
    answer["started"] = started_;
    answer["endpoints"] = std::move(endpoints);
    answer["nodes"] = std::move(nodes);
    return answer;
}

} // namespace fluxlib
