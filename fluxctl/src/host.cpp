// SPDX-License-Identifier: MIT
#include "host.hpp"

#include <fluxlib/service.hpp>
#include <fluxmq/error.hpp>
#include <fluxmq/mailbox.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <map>
#include <set>

namespace fluxctl {

namespace asio = boost::asio;
using fluxlib::Task;

// Everything is configured here, and the host alone says when nodes start and when all ends.
static fluxlib::ServiceOptions service_options(const HostOptions& options) {
    fluxlib::ServiceOptions made;
    made.auto_start = false;
    made.handle_signals = false;
    made.request_config = false;
    made.clock = options.clock;
    return made;
}

struct Host::Hosted {
    Hosted(const std::string& id, const HostOptions& options) : service{id, service_options(options)} {
        service.attach(options.transport());
    }

    fluxlib::Service service;
    bool runs = false;
    bool starts = false;
    fluxmq::Wakeup nodes_started;
    fluxmq::Wakeup ended;
    fluxlib::ExitReport report;
    std::exception_ptr failure;
};

/// Tells of the statuses and errors of a flow.
class Host::Watch {
public:
    Watch(const flow::Flow& flow, fluxmq::Transport& transport,
          std::function<void(const HostEvent&)> on_event)
        : flow_{flow}, transport_{transport}, on_event_{std::move(on_event)} {}

    Task<> open() {
        const fluxmq::Topic topic;
        for (const auto& service : flow_.services) {
            co_await follow(topic.status(service.id), HostEvent::Kind::service_status, service.id);
            co_await follow(topic.error(service.id), HostEvent::Kind::error, service.id);
            for (const auto& node : service.nodes)
                co_await follow(topic.node_status(node.id), HostEvent::Kind::node_status, node.id);
        }
        asio::co_spawn(co_await asio::this_coro::executor, loop(),
                       [this](std::exception_ptr) { loop_ended_.notify(); });
        is_open_ = true;
    }

    /// Tells of all that was published before.
    Task<> close() {
        if (!is_open_)
            co_return;
        try {
            co_await transport_.drain(std::chrono::seconds{2});
        } catch (const fluxmq::Error&) { // NOLINT(bugprone-empty-catch)
            // The connection is gone, and nothing more comes.
        }
        mailbox_->close();
        co_await loop_ended_.wait();
    }

    bool node_failed() const noexcept { return node_failed_; }

private:
    struct Source {
        HostEvent::Kind kind;
        std::string id;
    };

    Task<> follow(std::string topic, HostEvent::Kind kind, std::string id) {
        sources_.push_back(std::make_unique<Source>(Source{kind, std::move(id)}));
        fluxmq::MailboxLimits limits;
        auto inlet = mailbox_->add_inlet(limits, sources_.back().get());
        subscriptions_.push_back(co_await transport_.subscribe(std::move(topic), std::move(inlet)));
    }

    Task<> loop() {
        while (co_await mailbox_->wait())
            while (const auto* delivery = mailbox_->pop_message()) {
                const auto& source = *static_cast<const Source*>(delivery->user);
                const std::string text{delivery->message.text()};
                if (source.kind == HostEvent::Kind::node_status && text == fluxlib::NodeStatus{}.error())
                    node_failed_ = true;
                on_event_({source.kind, source.id, text});
            }
    }

    const flow::Flow& flow_;
    fluxmq::Transport& transport_;
    const std::function<void(const HostEvent&)> on_event_;
    std::shared_ptr<fluxmq::Mailbox> mailbox_ = fluxmq::Mailbox::create();
    std::vector<std::unique_ptr<Source>> sources_;
    std::vector<fluxmq::Subscription> subscriptions_;
    fluxmq::Wakeup loop_ended_;
    bool is_open_ = false;
    bool node_failed_ = false;
};

std::vector<std::size_t> start_order(const flow::Flow& flow) {
    std::map<std::string, std::size_t> service_of;
    for (std::size_t i = 0; i < flow.services.size(); ++i)
        for (const auto& node : flow.services[i].nodes)
            service_of.emplace(node.id, i);
    std::vector<std::set<std::size_t>> readers(flow.services.size());
    for (const auto& edge : flow.edges) {
        const auto from = service_of.find(edge.from.node);
        const auto to = service_of.find(edge.to.node);
        if (from != service_of.end() && to != service_of.end())
            readers[from->second].insert(to->second);
    }
    std::vector<std::size_t> order;
    std::vector<bool> seen(flow.services.size());
    const std::function<void(std::size_t)> visit = [&](std::size_t service) {
        if (seen[service])
            return;
        seen[service] = true;
        for (const auto reader : readers[service])
            visit(reader);
        order.push_back(service);
    };
    for (std::size_t i = 0; i < flow.services.size(); ++i)
        visit(i);
    return order;
}

Host::Host(flow::Flow flow, const NodeTypes& types, HostOptions options)
    : flow_{std::move(flow)}, options_{std::move(options)} {
    types.check(flow_);
    for (const auto place : start_order(flow_)) {
        const auto& wanted = flow_.services[place];
        auto& service = services_.emplace_back(std::make_unique<Hosted>(wanted.id, options_))->service;
        for (const auto& node : wanted.nodes) {
            try {
                service.append_node(types.make(service, node));
            } catch (const fluxmq::Error& error) {
                throw fluxmq::Error{error.kind(), "node '" + node.id + "': " + error.detail()};
            } catch (const std::exception& error) {
                throw fluxmq::Error{fluxmq::errc::invalid_config, "node '" + node.id + "': " + error.what()};
            }
        }
    }
}

Host::~Host() = default;

Task<HostReport> Host::run() {
    transport_ = options_.transport();
    co_await transport_->connect();
    watch_ = std::make_unique<Watch>(flow_, *transport_, options_.on_event);
    std::exception_ptr failure;
    try {
        co_await watch_->open();
        co_await start();
        co_await end_.wait();
    } catch (...) {
        failure = std::current_exception();
    }
    co_await stop();
    if (failure)
        std::rethrow_exception(failure);
    co_return std::move(report_);
}

Task<> Host::start() {
    executor_ = co_await asio::this_coro::executor;
    for (const auto& hosted : services_) {
        co_await hosted->service.run();
        hosted->runs = true;
        asio::co_spawn(executor_, hosted->service.wait(),
                       [this, hosted = hosted.get()](std::exception_ptr failure, fluxlib::ExitReport report) {
                           hosted->failure = failure;
                           hosted->report = std::move(report);
                           hosted->ended.notify();
                           if (!ending_) { // its transport has closed for good
                               report_.failed = true;
                               end();
                           }
                       });
    }
    // All at once and not one after the other: each service lets messages wait for its nodes before the first of them
    // starts, so what a node publishes at its start reaches those of other services, in circles too.
    for (const auto& hosted : services_) {
        hosted->starts = true;
        asio::co_spawn(executor_, hosted->service.start_node_all(),
                       [hosted = hosted.get()](std::exception_ptr) { hosted->nodes_started.notify(); });
    }
    const auto begin = options_.clock->now();
    if (flow_.clock.count() > 0)
        arm_clock(begin + flow_.clock);
    if (options_.run_for)
        end_timer_ = options_.clock->call_at(begin + *options_.run_for, executor_, [this] { end(); });
}

// Deadlines and not pauses: a late tick must not move those after it.
void Host::arm_clock(fluxmq::Clock::time_point next) {
    clock_timer_ = options_.clock->call_at(next, executor_, [this, next] {
        try {
            transport_->publish(fluxmq::Topic{}.time(), "");
        } catch (const fluxmq::Error&) { // NOLINT(bugprone-empty-catch)
            // No broker at the moment: a tick is for now, and the next one comes.
        }
        arm_clock(next + flow_.clock);
    });
}

Task<> Host::stop() {
    ending_ = true;
    clock_timer_.cancel();
    end_timer_.cancel();
    for (const auto& hosted : services_)
        for (const auto& id : hosted->service.node_ids())
            if (hosted->service.node(id).lifecycle() == fluxlib::NodeState::error)
                report_.failed = true;
    for (auto hosted = services_.rbegin(); hosted != services_.rend(); ++hosted) {
        if (!(*hosted)->runs)
            continue;
        (*hosted)->service.shutdown();
        co_await (*hosted)->ended.wait();
        if ((*hosted)->starts)
            co_await (*hosted)->nodes_started.wait();
        if ((*hosted)->failure)
            report_.failed = true;
        report_.services.push_back({(*hosted)->service.id(), (*hosted)->report});
    }
    co_await watch_->close();
    report_.failed = report_.failed || watch_->node_failed();
    co_await transport_->close();
}

} // namespace fluxctl
