// SPDX-License-Identifier: MIT
#include <fluxmq/topic.hpp>

#include <fluxmq/subject.hpp>

namespace fluxmq {

Topic::Topic(std::string prefix) : prefix_{std::move(prefix)} {
    if (prefix_.empty())
        return;
    if (prefix_.back() == '.')
        prefix_.pop_back();
    check_publish(prefix_);
    prefix_ += '.';
}

std::string Topic::of_service(std::string_view id, std::string_view leaf) const {
    return prefix_ + "service." + std::string{id} + "." + std::string{leaf};
}

std::string Topic::of_node(std::string_view id, std::string_view leaf) const {
    return prefix_ + "node." + std::string{id} + "." + std::string{leaf};
}

std::string Topic::status(std::string_view id) const { return of_service(id, "status"); }
std::string Topic::status_request(std::string_view id) const { return of_service(id, "request_status"); }
std::string Topic::configuration(std::string_view id) const { return of_service(id, "set_config"); }
std::string Topic::configuration_request(std::string_view id) const { return of_service(id, "get_config"); }
std::string Topic::service_settings(std::string_view id) const { return of_service(id, "set_settings"); }
std::string Topic::start(std::string_view id) const { return of_service(id, "start"); }
std::string Topic::stop(std::string_view id) const { return of_service(id, "stop"); }
std::string Topic::restart(std::string_view id) const { return of_service(id, "restart"); }
std::string Topic::error(std::string_view id) const { return of_service(id, "error"); }
std::string Topic::get_common_data(std::string_view id) const { return of_service(id, "get_common_data"); }
std::string Topic::set_common_data(std::string_view id) const { return of_service(id, "set_common_data"); }
std::string Topic::get_service_state(std::string_view id) const { return of_service(id, "get_common_state"); }
std::string Topic::set_service_state(std::string_view id) const { return of_service(id, "set_common_state"); }

std::string Topic::dev_mode(std::string_view uuid) const {
    return prefix_ + "service.development_mode." + std::string{uuid};
}

std::string Topic::node_status(std::string_view id) const { return of_node(id, "status"); }
std::string Topic::node_settings(std::string_view id) const { return of_node(id, "set_settings"); }
std::string Topic::node_created(std::string_view id) const { return of_node(id, "created"); }
std::string Topic::node_state_request(std::string_view id) const { return of_node(id, "state_request"); }
std::string Topic::restart_node(std::string_view id) const { return of_node(id, "restart"); }

std::string Topic::node_start_event(std::string_view id) const {
    return prefix_ + "node/" + std::string{id} + "/event/start";
}

std::string Topic::node_stop_event(std::string_view id) const {
    return prefix_ + "node/" + std::string{id} + "/event/stop";
}

std::string Topic::time() const { return prefix_ + "service.tick"; }
std::string Topic::node_time() const { return prefix_ + "service/tick"; }
std::string Topic::ide_status() const { return prefix_ + "ide.status"; }

std::string discovery_name(std::string_view id) {
    std::string name;
    for (const char c : id) {
        const bool allowed =
            (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        if (allowed || (c & 0xC0) != 0x80) // one `_` for all bytes of a character
            name += allowed ? c : '_';
    }
    return name;
}

} // namespace fluxmq
