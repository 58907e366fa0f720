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
#include <utility>

namespace fluxctl {

namespace json = boost::json;

namespace {

struct Top {
    bool once = false;
    std::chrono::milliseconds wait = default_service_wait;
};

std::chrono::nanoseconds average(double all, double count) {
    return std::chrono::nanoseconds{count > 0 ? static_cast<std::int64_t>(all / count) : 0};
}

// A node of a Flux service, or an endpoint of another one, at one time. What is not told is not there.
struct Row {
    std::string service;
    std::string id;
    std::string name;
    std::string status;
    bool heard = false; // by fluxctl up: nothing but the status is known
    double in = 0;      // messages, requests
    std::optional<double> out;
    double errors = 0;
    std::chrono::nanoseconds time{0}; // of a message, on average
    std::optional<double> rate;       // of those that come in, once it was seen before
    std::optional<double> pending;
    std::optional<double> dropped;
    json::object drops; // by reason, as the service tells it
    std::optional<double> restarts;
};

// In the order of the table, with the names in JSON.
constexpr std::pair<const char*, std::optional<double> Row::*> optional_fields[]{
    {"rate", &Row::rate},
    {"published", &Row::out},
    {"pending", &Row::pending},
    {"dropped", &Row::dropped},
    {"restarts", &Row::restarts}};

Row row_of_node(const json::object& node) {
    Row row;
    row.name = text_at(node, "node");
    row.status = text_at(node, "status");
    row.in = number_at(node, "delivered");
    row.out = number_at(node, "published");
    row.errors = number_at(node, "errors");
    row.time = average(number_at(node, "message_time"), row.in);
    row.pending = number_at(node, "pending");
    row.restarts = number_at(node, "restarts");
    double dropped = 0;
    if (const auto* reasons = node.if_contains("dropped"); reasons && reasons->is_object())
        row.drops = reasons->get_object();
    for (const auto& [reason, count] : row.drops)
        dropped += number_at(row.drops, reason);
    row.dropped = dropped;
    return row;
}

Row row_of_endpoint(const json::object& endpoint) {
    Row row;
    row.name = text_at(endpoint, "name");
    row.in = number_at(endpoint, "num_requests");
    row.errors = number_at(endpoint, "num_errors");
    row.time = average(number_at(endpoint, "processing_time"), row.in);
    return row;
}

std::vector<Row> rows_of(const Services& services) {
    std::vector<Row> rows;
    for (const auto& service : services.answered) {
        const bool is_flux = service.contains("nodes");
        for (const auto& part : objects_at(service, is_flux ? "nodes" : "endpoints")) {
            auto row = is_flux ? row_of_node(part) : row_of_endpoint(part);
            row.service = service_id_of(service);
            row.id = text_at(service, "id");
            rows.push_back(std::move(row));
        }
    }
    for (const auto& heard : services.heard)
        for (const auto& node : objects_at(heard, "nodes")) {
            Row row;
            row.service = text_at(heard, "service");
            row.name = text_at(node, "node");
            row.status = text_at(node, "status");
            row.heard = true;
            rows.push_back(std::move(row));
        }
    return rows;
}

// From how much has come in since the last time.
class Rates {
public:
    void add_to(std::vector<Row>& rows) {
        const auto now = from_now({});
        std::map<std::string, double> in;
        for (auto& row : rows) {
            const auto key = row.id + ' ' + row.name;
            in[key] = row.in;
            // Less than before: the node was made anew.
            if (const auto before = in_.find(key); before != in_.end() && row.in >= before->second)
                row.rate = (row.in - before->second) / std::chrono::duration<double>{now - at_}.count();
        }
        in_ = std::move(in);
        at_ = now;
    }

private:
    std::map<std::string, double> in_; // by instance, and node or endpoint
    Inbox::TimePoint at_;
};

std::string count(double number) { return fmt::format("{:.0f}", number); }
std::string count(const std::optional<double>& number) { return number ? count(*number) : "-"; }

void print_table(const std::vector<Row>& rows) {
    Table table{{"SERVICE", "NODE", "STATUS", "IN", "RATE", "OUT", "ERRORS", "TIME", "PENDING", "DROPPED",
                 "RESTARTS"}};
    for (const auto& row : rows)
        if (row.heard)
            table.add({row.service, row.name, row.status.empty() ? "-" : row.status, "-", "-", "-", "-", "-",
                       "-", "-", "-"});
        else
            table.add({row.service, row.name, row.status.empty() ? "-" : row.status, count(row.in),
                       row.rate ? format_rate(*row.rate) : "-", count(row.out), count(row.errors),
                       format_duration(row.time), count(row.pending), count(row.dropped),
                       count(row.restarts)});
    print(table);
}

json::object to_json(const Row& row) {
    if (row.heard)
        return {{"service", row.service}, {"node", row.name}, {"status", row.status}, {"heard", true}};
    json::object line{{"service", row.service}, {"id", row.id},
                      {"node", row.name},       {"delivered", row.in},
                      {"errors", row.errors},   {"average_time_ns", row.time.count()}};
    if (!row.status.empty())
        line["status"] = row.status;
    for (const auto& [name, field] : optional_fields)
        if (const auto& value = row.*field)
            line[name] = *value;
    if (row.dropped)
        line["dropped_by_reason"] = row.drops;
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
        "Each second a table: of each node the messages in and out so far, those that came in a second, "
        "errors, and the\nmean time that a message took. Of services that are no Flux services it shows the "
        "endpoints, of Python and Go services\nonly what a running fluxctl up has heard. Ctrl-C ends it.");
    set_command(*command, context, top, &watch);
}

} // namespace fluxctl
