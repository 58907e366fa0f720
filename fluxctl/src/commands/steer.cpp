// SPDX-License-Identifier: MIT
// start, stop and restart: a command for nodes, and what comes of it.
#include <fluxlib/lifecycle.hpp>
#include <fluxmq/answers.hpp>
#include <fluxmq/topic.hpp>

#include "arguments.hpp"
#include "command.hpp"
#include "connection.hpp"
#include "inbox.hpp"
#include "terminal.hpp"

#include <iostream>
#include <set>

namespace fluxctl {

namespace {

struct Verb {
    std::string name;
    std::string (fluxmq::Topic::*topic)(std::string_view) const;
    std::string passing; // a status that a node has on the way
};

struct Order {
    Verb verb;
    std::string service;
    std::vector<std::string> nodes; // none: all
    std::chrono::milliseconds wait{3000};
    bool no_wait = false;
};

// What has come of an order so far; prints it as it comes.
class Outcome {
public:
    Outcome(const Order& order, bool json)
        : order_{order}, json_{json}, silent_{order.nodes.begin(), order.nodes.end()} {}

    void node(const std::string& id, const std::string& status) {
        const fluxlib::NodeStatus statuses;
        tell("node", id, status);
        if (status == statuses.error())
            failed_ = true; // the service says why on its error topic
        else if (status != order_.verb.passing)
            silent_.erase(id);
    }
    void service(const std::string& status) {
        if (std::exchange(service_status_, status) != status)
            tell("service", order_.service, status);
    }
    void error(std::string_view text) {
        failed_ = true;
        if (json_)
            print_json({{"error", text}});
        else
            print_line(styled("error", Style::red) + "  " + one_line(text));
    }
    void unheard() noexcept { unheard_ = true; }
    /// The service has answered what it was asked after the command: nothing more will come.
    void answered() noexcept { answered_ = true; }

    bool complete() const noexcept {
        return unheard_ || answered_ || (!order_.nodes.empty() && silent_.empty());
    }

    int code() const {
        if (failed_)
            return fluxctl::failed;
        if (unheard_)
            return complain("nobody takes commands for service '" + order_.service + "': is it running?");
        if (answered_ || (order_.nodes.empty() && heard_) || (!order_.nodes.empty() && silent_.empty())) {
            for (const auto& id : silent_) // a stopped node that is to stop, say
                if (!json_)
                    print_line("node " + id + "  no change");
            return ok;
        }
        std::string who;
        for (const auto& id : silent_)
            who += (who.empty() ? "node '" : ", '") + id + "'";
        return complain((who.empty() ? "service '" + order_.service + "'" : who) +
                        " has not reported within " + format_duration(order_.wait));
    }

private:
    void tell(const std::string& kind, const std::string& id, const std::string& status) {
        heard_ = true;
        if (json_)
            print_json({{kind, id}, {"status", status}});
        else
            print_line(kind + ' ' + styled(one_line(id), Style::bold) + "  " + one_line(status));
    }
    static int complain(const std::string& what) {
        std::cerr << "fluxctl: " << what << '\n';
        return no_answer;
    }

    const Order& order_;
    bool json_;
    std::set<std::string> silent_;
    std::string service_status_;
    bool heard_ = false;
    bool failed_ = false;
    bool unheard_ = false;
    bool answered_ = false;
};

// Sends an order and hands what is said of it to an Outcome.
class Steering {
public:
    Steering(const Order& order, fluxmq::Transport& transport)
        : order_{order}, transport_{transport}, inbox_{transport} {}

    fluxlib::Task<> send() {
        co_await listen_to_nodes();
        co_await inbox_.listen(topics_.error(order_.service));
        co_await inbox_.listen(topics_.status(order_.service));
        command_reply_ = co_await inbox_.reply_topic();
        status_reply_ = co_await inbox_.reply_topic();
        const auto command = (topics_.*order_.verb.topic)(order_.service);
        if (order_.nodes.empty())
            transport_.publish(command, "*", {}, command_reply_);
        for (const auto& node : order_.nodes) // Python and Go services take one at a time
            transport_.publish(command, node, {}, command_reply_);
        // A service handles one message after the other, so when it answers this one it is done with the command.
        transport_.publish(topics_.status_request(order_.service), "", {}, status_reply_);
        co_await transport_.flush();
    }

    fluxlib::Task<> follow(Outcome& outcome, Inbox::TimePoint deadline) {
        while (!outcome.complete()) {
            const auto message = co_await inbox_.next(deadline);
            if (!message)
                break;
            take(*message, outcome);
        }
    }

private:
    fluxlib::Task<> listen_to_nodes() {
        // Which nodes the service has is not known here: with none named, those of others may be heard as well.
        if (order_.nodes.empty())
            co_await inbox_.listen(topics_.node_status("*"));
        for (const auto& node : order_.nodes)
            co_await inbox_.listen(topics_.node_status(node));
    }

    void take(const fluxmq::Message& message, Outcome& outcome) const {
        const auto topic = message.topic();
        const std::string text{message.text()};
        if (topic == command_reply_) {
            if (fluxmq::is_no_responders(message))
                outcome.unheard();
            else if (text == "-NAK")
                outcome.error("the service says that its handler has failed");
        } else if (topic == status_reply_) {
            if (fluxmq::is_no_responders(message) || fluxmq::is_acknowledgement(message))
                return;
            outcome.service(text);
            outcome.answered();
        } else if (topic == topics_.error(order_.service)) {
            outcome.error(text);
        } else if (topic == topics_.status(order_.service)) {
            outcome.service(text);
        } else {
            outcome.node(node_of(topic), text);
        }
    }

    // What stands for the * in node.*.status.
    std::string node_of(std::string_view topic) const {
        const auto pattern = topics_.node_status("*");
        const auto before = pattern.find('*');
        return std::string{topic.substr(before, topic.size() - (pattern.size() - 1))};
    }

    const Order& order_;
    fluxmq::Transport& transport_;
    fluxmq::Topic topics_;
    Inbox inbox_;
    std::string command_reply_;
    std::string status_reply_;
};

fluxlib::Task<int> steer(const Context& context, const Order& order) {
    const auto transport = co_await connect(context);
    const auto deadline = from_now(order.wait);
    Steering steering{order, *transport};
    Outcome outcome{order, context.json};
    co_await steering.send();
    if (order.no_wait) {
        co_await transport->close();
        co_return ok;
    }
    co_await steering.follow(outcome, deadline);
    co_await transport->close();
    co_return outcome.code();
}

void add_verb(CLI::App& app, Context& context, const Verb& verb) {
    const auto order = std::make_shared<Order>();
    order->verb = verb;
    auto* command = app.add_subcommand(verb.name, verb.name + " nodes of a service");
    command->add_option("service", order->service, "its id")->required();
    command->add_option("node", order->nodes, "ids of nodes; none: all");
    auto* wait = add_duration(*command, "--wait", order->wait, "how long to wait for what comes of it");
    command->add_flag("--no-wait", order->no_wait, "only send the command")->excludes(wait);
    command->footer(
        "Example:\n  fluxctl " + verb.name +
        " vision camera detector\nThe exit code is 1 when the service reports an error, and 4 when it "
        "reports nothing.");
    set_command(*command, context, order, &steer);
}

} // namespace

void add_start(CLI::App& app, Context& context) {
    add_verb(app, context, {"start", &fluxmq::Topic::start, {}});
}

void add_stop(CLI::App& app, Context& context) { add_verb(app, context, {"stop", &fluxmq::Topic::stop, {}}); }

void add_restart(CLI::App& app, Context& context) {
    add_verb(app, context, {"restart", &fluxmq::Topic::restart, fluxlib::NodeStatus{}.stopped()});
}

} // namespace fluxctl
