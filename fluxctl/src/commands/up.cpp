// SPDX-License-Identifier: MIT
#include <fluxmq/clock.hpp>
#include <fluxmq/error.hpp>
#include <fluxmq/mailbox.hpp>

#include "command.hpp"
#include "connection.hpp"
#include "flow/manager.hpp"
#include "flow/watch.hpp"
#include "inbox.hpp"
#include "services.hpp"
#include "terminal.hpp"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/chrono.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <iostream>
#include <map>
#include <optional>
#include <set>

namespace fluxctl {

namespace {

using namespace std::chrono_literals;
using flow::Manager;

constexpr auto silence_patience = 3s;
constexpr auto stop_patience = 5s;
constexpr auto ping_interval = 1s;

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

// The development manager of one flow file. All that happens comes through its mailbox, one at a time: messages, and
// as functions the clock, the file and the signals.
class Up {
public:
    Up(const Context& context, flow::Watch file, flow::Flow flow)
        : context_{context}, file_{std::move(file)}, manager_{std::move(flow)} {}

    fluxlib::Task<int> run() {
        executor_ = co_await boost::asio::this_coro::executor;
        transport_ = co_await connect(context_, WhenLost::reconnect);
        transport_->on_event([this](const fluxmq::ConnectionEvent& event) { on_event(event); });
        signals_.emplace(executor_, SIGINT, SIGTERM);
        await_signal();
        co_await listen();
        co_await begin_pings();
        say("up", {});
        send(manager_.begin());
        restart_ticks();
        look_later();
        name_the_silent_later();
        while (!manager_.stopped()) {
            co_await mailbox_->wait();
            if (const auto control = mailbox_->pop_control()) {
                auto task = (*control)();
                co_await std::move(task);
            } else if (auto* delivery = mailbox_->pop_message()) {
                co_await handle(std::move(delivery->message));
            }
        }
        co_await transport_->flush();
        co_await transport_->close();
        say("down", {});
        co_return ok;
    }

private:
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

    fluxlib::Task<> handle(fluxmq::Message message) {
        if (message.topic() == answers_) {
            on_answer(message);
            co_return;
        }
        const auto reaction = manager_.handle(message.topic(), message.text());
        if (reaction.event)
            show(*reaction.event);
        if (reaction.event && reaction.event->node.empty())
            ask_for_signs(); // of one that has just come, say, and may die soon
        if (reaction.took_back) {
            co_await listen();
            say("unchanged", std::vector<std::string>(1, reaction.event->service));
        }
        send(reaction.send);
    }

    void send(const std::vector<Manager::Outgoing>& messages) {
        for (const auto& [topic, payload] : messages) {
            try {
                transport_->publish(topic, payload);
            } catch (const fluxmq::Error& error) {
                if (error.kind() != fluxmq::errc::payload_too_large)
                    throw;
                std::cerr << "fluxctl: " << error.what() << '\n';
            }
        }
    }

    void name_the_silent_later() { silence_ = at(clock_->now() + silence_patience, &Up::name_the_silent); }

    fluxlib::Task<> name_the_silent() {
        if (const auto silent = manager_.silent(); !silent.empty() && !stopping_)
            say("waits for", silent);
        co_return;
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
            mailbox_->post([why = event.detail] { return closed(why); });
            break;
        default: break;
        }
    }

    fluxlib::Task<> lost() {
        say("broker lost", {});
        silence_.cancel();
        if (stopping_)
            co_await give_up();
    }

    fluxlib::Task<> back() {
        say("broker back", {});
        send(manager_.reconnected());
        name_the_silent_later();
        co_return;
    }

    // The broker does not want us any more.
    static fluxlib::Task<> closed(std::string why) {
        throw fluxmq::Error{fluxmq::errc::disconnected, std::move(why)};
        co_return;
    }

    static fluxlib::Task<> give_up() {
        return closed("the services go on: without the broker they cannot be told to stop");
    }

    // --- Signs of life --------------------------------------------------------------------------------

    fluxlib::Task<> begin_pings() {
        try {
            pong_ = co_await transport_->subscribe(answers_, inlet_);
        } catch (const fluxmq::Error& error) {
            if (error.kind() != fluxmq::errc::permission_denied)
                throw;
            std::cerr << "fluxctl: services that die will not be noticed: " << error.what() << '\n';
        }
        co_await ping();
    }

    void ask_for_signs() {
        if (pong_.active())
            transport_->publish("$SRV.PING", "", {}, answers_);
    }

    fluxlib::Task<> ping() {
        if (transport_->connected()) {
            const auto gone = manager_.pinged();
            if (!gone.services.empty())
                say("gone", gone.services);
            send(gone.send);
            ask_for_signs();
        }
        pings_ = at(clock_->now() + ping_interval, &Up::ping);
        co_return;
    }

    void on_answer(const fluxmq::Message& message) {
        const auto id = flux_service(message.text());
        const auto ask = manager_.answered(id);
        if (!ask.empty())
            say("back", std::vector<std::string>(1, id));
        send(ask);
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

    fluxlib::Task<> tick() {
        if (transport_->connected()) // a tick is for now
            transport_->publish(topic_.time(), "");
        // By deadlines, so that the clock does not drift; what was missed is not made up for.
        next_tick_ = std::max(next_tick_ + manager_.flow().clock, clock_->now());
        tick_later();
        co_return;
    }

    void look_later() { looks_ = at(clock_->now() + flow::Watch::interval, &Up::look); }

    // A change waits for the broker, as those whom it is for do.
    fluxlib::Task<> look() {
        if (transport_->connected() && file_.look())
            co_await reload();
        if (!stopping_)
            look_later();
    }

    fluxlib::Task<> reload() {
        auto parsed = file_.parse();
        if (!parsed.problems.empty()) {
            flow::complain(file_.path(), parsed.problems, context_.json);
            say("unchanged", {});
            co_return;
        }
        const auto clock = manager_.flow().clock;
        const auto change = manager_.change(std::move(parsed.flow));
        co_await listen();
        send(change.send);
        if (manager_.flow().clock != clock)
            restart_ticks();
        say("changed", change.services);
    }

    // --- The end --------------------------------------------------------------------------------------

    void await_signal() {
        signals_->async_wait([this](const boost::system::error_code& error, int) {
            if (error)
                return;
            mailbox_->post([this] { return stop(); });
            await_signal();
        });
    }

    // The second signal does not wait.
    fluxlib::Task<> stop() {
        if (std::exchange(stopping_, true)) {
            co_await stop_at_once();
            co_return;
        }
        ticks_.cancel();
        looks_.cancel();
        silence_.cancel();
        if (!transport_->connected())
            co_await give_up();
        deadline_ = at(clock_->now() + stop_patience, &Up::stop_at_once);
        send(manager_.stop());
    }

    fluxlib::Task<> stop_at_once() {
        send(manager_.stop_at_once());
        co_return;
    }

    // --- What is shown --------------------------------------------------------------------------------

    void show(const Manager::Event& event) {
        if (context_.json) {
            boost::json::object object{{"time", utc()}, {"service", event.service}};
            if (!event.node.empty())
                object["node"] = event.node;
            object[event.error.empty() ? "status" : "error"] =
                event.error.empty() ? event.status : event.error;
            print_json(object);
            return;
        }
        const auto who = event.service + (event.node.empty() ? "" : "/" + event.node);
        line(who + ' ' + (event.error.empty() ? event.status : "error: " + event.error));
    }

    // What the manager itself has done.
    void say(std::string_view what, const std::vector<std::string>& services) {
        const auto& name = manager_.flow().name;
        if (context_.json) {
            boost::json::object object{{"time", utc()}, {"flow", name}, {"event", what}};
            object["services"] = boost::json::array(services.begin(), services.end());
            print_json(object);
            return;
        }
        std::string text = "flow " + name + ' ' + std::string{what};
        for (const auto& service : services)
            text += (&service == services.data() ? ": " : ", ") + service;
        line(text);
    }

    // On one line, whatever a service says, and without what would steer the terminal.
    static void line(const std::string& text) { print_line(local_time() + ' ' + one_line(text)); }

    const Context& context_;
    flow::Watch file_;
    Manager manager_;
    fluxmq::Topic topic_;
    std::shared_ptr<fluxmq::Clock> clock_ = fluxmq::Clock::real();
    boost::asio::any_io_executor executor_;
    std::shared_ptr<fluxmq::Transport> transport_;
    std::shared_ptr<fluxmq::Mailbox> mailbox_ = fluxmq::Mailbox::create();
    std::shared_ptr<fluxmq::Inlet> inlet_ = mailbox_->add_inlet({});
    std::map<std::string, fluxmq::Subscription> subscriptions_; // by topic
    const std::string answers_ = unique_topic();                // where pings are answered
    fluxmq::Subscription pong_;
    std::set<std::string> told_; // errors of the broker
    std::optional<boost::asio::signal_set> signals_;
    fluxmq::Timer ticks_;
    fluxmq::Timer looks_;
    fluxmq::Timer silence_;
    fluxmq::Timer pings_;
    fluxmq::Timer deadline_;
    fluxmq::Clock::time_point next_tick_;
    bool stopping_ = false;
};

fluxlib::Task<int> up(const Context& context, const std::string& path) {
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
    set_command(*command, context, path, &up);
}

} // namespace fluxctl
