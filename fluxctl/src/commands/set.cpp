// SPDX-License-Identifier: MIT
#include <fluxmq/answers.hpp>
#include <fluxmq/topic.hpp>

#include "arguments.hpp"
#include "command.hpp"
#include "connection.hpp"
#include "inbox.hpp"
#include "settings.hpp"
#include "terminal.hpp"

#include <iostream>

namespace fluxctl {

namespace {

struct Set {
    std::string node;
    std::vector<std::string> pairs;
    std::chrono::milliseconds wait{300};
};

// What has come of it. A node that takes its settings says nothing.
struct Answer {
    bool unheard = false; // nobody listens
    std::string error;    // of the node
};

fluxlib::Task<Answer> follow(Inbox& inbox, std::string reply, std::string node, Inbox::TimePoint deadline) {
    const auto name = "node '" + node + "'"; // as its service calls it in errors
    Answer answer;
    while (!answer.unheard && answer.error.empty()) {
        const auto message = co_await inbox.next(deadline);
        if (!message)
            break;
        if (message->topic() == reply)
            answer.unheard = fluxmq::is_no_responders(*message);
        else if (message->text().find(name) != std::string_view::npos)
            answer.error = message->text();
    }
    co_return answer;
}

fluxlib::Task<int> send(const Context& context, const Set& set, const boost::json::object& settings) {
    const fluxmq::Topic topics;
    const auto topic = topics.node_settings(set.node);
    const auto transport = co_await connect(context);
    Inbox inbox{*transport};
    co_await inbox.listen(topics.error("*")); // which service has the node is not known here
    const auto reply = co_await inbox.reply_topic();
    transport->publish(topic, settings, {}, reply);
    co_await transport->flush(); // by then the broker has said whether anyone listens
    const auto answer = co_await follow(inbox, reply, set.node, from_now(set.wait));
    co_await transport->close();
    if (answer.unheard) {
        std::cerr << "fluxctl: nobody listens on '" << topic << "': is a node '" << set.node
                  << "' running?\n";
        co_return no_answer;
    }
    const bool refused = !answer.error.empty();
    if (context.json) {
        boost::json::object line{{"node", set.node}, {"settings", settings}};
        if (refused)
            line["error"] = answer.error;
        print_json(line);
    } else if (refused) {
        print_line(styled("error", Style::red) + "  " + one_line(answer.error));
    }
    co_return refused ? failed : ok;
}

} // namespace

void add_set(CLI::App& app, Context& context) {
    const auto set = std::make_shared<Set>();
    auto* command = app.add_subcommand("set", "change settings of a node");
    command->add_option("node", set->node, "its id")->required();
    command
        ->add_option("setting", set->pairs,
                     "KEY=VALUE; the value is JSON, or else text; a.b=1 is {\"a\": {\"b\": 1}}")
        ->required();
    add_duration(*command, "--wait", set->wait, "how long to wait for an error of the node");
    command->footer(
        "Example:\n  fluxctl set camera width=640 mode=night crop.left=10\n"
        "The node merges them into what it has, key by key at the top level.\n"
        "A node that takes them says nothing. The exit code is 1 when its service reports an error "
        "about it, and 4 when\nnobody has such a node.");
    command->callback([set, &context] {
        const auto settings = settings_of(set->pairs);
        context.command = [set, settings, &context] { return send(context, *set, settings); };
    });
}

} // namespace fluxctl
