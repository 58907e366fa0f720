// SPDX-License-Identifier: MIT
// ls and info: the services that answer, after the NATS service protocol.
#include "services.hpp"

#include <fluxmq/topic.hpp>

#include "arguments.hpp"
#include "command.hpp"
#include "connection.hpp"
#include "terminal.hpp"

#include <boost/json/serialize.hpp>

#include <iostream>

namespace fluxctl {

namespace json = boost::json;

namespace {

struct Ask {
    std::string name;
    std::chrono::milliseconds wait = default_service_wait;
};

std::string endpoint_names(const json::object& service) {
    std::string names;
    for (const auto& endpoint : objects_at(service, "endpoints"))
        names += (names.empty() ? "" : ", ") + text_at(endpoint, "name");
    return names;
}

std::string node_names(const json::object& heard) {
    std::string names;
    for (const auto& node : objects_at(heard, "nodes"))
        names += (names.empty() ? "" : ", ") + text_at(node, "node");
    return names;
}

void print_table(const Services& services) {
    Table table{{"NAME", "ID", "VERSION", "DESCRIPTION", "ENDPOINTS"}};
    for (const auto& service : services.answered)
        table.add({text_at(service, "name"), text_at(service, "id"), text_at(service, "version"),
                   text_at(service, "description"), endpoint_names(service)});
    for (const auto& heard : services.heard)
        table.add({text_at(heard, "service"), "-", "-",
                   "does not answer; fluxctl up has heard: " + heard_statuses(heard), node_names(heard)});
    print(table);
}

// JSON strings without their quotes.
std::string plain(const json::value& value) {
    return value.is_string() ? std::string{value.get_string()} : json::serialize(value);
}

void print_metadata(const json::object& holder, const std::string& indent) {
    if (const auto* metadata = holder.if_contains("metadata"); metadata && metadata->is_object())
        for (const auto& [name, value] : metadata->get_object())
            print_line(styled(indent + one_line(std::string{name} + ": " + plain(value)), Style::dim));
}

void print_service(const json::object& service) {
    const auto shown = [](const json::object& object, std::string_view field) {
        return one_line(text_at(object, field));
    };
    print_line(styled(shown(service, "name"), Style::bold) + "  " + shown(service, "version") + "  " +
               styled(shown(service, "id"), Style::dim));
    if (const auto description = shown(service, "description"); !description.empty())
        print_line("  " + description);
    print_metadata(service, "  ");
    for (const auto& endpoint : objects_at(service, "endpoints")) {
        const auto group = shown(endpoint, "queue_group");
        print_line("  endpoint " + shown(endpoint, "name") + "  on " + shown(endpoint, "subject") +
                   (group.empty() ? "" : "  in queue group " + group));
        print_metadata(endpoint, "    ");
    }
}

// Of a service that has not answered.
void print_heard(const json::object& heard) {
    const auto sdk = text_at(heard, "sdk");
    print_line(styled(one_line(text_at(heard, "service")), Style::bold) +
               "  does not answer: what fluxctl up has heard of it");
    if (!sdk.empty())
        print_line("  SDK " + one_line(sdk));
    print_line("  status " + one_line(heard_statuses(heard)));
    for (const auto& node : objects_at(heard, "nodes"))
        print_line("  node " + one_line(text_at(node, "node")) + "  " + one_line(text_at(node, "status")));
}

fluxlib::Task<int> show(const Context& context, const Ask& ask) {
    const auto transport = co_await connect(context);
    // A ping tells less than an info, but some services answer nothing else.
    std::vector<std::string> subjects;
    if (ask.name.empty())
        subjects = {"$SRV.PING", "$SRV.INFO"};
    else
        subjects = {"$SRV.INFO." + fluxmq::discovery_name(ask.name)};
    auto services = co_await ask_services(*transport, subjects, ask.wait);
    co_await transport->close();
    if (!ask.name.empty())
        std::erase_if(services.heard,
                      [&](const json::object& heard) { return text_at(heard, "service") != ask.name; });
    if (services.empty())
        std::cerr << "fluxctl: no service "
                  << (ask.name.empty() ? "" : "'" + ask.name + "' ") + "has answered within "
                  << format_duration(ask.wait) << '\n';
    else if (!context.json && ask.name.empty())
        print_table(services);
    else {
        for (const auto& service : services.answered)
            context.json ? print_json(service) : print_service(service);
        for (const auto& heard : services.heard)
            context.json ? print_json(heard) : print_heard(heard);
    }
    co_return services.empty() ? no_answer : ok;
}

} // namespace

void add_ls(CLI::App& app, Context& context) {
    const auto ask = std::make_shared<Ask>();
    auto* command = app.add_subcommand("ls", "list the services");
    add_duration(*command, "--wait", ask->wait, "how long to collect answers");
    command->footer(
        "Example:\n  fluxctl ls --wait 1s\n"
        "It shows whatever answers to the NATS service protocol, Flux or not. Python and Go services of "
        "Flux do\nnot: of these it shows what a running fluxctl up has heard.");
    set_command(*command, context, ask, &show);
}

void add_info(CLI::App& app, Context& context) {
    const auto ask = std::make_shared<Ask>();
    auto* command = app.add_subcommand("info", "show a service: endpoints, subjects, metadata");
    command->add_option("name", ask->name, "of the service, as ls shows it, or its id")->required();
    add_duration(*command, "--wait", ask->wait, "how long to collect answers");
    command->footer("Example:\n  fluxctl info vision");
    set_command(*command, context, ask, &show);
}

} // namespace fluxctl
