// SPDX-License-Identifier: MIT
#include "services.hpp"

#include <fluxmq/answers.hpp>

#include "format.hpp"
#include "inbox.hpp"

#include <map>
#include <utility>

namespace fluxctl {

namespace json = boost::json;

namespace {

// Only Flux services tell it.
std::string flux_id_of(const json::object& service) {
    const auto* metadata = service.if_contains("metadata");
    return metadata && metadata->is_object() ? text_at(metadata->get_object(), "service") : std::string{};
}

} // namespace

fluxlib::Task<std::vector<json::object>> ask_services(fluxmq::Transport& transport,
                                                      std::vector<std::string> subjects,
                                                      std::chrono::milliseconds wait) {
    Inbox inbox{transport};
    const auto reply = co_await inbox.reply_topic();
    for (const auto& subject : subjects)
        transport.publish(subject, "", {}, reply);
    std::map<std::pair<std::string, std::string>, json::object> services; // by name and id
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
        if (!value || !value->is_object() || text_at(value->get_object(), "name").empty())
            continue;
        const auto& object = value->get_object();
        auto& service = services[{text_at(object, "name"), text_at(object, "id")}];
        for (const auto& [field, content] : object)
            service.insert_or_assign(field, content);
    }
    std::vector<json::object> all;
    for (auto& [key, service] : services)
        all.push_back(std::move(service));
    co_return all;
}

std::string flux_service(std::string_view answer) {
    const auto value = parsed_json(answer);
    return value && value->is_object() ? flux_id_of(value->get_object()) : std::string{};
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
    const auto id = flux_id_of(service);
    return id.empty() ? text_at(service, "name") : id;
}

} // namespace fluxctl
