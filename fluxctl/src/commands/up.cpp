// SPDX-License-Identifier: MIT
#include <fluxmq/answers.hpp>
#include <fluxmq/clock.hpp>
#include <fluxmq/error.hpp>
#include <fluxmq/mailbox.hpp>

#include "command.hpp"
#include "connection.hpp"
#include "flow/watch.hpp"
#include "inbox.hpp"
#include "services.hpp"
#include "up/manager.hpp"
#include "up/process.hpp"
#include "up/report.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace fluxctl {

namespace {

using namespace std::chrono_literals;
constexpr auto ping_interval = 1s;

// The development manager of one flow file. All that happens comes through its mailbox, one at a time: messages, and
// as functions the clock, the file, the signals and the processes. Manager says what to do then.
class Up {
public:
    Up(const Context& context, flow::Watch file, flow::Flow flow)
        : context_{context}, report_{context.json}, file_{std::move(file)},
          manager_{std::move(flow), inbox_} {}

    fluxlib::Task<int> run() {
        executor_ = co_await boost::asio::this_coro::executor;
        transport_ = co_await connect(context_, WhenLost::reconnect);
        transport_->on_event([this](const fluxmq::ConnectionEvent& event) { on_event(event); });
        signals_.emplace(executor_, SIGINT, SIGTERM);
        await_signal();
        co_await listen();
        co_await answer_questions();
        co_await begin_pings();
        say({"up"});
        auto actions = manager_.begin(clock_->now());
        co_await carry_out(std::move(actions));
        restart_ticks();
        look_later();
        while (!manager_.stopped()) {
            co_await mailbox_->wait();
            if (const auto control = mailbox_->pop_control()) {
                auto task = (*control)();
                co_await std::move(task);
            } else if (auto* delivery = mailbox_->pop_message()) {
                co_await handle(std::move(delivery->message));
            }
        }
        if (failure_)
            throw fluxmq::Error{fluxmq::errc::disconnected, *failure_};
        if (transport_->connected())
            co_await transport_->flush();
        co_await transport_->close();
        say({"down"});
        co_return ok;
    }

private:
    // --- What the manager decides ---------------------------------------------------------------------

    fluxlib::Task<> carry_out(up::Actions actions) {
        for (const auto& event : actions.events)
            report_.show(event);
        if (actions.new_topics)
            co_await listen_again();
        send(actions.send);
        for (const auto& notice :
             actions.notices) // that a process has ended, say, before it is launched again
            say(notice);
        for (const auto& order : actions.orders)
            obey(order);
        const auto next = manager_.next_due();
        due_.cancel();
        if (next != fluxmq::Clock::time_point::max())
            due_ = at(next, &Up::due);
    }

    fluxlib::Task<> due() { return carry_out(manager_.due(clock_->now())); }

    void send(const std::vector<up::Outgoing>& messages) {
        for (const auto& [topic, payload, reply] : messages)
            publish(topic, payload, reply);
    }

    // What cannot be sent is told of, and ends nothing else.
    void publish(const std::string& topic, const fluxmq::Payload& payload, const std::string& reply = {}) {
        try {
            transport_->publish(topic, payload, {}, reply);
        } catch (const fluxmq::Error& error) {
            complain(error);
        }
    }

    // Once for each text.
    void complain(const fluxmq::Error& error) {
        if (told_.insert(error.what()).second)
            std::cerr << "fluxctl: " << error.what() << '\n';
    }

    // --- Messages -------------------------------------------------------------------------------------

    fluxlib::Task<> listen() {
        const auto topics = manager_.topics();
        for (const auto& topic : topics) {
            if (subscriptions_.contains(topic))
                continue;
            auto subscription = co_await transport_->subscribe(topic, inlet_);
            subscriptions_.emplace(topic, std::move(subscription));
        }
        const std::set<std::string> wanted{topics.begin(), topics.end()};
        std::erase_if(subscriptions_, [&](const auto& known) { return !wanted.contains(known.first); });
    }

    // Of a broker that forbids a topic, or is lost again: what is missing then is subscribed when it is back.
    fluxlib::Task<> listen_again() {
        try {
            if (transport_->connected())
                co_await listen();
        } catch (const fluxmq::Error& error) {
            complain(error);
        }
    }

    fluxlib::Task<> handle(fluxmq::Message message) {
        if (message.topic() == pongs_) {
            const auto who = flux_instance(message.text());
            const up::Pong pong{who.service, who.instance, who.replica};
            auto actions = manager_.answered(pong, clock_->now());
            co_await carry_out(std::move(actions));
            co_return;
        }
        if (message.topic() == heard_topic) {
            if (!message.reply().empty())
                publish(std::string{message.reply()}, boost::json::value{{"flow", manager_.flow().name},
                                                                         {"services", manager_.describe()}});
            co_return;
        }
        if (fluxmq::is_no_responders(message))
            co_return;
        fluxmq::answer_acknowledgement(*transport_, message); // of a Go service that was asked for its status
        auto actions = manager_.handle(message, clock_->now());
        const bool ask =
            std::any_of(actions.events.begin(), actions.events.end(),
                        [](const up::Event& event) { return event.node.empty() && event.error.empty(); });
        co_await carry_out(std::move(actions));
        if (ask)
            ask_for_signs(); // of one that has just come, say, and may die soon
    }

    // Of commands that look for services which do not answer them.
    fluxlib::Task<> answer_questions() {
        try {
            std::string topic{heard_topic};
            questions_ = co_await transport_->subscribe(std::move(topic), inlet_);
        } catch (const fluxmq::Error& error) {
            if (error.kind() != fluxmq::errc::permission_denied)
                throw;
            std::cerr << "fluxctl: ls, status and top will not show services that cannot answer: "
                      << error.what() << '\n';
        }
    }

    // --- Processes ------------------------------------------------------------------------------------

    void obey(const up::Order& order) {
        const std::pair key{order.service, order.replica};
        if (order.kind == up::Order::Kind::launch) {
            launch(order);
            return;
        }
        const auto found = processes_.find(key);
        if (found == processes_.end())
            return;
        if (order.kind == up::Order::Kind::terminate) {
            found->second->terminate();
        } else if (!found->second->is_traced()) {
            say({"kills a process that hangs", {name_of(order)}});
            found->second->kill();
        }
    }

    void launch(const up::Order& order) {
        const auto& command = manager_.find(order.service)->command;
        const auto name = name_of(order);
        auto& context = static_cast<boost::asio::io_context&>(
            boost::asio::query(executor_, boost::asio::execution::context));
        up::Program program{command.words, command.environment, directory_of(command)};
        program.environment.emplace("NATS_URL", context_.server);
        program.environment["SERVICE_ID"] = order.service;
        if (command.replicas > 1)
            program.environment["SERVICE_REPLICA"] = std::to_string(order.replica);
        const auto ended = [this, order](up::Ending ending) {
            mailbox_->post(
                [this, order, ending = std::move(ending)] { return process_ended(order, ending); });
        };
        const auto print = [this, name](const std::string& text) { report_.output(name, text); };
        auto process = std::make_unique<up::Process>(context, program, up::ProcessListener{print, ended});
        if (process->id() != 0)
            say({"process started", {name}, "process id " + std::to_string(process->id())});
        processes_[{order.service, order.replica}] = std::move(process);
    }

    // Seen from where the flow file is.
    std::string directory_of(const flow::Command& command) const {
        const auto folder = std::filesystem::absolute(file_.path()).parent_path();
        return (folder / command.directory).lexically_normal().string();
    }

    fluxlib::Task<> process_ended(up::Order order, up::Ending ending) {
        processes_.erase({order.service, order.replica});
        auto actions = manager_.process_ended(order.service, order.replica, ending, clock_->now());
        co_await carry_out(std::move(actions));
    }

    std::string name_of(const up::Order& order) const {
        const auto* service = manager_.find(order.service);
        return service && service->command.replicas > 1 ? order.service + '#' + std::to_string(order.replica)
                                                        : order.service;
    }

    // --- Broker ---------------------------------------------------------------------------------------

    void on_event(const fluxmq::ConnectionEvent& event) {
        // A topic that the broker forbids is told of once, and not with each tick or ping.
        if (event.state != fluxmq::ConnectionState::error || told_.insert(event.detail).second)
            warn(event);
        switch (event.state) {
        case fluxmq::ConnectionState::disconnected: mailbox_->post([this] { return lost(); }); break;
        case fluxmq::ConnectionState::reconnected: mailbox_->post([this] { return back(); }); break;
        case fluxmq::ConnectionState::closed:
            mailbox_->post([this, why = event.detail] { return give_up(why); });
            break;
        default: break;
        }
    }

    fluxlib::Task<> lost() {
        say({"broker lost"});
        manager_.lost(clock_->now());
        if (stopping_)
            co_await leave_alone();
    }

    fluxlib::Task<> back() {
        say({"broker back"});
        co_await listen_again();
        auto actions = manager_.reconnected(clock_->now());
        co_await carry_out(std::move(actions));
    }

    // Without a broker, only the processes can be told to end.
    fluxlib::Task<> give_up(std::optional<std::string> why) {
        failure_ = std::move(why);
        stopping_ = true;
        ticks_.cancel();
        looks_.cancel();
        auto stop = manager_.stop(clock_->now());
        auto rest = manager_.stop_at_once();
        stop.send.clear();
        rest.send.clear();
        co_await carry_out(std::move(stop));
        co_await carry_out(std::move(rest));
    }

    fluxlib::Task<> leave_alone() {
        std::string others;
        for (const auto& service : manager_.flow().services)
            if (service.command.words.empty())
                others += (others.empty() ? "" : ", ") + service.id;
        if (others.empty())
            return give_up({});
        return give_up("the services go on: without the broker they cannot be told to stop: " + others);
    }

    // --- Signs of life --------------------------------------------------------------------------------

    fluxlib::Task<> begin_pings() {
        try {
            pong_ = co_await transport_->subscribe(pongs_, inlet_);
        } catch (const fluxmq::Error& error) {
            if (error.kind() != fluxmq::errc::permission_denied)
                throw;
            std::cerr << "fluxctl: services that die will not be noticed: " << error.what() << '\n';
        }
        ask_for_signs();
        ping_later();
    }

    void ping_later() { pings_ = at(clock_->now() + ping_interval, &Up::ping); }

    void ask_for_signs() {
        if (pong_.active() && transport_->connected())
            publish("$SRV.PING", "", pongs_);
    }

    fluxlib::Task<> ping() {
        if (transport_->connected()) {
            auto actions = manager_.pinged(clock_->now());
            co_await carry_out(std::move(actions));
            ask_for_signs();
        }
        ping_later();
    }

    // --- Clock and file -------------------------------------------------------------------------------

    // Lets `step` come through the mailbox at `when`.
    fluxmq::Timer at(fluxmq::Clock::time_point when, fluxlib::Task<> (Up::*step)()) {
        return clock_->call_at(when, executor_,
                               [this, step] { mailbox_->post([this, step] { return (this->*step)(); }); });
    }

    void restart_ticks() {
        next_tick_ = clock_->now() + manager_.flow().clock;
        tick_later();
    }

    void tick_later() {
        ticks_.cancel();
        if (manager_.flow().clock > 0ms && !stopping_)
            ticks_ = at(next_tick_, &Up::tick);
    }

    // Nodes of the Go and Python SDKs hear one topic, their services another one; ours hear both, and count a pair once.
    fluxlib::Task<> tick() {
        if (transport_->connected()) { // a tick is for now
            publish(topic_.time(), "");
            publish(topic_.node_time(), "");
        }
        // By deadlines, so that the clock does not drift; what was missed is not made up for.
        next_tick_ = std::max(next_tick_ + manager_.flow().clock, clock_->now());
        tick_later();
        co_return;
    }

    void look_later() { looks_ = at(clock_->now() + flow::Watch::interval, &Up::look); }

    // A change waits for the broker, as those whom it is for do.
    fluxlib::Task<> look() {
        if (!stopping_ && transport_->connected() && file_.look())
            co_await reload();
        if (!stopping_)
            look_later();
    }

    fluxlib::Task<> reload() {
        auto parsed = file_.parse();
        if (!parsed.problems.empty()) {
            flow::complain(file_.path(), parsed.problems, context_.json);
            say({"unchanged"});
            co_return;
        }
        const auto clock = manager_.flow().clock;
        auto actions = manager_.change(std::move(parsed.flow), clock_->now());
        co_await carry_out(std::move(actions));
        if (manager_.flow().clock != clock)
            restart_ticks();
    }

    // --- The end --------------------------------------------------------------------------------------

    void await_signal() {
        signals_->async_wait([this](const boost::system::error_code& error, int) {
            if (error)
                return;
            if (++signals_seen_ > 2) { // nothing is waited for any more, whatever hangs
                processes_.clear();
                std::cout.flush();
                std::_Exit(failed);
            }
            mailbox_->post([this] { return stop(); });
            await_signal();
        });
    }

    // The second signal does not wait.
    fluxlib::Task<> stop() {
        if (std::exchange(stopping_, true)) {
            auto actions = manager_.stop_at_once();
            co_await carry_out(std::move(actions));
            co_return;
        }
        ticks_.cancel();
        looks_.cancel();
        if (!transport_->connected()) {
            co_await leave_alone();
            co_return;
        }
        auto actions = manager_.stop(clock_->now());
        co_await carry_out(std::move(actions));
    }

    void say(const up::Notice& notice) const { report_.say(manager_.flow().name, notice); }

    const Context& context_;
    const up::Report report_;
    flow::Watch file_;
    const std::string inbox_ = unique_topic(); // status requests are answered on topics below it
    up::Manager manager_;
    fluxmq::Topic topic_;
    std::shared_ptr<fluxmq::Clock> clock_ = fluxmq::Clock::real();
    boost::asio::any_io_executor executor_;
    std::shared_ptr<fluxmq::Transport> transport_;
    std::shared_ptr<fluxmq::Mailbox> mailbox_ = fluxmq::Mailbox::create();
    std::shared_ptr<fluxmq::Inlet> inlet_ = mailbox_->add_inlet({});
    std::map<std::string, fluxmq::Subscription> subscriptions_; // by topic
    const std::string pongs_ = unique_topic();                  // where pings are answered
    fluxmq::Subscription pong_;
    fluxmq::Subscription questions_;
    std::set<std::string> told_; // errors of the broker
    std::optional<boost::asio::signal_set> signals_;
    int signals_seen_ = 0;
    fluxmq::Timer due_;
    fluxmq::Timer ticks_;
    fluxmq::Timer looks_;
    fluxmq::Timer pings_;
    fluxmq::Clock::time_point next_tick_;
    bool stopping_ = false;
    std::optional<std::string> failure_; // why it ends, other than by a signal
    std::map<std::pair<std::string, int>, std::unique_ptr<up::Process>> processes_; // by service and replica
};

fluxlib::Task<int> manage(const Context& context, const std::string& path) {
    flow::Watch file{path};
    auto parsed = file.parse();
    if (!parsed.problems.empty()) {
        flow::complain(path, parsed.problems, context.json);
        co_return usage;
    }
    Up manager{context, std::move(file), std::move(parsed.flow)};
    co_return co_await manager.run();
}

} // namespace

void add_up(CLI::App& app, Context& context) {
    const auto path = std::make_shared<std::string>();
    auto* command = app.add_subcommand("up", "manage the services of a flow file until Ctrl-C");
    command->add_option("flow", *path, "the flow file (docs/flow.md); a change of it is taken over")
        ->required();
    command->footer("Example:\n  fluxctl up plant.yaml");
    set_command(*command, context, path, &manage);
}

} // namespace fluxctl
