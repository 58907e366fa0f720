// SPDX-License-Identifier: MIT
#include <fluxmq/topic.hpp>

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
};

fluxlib::Task<int> send(const Context& context, const Set& set, const boost::json::object& settings) {
    const auto topic = fluxmq::Topic{}.node_settings(set.node);
    const auto transport = co_await connect(context);
    Inbox inbox{*transport};
    const auto reply = co_await inbox.reply_topic();
    transport->publish(topic, settings, {}, reply);
    co_await transport->flush(); // by then the broker has said whether anyone listens
    const auto answer = co_await inbox.next(from_now(std::chrono::milliseconds{1}));
    co_await transport->close();
    if (answer && is_no_responders(*answer)) {
        std::cerr << "fluxctl: nobody listens on '" << topic << "': is a node '" << set.node
                  << "' running?\n";
        co_return no_answer;
    }
    if (context.json)
        print_json({{"node", set.node}, {"settings", settings}});
    co_return ok;
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
    command->footer("Example:\n  fluxctl set camera width=640 mode=night crop.left=10\n"
                    "The node merges them into what it has, key by key at the top level.");
    command->callback([set, &context] {
        const auto settings = settings_of(set->pairs);
        context.command = [set, settings, &context] { return send(context, *set, settings); };
    });
}

} // namespace fluxctl
