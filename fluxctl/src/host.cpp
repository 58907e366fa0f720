// SPDX-License-Identifier: MIT
#include "host.hpp"

#include <fluxlib/service.hpp>
#include <fluxmq/error.hpp>
#include <fluxmq/mailbox.hpp>

#include "flow/watch.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <exception>
#include <set>
#include <utility>

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

/// A service of the flow. Its nodes come from configs only, so that another flow finds all of them to compare with.
class Host::Hosted final : public fluxlib::Service {
public:
    Hosted(const std::string& id, Host& host) : Service{id, service_options(host.options_)}, host_{host} {
        attach(host.options_.transport());
    }

    std::unique_ptr<fluxlib::Node> get_node(const fluxlib::DataNode& data) override {
        return host_.make(*this, data);
    }

    bool runs = false;
    bool starts = false;
    bool ends = false;
    fluxmq::Wakeup nodes_started;
    fluxmq::Wakeup ended;
    fluxlib::ExitReport report;
    std::exception_ptr failure;

private:
    Host& host_;
};

/// Another flow on its way.
struct Host::Change {
    Wanted wanted;
    std::vector<std::shared_ptr<Hosted>> services; // in start order: those that stay, and new ones
    std::map<std::string, std::unique_ptr<fluxlib::Node>> made;
    std::vector<std::shared_ptr<Hosted>> configured; // have had their new config
};

/// Tells of the statuses and errors of flows.
class Host::Watch {
public:
    Watch(fluxmq::Transport& transport, std::function<void(const HostEvent&)> on_event)
        : transport_{transport}, on_event_{std::move(on_event)} {}

    /// Once.
    void open(const asio::any_io_executor& executor) {
        asio::co_spawn(executor, loop(), [this](std::exception_ptr) { loop_ended_.notify(); });
        is_open_ = true;
    }

    /// Tells of this flow, too. Those before are followed on: the last word of what is gone may be on its way.
    Task<> follow(const flow::Flow& flow) {
        const fluxmq::Topic topic;
        for (const auto& service : flow.services) {
            co_await follow(topic.status(service.id), HostEvent::Kind::service_status, service.id);
            co_await follow(topic.error(service.id), HostEvent::Kind::error, service.id);
            for (const auto& node : service.nodes)
                co_await follow(topic.node_status(node.id), HostEvent::Kind::node_status, node.id);
        }
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

    bool has_failed(const std::string& node) const { return failed_.contains(node); }

private:
    struct Source {
        HostEvent::Kind kind;
        std::string id;
        fluxmq::Subscription subscription;
    };

    Task<> follow(std::string topic, HostEvent::Kind kind, std::string id) {
        auto& source = sources_[topic];
        if (source)
            co_return;
        source = std::make_unique<Source>();
        source->kind = kind;
        source->id = std::move(id);
        const fluxmq::MailboxLimits limits;
        auto inlet = mailbox_->add_inlet(limits, source.get());
        source->subscription = co_await transport_.subscribe(std::move(topic), std::move(inlet));
    }

    Task<> loop() {
        while (co_await mailbox_->wait())
            while (const auto* delivery = mailbox_->pop_message()) {
                const auto& source = *static_cast<const Source*>(delivery->user);
                const std::string text{delivery->message.text()};
                if (source.kind == HostEvent::Kind::node_status && text == fluxlib::NodeStatus{}.error())
                    failed_.insert(source.id);
                on_event_({source.kind, source.id, text});
            }
    }

    fluxmq::Transport& transport_;
    const std::function<void(const HostEvent&)> on_event_;
    std::shared_ptr<fluxmq::Mailbox> mailbox_ = fluxmq::Mailbox::create();
    std::map<std::string, std::unique_ptr<Source>> sources_; // by topic
    fluxmq::Wakeup loop_ended_;
    bool is_open_ = false;
    std::set<std::string> failed_; // nodes that were in state `error`
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

Host::Host(Wanted wanted, HostOptions options)
    : options_{std::move(options)}, first_{std::make_unique<Change>(prepare(std::move(wanted)))} {}

Host::~Host() = default;

void Host::end() noexcept {
    ends_ = true;
    wakeup_.notify();
}

Task<HostReport> Host::run() {
    executor_ = co_await asio::this_coro::executor;
    transport_ = options_.transport();
    co_await transport_->connect();
    watch_ = std::make_unique<Watch>(*transport_, options_.on_event);
    watch_->open(executor_);
    std::exception_ptr failure;
    try {
        co_await switch_to(*first_);
        first_.reset(); // services that go later are to go altogether
        co_await run_until_end();
    } catch (...) {
        failure = std::current_exception();
    }
    co_await stop();
    if (failure)
        std::rethrow_exception(failure);
    co_return std::move(report_);
}

Task<> Host::run_until_end() {
    if (options_.run_for)
        end_timer_ =
            options_.clock->call_at(options_.clock->now() + *options_.run_for, executor_, [this] { end(); });
    look_later();
    for (;;) {
        co_await wakeup_.wait();
        if (ends_)
            break;
        if (transport_->connected()) // a change waits for the broker, as those whom it is for do
            co_await look();
        look_later();
    }
}

void Host::look_later() {
    if (options_.next)
        look_timer_ = options_.clock->call_at(options_.clock->now() + flow::Watch::interval, executor_,
                                              [this] { wakeup_.notify(); });
}

// --- Another flow ------------------------------------------------------------------------------------------------

Task<> Host::look() {
    HostEvent event{HostEvent::Kind::flow_changed, "", ""};
    try {
        auto wanted = options_.next();
        if (!wanted)
            co_return;
        auto change = prepare(std::move(*wanted));
        co_await switch_to(change);
    } catch (const flow::Refused& refused) {
        event = {HostEvent::Kind::flow_refused, "", refused.what(), refused.problems()};
    } catch (const std::exception& error) {
        event = {HostEvent::Kind::flow_refused, "", error.what(), {}};
    }
    event.id = present_.flow.name;
    options_.on_event(event);
}

// What a type or a constructor refuses is known before anything changes.
Host::Change Host::prepare(Wanted wanted) {
    auto problems = wanted.types.check(wanted.flow);
    if (!problems.empty())
        throw flow::Refused{std::move(problems)};
    Change change{std::move(wanted), {}, {}, {}};
    const auto& flow = change.wanted.flow;
    const auto refuse = [&](const flow::Service& service, const fluxlib::DataNode& node, const char* why) {
        problems.push_back({flow::place_of(flow, node.id).settings, flow::field_of(service, node), why, ""});
    };
    for (const auto place : start_order(flow)) {
        const auto& service = flow.services[place];
        auto hosted = find(service.id);
        if (!hosted)
            hosted = std::make_shared<Hosted>(service.id, *this);
        const auto plan = fluxlib::diff_config(nodes_of(present_.flow, service.id), service.nodes);
        for (const auto& node : plan.create) {
            try {
                change.made.insert_or_assign(node.id, change.wanted.types.make(*hosted, node));
            } catch (const std::exception& error) {
                refuse(service, node, error.what());
            } catch (...) {
                refuse(service, node, "its constructor threw something that is no std::exception");
            }
        }
        change.services.push_back(std::move(hosted));
    }
    if (!problems.empty())
        throw flow::Refused{std::move(problems)};
    return change;
}

Task<> Host::switch_to(Change& change) {
    std::exception_ptr failure;
    try {
        co_await configure(change);
    } catch (...) {
        failure = std::current_exception();
    }
    made_.clear();
    if (failure) {
        co_await go_back(change);
        std::rethrow_exception(failure);
    }
    const auto before = std::exchange(services_, std::move(change.services));
    const auto clock = present_.flow.clock;
    present_ = std::move(change.wanted);
    // All at once and not one after the other: each service lets messages wait for its nodes before the first of them
    // starts, so what a node publishes at its start reaches those of other services, in circles too.
    for (const auto& hosted : services_)
        if (!hosted->starts)
            start_nodes(hosted);
    for (auto hosted = before.rbegin(); hosted != before.rend(); ++hosted)
        if (!find((*hosted)->id()))
            co_await finish(*hosted);
    if (present_.flow.clock != clock)
        restart_clock();
}

// What can be refused.
Task<> Host::configure(Change& change) {
    made_ = std::move(change.made);
    co_await watch_->follow(change.wanted.flow);
    for (const auto& hosted : change.services)
        if (!hosted->runs)
            co_await bring_up(hosted);
    for (const auto& hosted : change.services) {
        const auto nodes = nodes_of(change.wanted.flow, hosted->id());
        if (nodes == nodes_of(present_.flow, hosted->id()))
            continue;
        co_await apply(hosted, nodes);
        change.configured.push_back(hosted);
    }
}

// Each service has changed as a whole or not at all, so what is to be taken back are the services before the one that
// has refused.
Task<> Host::go_back(Change& change) {
    for (auto each = change.configured.rbegin(); each != change.configured.rend(); ++each) {
        if (!find((*each)->id()))
            continue;
        const auto nodes = nodes_of(present_.flow, (*each)->id());
        try {
            co_await apply(*each, nodes);
        } catch (const std::exception& error) {
            (*each)->logger().error("the config before cannot be had again: {}", error.what());
        }
    }
    for (auto each = change.services.rbegin(); each != change.services.rend(); ++each)
        if (!find((*each)->id()))
            co_await finish(*each);
}

std::shared_ptr<Host::Hosted> Host::find(std::string_view service) const {
    const auto found = std::find_if(services_.begin(), services_.end(),
                                    [&](const auto& hosted) { return hosted->id() == service; });
    return found == services_.end() ? nullptr : *found;
}

Host::Nodes Host::nodes_of(const flow::Flow& flow, std::string_view service) {
    const auto found = std::find_if(flow.services.begin(), flow.services.end(),
                                    [&](const auto& candidate) { return candidate.id == service; });
    return found == flow.services.end() ? Nodes{} : found->nodes;
}

// One that is made again, since a change is taken back, was not made ahead.
std::unique_ptr<fluxlib::Node> Host::make(fluxlib::Service& service, const fluxlib::DataNode& data) {
    if (auto made = made_.extract(data.id))
        return std::move(made.mapped());
    return present_.types.make(service, data);
}

// --- The life of a service ---------------------------------------------------------------------------------------

Task<> Host::bring_up(std::shared_ptr<Hosted> hosted) {
    co_await hosted->run();
    hosted->runs = true;
    asio::co_spawn(executor_, hosted->wait(),
                   [this, hosted](std::exception_ptr failure, fluxlib::ExitReport report) {
                       hosted->failure = failure;
                       hosted->report = std::move(report);
                       hosted->ended.notify();
                       if (!hosted->ends) { // its transport has closed for good
                           report_.failed = true;
                           end();
                       }
                   });
}

Task<> Host::apply(std::shared_ptr<Hosted> hosted, const Nodes& nodes) {
    const auto config = boost::json::serialize(fluxlib::to_json(nodes));
    co_await hosted->apply_config(config);
}

void Host::start_nodes(std::shared_ptr<Hosted> hosted) {
    hosted->starts = true;
    asio::co_spawn(executor_, hosted->start_node_all(),
                   [hosted](std::exception_ptr) { hosted->nodes_started.notify(); });
}

void Host::tell_to_end(Hosted& hosted) {
    hosted.ends = true;
    hosted.shutdown();
}

Task<> Host::finish(std::shared_ptr<Hosted> hosted) {
    if (!hosted->runs)
        co_return;
    tell_to_end(*hosted);
    co_await hosted->ended.wait();
    if (hosted->starts)
        co_await hosted->nodes_started.wait();
    report_.failed = report_.failed || hosted->failure;
    report_.services.push_back({hosted->id(), hosted->report});
}

// --- Clock and end -----------------------------------------------------------------------------------------------

void Host::restart_clock() {
    clock_timer_.cancel();
    if (present_.flow.clock.count() > 0)
        arm_clock(options_.clock->now() + present_.flow.clock);
}

// Deadlines and not pauses: a late tick must not move those after it.
void Host::arm_clock(fluxmq::Clock::time_point next) {
    clock_timer_ = options_.clock->call_at(next, executor_, [this, next] {
        try {
            transport_->publish(fluxmq::Topic{}.time(), "");
        } catch (const fluxmq::Error&) { // NOLINT(bugprone-empty-catch)
            // No broker at the moment: a tick is for now, and the next one comes.
        }
        arm_clock(next + present_.flow.clock);
    });
}

Task<> Host::stop() {
    clock_timer_.cancel();
    look_timer_.cancel();
    end_timer_.cancel();
    for (const auto& hosted : services_)
        for (const auto& id : hosted->node_ids())
            if (hosted->node(id).lifecycle() == fluxlib::NodeState::error)
                report_.failed = true;
    report_.disconnected = !transport_->connected();
    // Without the broker each waits a while for that to come back, and nothing is on its way from one to the next.
    if (std::none_of(services_.begin(), services_.end(),
                     [](const auto& hosted) { return hosted->transport().connected(); }))
        for (const auto& hosted : services_)
            tell_to_end(*hosted);
    for (auto hosted = services_.rbegin(); hosted != services_.rend(); ++hosted)
        co_await finish(*hosted);
    co_await watch_->close();
    // Not those of a flow that was refused.
    for (const auto& service : present_.flow.services)
        for (const auto& node : service.nodes)
            report_.failed = report_.failed || watch_->has_failed(node.id);
    co_await transport_->close();
}

} // namespace fluxctl
