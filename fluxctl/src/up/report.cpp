// SPDX-License-Identifier: MIT
#include "up/report.hpp"

#include "terminal.hpp"

#include <boost/json/array.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>

namespace fluxctl::up {

namespace json = boost::json;

namespace {

// Milliseconds by the wall clock.
std::int64_t wall_clock() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::string local_time() {
    const auto ms = wall_clock();
    return fmt::format("{:%H:%M:%S}.{:03}", fmt::localtime(static_cast<std::time_t>(ms / 1000)), ms % 1000);
}

std::string utc() {
    const auto ms = wall_clock();
    const auto date = fmt::gmtime(static_cast<std::time_t>(ms / 1000));
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", date, ms % 1000);
}

void line(std::string_view text) { print_line(local_time() + ' ' + one_line(text)); }

} // namespace

void Report::show(const Event& event) const {
    const std::string kind = event.error.empty() ? "status" : "error";
    const auto& text = event.error.empty() ? event.status : event.error;
    if (!json_) {
        line(fmt::format("{}{}{}{} {}{}", event.service, event.replica.empty() ? "" : "#" + event.replica,
                         event.node.empty() ? "" : "/", event.node,
                         event.error.empty() ? "" : "error: ", text));
        return;
    }
    json::object object{{"time", utc()}, {"service", event.service}};
    if (!event.replica.empty())
        object["replica"] = event.replica;
    if (!event.node.empty())
        object["node"] = event.node;
    object[kind] = text;
    print_json(object);
}

void Report::output(std::string_view name, std::string_view text) const {
    if (json_)
        print_json({{"time", utc()}, {"service", name}, {"output", one_line(text)}});
    else
        line(fmt::format("{} | {}", name, text));
}

void Report::say(std::string_view flow, const Notice& notice) const {
    if (!json_) {
        line(fmt::format("flow {} {}{}{}{}", flow, notice.what, notice.services.empty() ? "" : ": ",
                         fmt::join(notice.services, ", "),
                         notice.detail.empty() ? "" : " (" + notice.detail + ")"));
        return;
    }
    json::object object{{"time", utc()}, {"flow", flow}, {"event", notice.what}};
    object["services"] = json::array(notice.services.begin(), notice.services.end());
    if (!notice.detail.empty())
        object["detail"] = notice.detail;
    print_json(object);
}

} // namespace fluxctl::up
