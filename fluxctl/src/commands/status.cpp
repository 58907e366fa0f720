// SPDX-License-Identifier: MIT
#include <fluxmq/answers.hpp>
#include <fluxmq/topic.hpp>

#include "arguments.hpp"
#include "command.hpp"
#include "connection.hpp"
#include "inbox.hpp"
#include "services.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <iostream>

namespace fluxctl {

namespace {

struct Options {
    std::string service; // empty: all that can be found
    std::chrono::milliseconds wait{1000};
};

struct Asked {
    std::string service;
    std::string reply;
    std::string status_topic; // Go services announce it there, and answer nothing
    std::string status;       // empty: none yet
    bool unheard = false;     // nobody listens

    bool pending() const noexcept { return status.empty() && !unheard; }
};

fluxlib::Task<std::vector<std::string>> found_services(fluxmq::Transport& transport) {
    std::vector<std::string> subjects{"$SRV.PING"};
    std::vector<std::string> names;
    for (const auto& service : co_await ask_services(transport, subjects, default_service_wait))
        names.push_back(service_id_of(service));
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end()); // several instances of one
    co_return names;
}

fluxlib::Task<std::vector<Asked>> ask_all(fluxmq::Transport& transport, std::vector<std::string> services,
                                          std::chrono::milliseconds wait) {
    const fluxmq::Topic topics;
    Inbox inbox{transport};
    std::vector<Asked> all;
    for (auto& service : services) {
        Asked asked;
        asked.status_topic = topics.status(service);
        asked.service = std::move(service);
        asked.reply = co_await inbox.reply_topic();
        co_await inbox.listen(asked.status_topic);
        all.push_back(std::move(asked));
    }
    for (const auto& asked : all)
        transport.publish(topics.status_request(asked.service), "", {}, asked.reply);
    const auto deadline = from_now(wait);
    while (std::any_of(all.begin(), all.end(), [](const Asked& asked) { return asked.pending(); })) {
        const auto message = co_await inbox.next(deadline);
        if (!message)
            break;
        if (fluxmq::is_acknowledgement(*message))
            continue;
        for (auto& asked : all)
            if (message->topic() == asked.reply && fluxmq::is_no_responders(*message))
                asked.unheard = true;
            else if (message->topic() == asked.reply || message->topic() == asked.status_topic)
                asked.status = message->text();
    }
    co_return all;
}

void print_statuses(const std::vector<Asked>& all, bool json) {
    Table table{{"SERVICE", "STATUS"}};
    for (const auto& asked : all) {
        if (!json) {
            table.add({asked.service, asked.status.empty() ? "-" : asked.status});
            continue;
        }
        boost::json::object line{{"service", asked.service}, {"status", nullptr}};
        if (!asked.status.empty())
            line["status"] = asked.status;
        print_json(line);
    }
    if (!json)
        print(table);
}

fluxlib::Task<int> show(const Context& context, const Options& options) {
    const auto transport = co_await connect(context);
    std::vector<std::string> services;
    if (options.service.empty())
        services = co_await found_services(*transport);
    else
        services.push_back(options.service);
    const auto all = co_await ask_all(*transport, services, options.wait);
    co_await transport->close();
    if (all.empty()) {
        std::cerr << "fluxctl: no service answers; name one that does not know $SRV.PING\n";
        co_return no_answer;
    }
    if (!options.service.empty() && all.front().status.empty()) {
        std::cerr << "fluxctl: "
                  << (all.front().unheard
                          ? "nobody listens to status requests of '" + options.service + "': is it running?"
                          : "service '" + options.service + "' has not answered within " +
                                format_duration(options.wait))
                  << '\n';
        co_return no_answer;
    }
    print_statuses(all, context.json);
    co_return ok;
}

} // namespace

void add_status(CLI::App& app, Context& context) {
    const auto options = std::make_shared<Options>();
    auto* command = app.add_subcommand("status", "ask a service, or all, for its status");
    command->add_option("service", options->service, "its id; none: all that ls finds");
    add_duration(*command, "--wait", options->wait, "how long to wait for an answer");
    command->footer("Example:\n  fluxctl status vision\nA service that is no Flux service shows a -.");
    set_command(*command, context, options, &show);
}

} // namespace fluxctl
