// SPDX-License-Identifier: MIT
#include "arguments.hpp"
#include "command.hpp"
#include "connection.hpp"
#include "inbox.hpp"
#include "services.hpp"
#include "terminal.hpp"

#include <fmt/format.h>

#include <iostream>
#include <map>
#include <optional>

namespace fluxctl {

namespace json = boost::json;

namespace {

struct Top {
    bool once = false;
    std::chrono::milliseconds wait = default_service_wait;
};

// What of an endpoint's `data` is shown when it is there.
constexpr std::array data_fields{"pending", "dropped", "restarts"};

// One endpoint of one service instance at one time.
struct Row {
    std::string service;
    std::string id;
    std::string endpoint;
    double requests = 0;
    double errors = 0;
    std::chrono::nanoseconds processing_time{0}; // of one request, on average
    std::optional<double> rate;                  // once it was seen before
    json::object data;
};

std::vector<Row> rows_of(const std::vector<json::object>& services) {
    std::vector<Row> rows;
    for (const auto& service : services)
        for (const auto& endpoint : endpoints_of(service)) {
            Row row;
            row.service = text_at(service, "name");
            row.id = text_at(service, "id");
            row.endpoint = text_at(endpoint, "name");
            row.requests = number_at(endpoint, "num_requests");
            row.errors = number_at(endpoint, "num_errors");
            const auto time = number_at(endpoint, "average_processing_time");
            row.processing_time = std::chrono::nanoseconds{static_cast<std::int64_t>(time)};
            if (const auto* data = endpoint.if_contains("data"); data && data->is_object())
                row.data = data->get_object();
            rows.push_back(std::move(row));
        }
    return rows;
}

// From how the requests have grown since the last time.
class Rates {
public:
    void add_to(std::vector<Row>& rows) {
        const auto now = from_now({});
        std::map<std::string, double> requests;
        for (auto& row : rows) {
            const auto key = row.id + ' ' + row.endpoint;
            requests[key] = row.requests;
            if (const auto before = requests_.find(key); before != requests_.end())
                row.rate = (row.requests - before->second) / std::chrono::duration<double>{now - at_}.count();
        }
        requests_ = std::move(requests);
        at_ = now;
    }

private:
    std::map<std::string, double> requests_; // by instance and endpoint
    Inbox::TimePoint at_;
};

std::string count_at(const json::object& data, const char* field) {
    const auto* value = data.if_contains(field);
    return value && value->is_number() ? fmt::format("{:.0f}", value->to_number<double>()) : "-";
}

void print_table(const std::vector<Row>& rows) {
    Table table{{"SERVICE", "NODE", "REQUESTS", "RATE", "ERRORS", "TIME", "PENDING", "DROPPED", "RESTARTS"}};
    for (const auto& row : rows) {
        std::vector<std::string> cells{row.service,
                                       row.endpoint,
                                       fmt::format("{:.0f}", row.requests),
                                       row.rate ? format_rate(*row.rate) : "-",
                                       fmt::format("{:.0f}", row.errors),
                                       format_duration(row.processing_time)};
        for (const auto* field : data_fields)
            cells.push_back(count_at(row.data, field));
        table.add(std::move(cells));
    }
    print(table);
}

json::object to_json(const Row& row) {
    json::object line{{"service", row.service},   {"id", row.id},
                      {"endpoint", row.endpoint}, {"requests", row.requests},
                      {"errors", row.errors},     {"processing_time_ns", row.processing_time.count()}};
    if (row.rate)
        line["rate"] = *row.rate;
    for (const auto* field : data_fields)
        if (const auto* value = row.data.if_contains(field))
            line[field] = *value;
    return line;
}

void print_rows(const std::vector<Row>& rows, const Context& context, bool live) {
    if (context.json) {
        for (const auto& row : rows)
            print_json(to_json(row));
        return;
    }
    if (live && is_terminal())
        std::cout << "\x1b[H\x1b[J"; // from the top, over what was there
    print_table(rows);
}

fluxlib::Task<int> watch(const Context& context, const Top& top) {
    const auto transport = co_await connect(context);
    Rates rates;
    for (;;) {
        const auto next = from_now(std::chrono::seconds{1});
        std::vector<std::string> subjects{"$SRV.STATS"};
        const auto services = co_await ask_services(*transport, subjects, top.wait);
        auto rows = rows_of(services);
        rates.add_to(rows);
        if (top.once && services.empty()) {
            std::cerr << "fluxctl: no service has answered within " << format_duration(top.wait) << '\n';
            co_return no_answer;
        }
        print_rows(rows, context, !top.once);
        if (top.once)
            break;
        const auto clock = fluxmq::Clock::real();
        co_await clock->sleep_until(next);
    }
    co_await transport->close();
    co_return ok;
}

} // namespace

void add_top(CLI::App& app, Context& context) {
    const auto top = std::make_shared<Top>();
    auto* command = app.add_subcommand("top", "watch what the nodes of all services do");
    command->add_flag("--once", top->once, "print one table and end");
    add_duration(*command, "--wait", top->wait, "how long to collect answers");
    command->footer(
        "Example:\n  fluxctl top\n"
        "Each second a table: of each node or endpoint its requests so far and a second, its errors, and "
        "the mean time\nthat a request took. PENDING, DROPPED and RESTARTS are told by Flux services only. "
        "Ctrl-C ends it.");
    set_command(*command, context, top, &watch);
}

} // namespace fluxctl
