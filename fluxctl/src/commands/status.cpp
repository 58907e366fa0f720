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
#include <map>

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
    std::string heard;        // what `fluxctl up` has heard of it; empty: nothing
    bool unheard = false;     // nobody listens
    bool from_go = false;     // it acknowledges the question too, and waits until that is answered
    bool acknowledged = false;

    void hear(const fluxmq::Message& message) {
        if (message.topic() == status_topic) {
            status = message.text();
            from_go = is_from_go(message);
        } else if (message.topic() == reply && fluxmq::is_acknowledgement(message)) {
            acknowledged = true;
        } else if (message.topic() == reply && fluxmq::is_no_responders(message)) {
            unheard = true;
        } else if (message.topic() == reply) {
            status = message.text();
        }
    }
    bool pending() const noexcept { return (status.empty() && !unheard) || (from_go && !acknowledged); }
};

// Services by id, each with the statuses that `fluxctl up` has heard; empty for one that answers itself.
using Found = std::map<std::string, std::string>;

fluxlib::Task<Found> found_services(fluxmq::Transport& transport) {
    std::vector<std::string> subjects{"$SRV.PING"};
    const auto services = co_await ask_services(transport, subjects, default_service_wait);
    Found found; // several instances of one are one
    for (const auto& service : services.answered)
        found.emplace(service_id_of(service), "");
    for (const auto& heard : services.heard)
        found.emplace(text_at(heard, "service"), heard_statuses(heard));
    co_return found;
}

fluxlib::Task<std::vector<Asked>> ask_all(fluxmq::Transport& transport, Found services,
                                          std::chrono::milliseconds wait) {
    const fluxmq::Topic topics;
    Inbox inbox{transport};
    std::vector<Asked> all;
    for (const auto& [service, heard] : services) {
        Asked asked;
        asked.status_topic = topics.status(service);
        asked.service = service;
        asked.heard = heard;
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
        for (auto& asked : all)
            asked.hear(*message);
    }
    co_return all;
}

std::string shown_status(const Asked& asked) {
    if (!asked.status.empty())
        return asked.status;
    return asked.heard.empty() ? "-" : asked.heard + "  (does not answer; heard by fluxctl up)";
}

void print_statuses(const std::vector<Asked>& all, bool json) {
    Table table{{"SERVICE", "STATUS"}};
    for (const auto& asked : all) {
        if (!json) {
            table.add({asked.service, shown_status(asked)});
            continue;
        }
        boost::json::object line{{"service", asked.service}, {"status", nullptr}};
        if (!asked.status.empty())
            line["status"] = asked.status;
        else if (!asked.heard.empty())
            line["heard"] = asked.heard;
        print_json(line);
    }
    if (!json)
        print(table);
}

fluxlib::Task<int> show(const Context& context, const Options& options) {
    const auto transport = co_await connect(context);
    auto services = co_await found_services(*transport);
    if (!options.service.empty()) {
        const auto heard = services.contains(options.service) ? services.at(options.service) : "";
        services = {{options.service, heard}};
    }
    const auto all = co_await ask_all(*transport, services, options.wait);
    co_await transport->close();
    if (all.empty()) {
        std::cerr << "fluxctl: no service answers; name one that does not know $SRV.PING\n";
        co_return no_answer;
    }
    if (const auto& first = all.front();
        !options.service.empty() && first.status.empty() && first.heard.empty()) {
        std::cerr << "fluxctl: service '" << options.service
                  << (first.unheard ? "' does not run, or it cannot be asked: Python services only announce "
                                      "their status, and fluxctl up remembers it"
                                    : "' has not answered within " + format_duration(options.wait))
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
    command->footer(
        "Example:\n  fluxctl status vision\nA service that is no Flux service shows a -. Of one that "
        "cannot answer it shows what a running fluxctl up\nhas heard.");
    set_command(*command, context, options, &show);
}

} // namespace fluxctl
