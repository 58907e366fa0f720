// SPDX-License-Identifier: MIT
#include "services.hpp"

#include <fluxmq/answers.hpp>

#include "format.hpp"
#include "inbox.hpp"

#include <fmt/format.h>

#include <map>
#include <utility>

namespace fluxctl {

namespace json = boost::json;

namespace {

// `service` and `replica`: only Flux services have them.
std::string metadata_at(const json::object& service, std::string_view field) {
    const auto* metadata = service.if_contains("metadata");
    return metadata && metadata->is_object() ? text_at(metadata->get_object(), field) : std::string{};
}

} // namespace

fluxlib::Task<Services> ask_services(fluxmq::Transport& transport, std::vector<std::string> subjects,
                                     std::chrono::milliseconds wait) {
    Inbox inbox{transport};
    const auto reply = co_await inbox.reply_topic();
    subjects.emplace_back(heard_topic);
    for (const auto& subject : subjects)
        transport.publish(subject, "", {}, reply);
    std::map<std::pair<std::string, std::string>, json::object> services; // by name and id
    std::map<std::string, json::object> heard;                            // by id
    std::size_t unheard = 0;
    const auto deadline = from_now(wait);
    while (unheard < subjects.size()) {
        const auto answer = co_await inbox.next(deadline);
        if (!answer)
            break;
        if (fluxmq::is_no_responders(*answer)) {
            ++unheard;
            continue;
        }
        const auto value = parsed_json(answer->text());
        if (!value || !value->is_object())
            continue;
        const auto& object = value->get_object();
        for (auto& each : objects_at(object, "services"))
            if (each.contains("heard") && each.at("heard") == true)
                heard.insert_or_assign(text_at(each, "service"), std::move(each));
        if (text_at(object, "name").empty())
            continue;
        auto& service = services[{text_at(object, "name"), text_at(object, "id")}];
        for (const auto& [field, content] : object)
            service.insert_or_assign(field, content);
    }
    Services found;
    for (auto& [key, service] : services) {
        heard.erase(service_id_of(service));
        found.answered.push_back(std::move(service));
    }
    for (auto& [id, service] : heard)
        found.heard.push_back(std::move(service));
    co_return found;
}

std::string heard_statuses(const json::object& heard) {
    std::vector<std::string> statuses;
    for (const auto& each : objects_at(heard, "statuses"))
        statuses.push_back(text_at(each, "status"));
    return statuses.empty() ? "-" : fmt::format("{}", fmt::join(statuses, ", "));
}

bool is_from_go(const fluxmq::Message& message) noexcept {
    return message.headers().contains("_watermill_message_uuid");
}

FluxInstance flux_instance(std::string_view answer) {
    const auto value = parsed_json(answer);
    if (!value || !value->is_object())
        return {};
    const auto& object = value->get_object();
    return {metadata_at(object, "service"), text_at(object, "id"), metadata_at(object, "replica")};
}

std::string text_at(const json::object& object, std::string_view field) {
    const auto* value = object.if_contains(field);
    return value && value->is_string() ? std::string{value->get_string()} : std::string{};
}

double number_at(const json::object& object, std::string_view field) {
    const auto* value = object.if_contains(field);
    return value && value->is_number() ? value->to_number<double>() : 0;
}

std::vector<json::object> objects_at(const json::object& object, std::string_view field) {
    std::vector<json::object> objects;
    if (const auto* list = object.if_contains(field); list && list->is_array())
        for (const auto& each : list->get_array())
            if (each.is_object())
                objects.push_back(each.get_object());
    return objects;
}

std::string service_id_of(const json::object& service) {
    const auto id = metadata_at(service, "service");
    return id.empty() ? text_at(service, "name") : id;
}

} // namespace fluxctl
