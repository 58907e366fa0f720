// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/report.hpp>
#include <fluxlib/task.hpp>
#include <fluxmq/clock.hpp>
#include <fluxmq/transport.hpp>
#include <fluxmq/wakeup.hpp>

#include "flow/flow.hpp"
#include "node_types.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fluxctl {

/// What is told live about what a host runs.
struct HostEvent {
    enum class Kind {
        service_status,
        node_status,
        error,        ///< `text` came on the error topic of the service `id`
        flow_changed, ///< the flow `id` is another one now
        flow_refused  ///< another flow was wanted, and `text` says why the flow `id` goes on as it was
    };
    Kind kind;
    std::string id;
    std::string text;
    std::vector<flow::Problem> problems = {}; ///< of flow_refused, when they are known one by one
};

/// A flow, and what its nodes are made of.
struct Wanted {
    flow::Flow flow;
    NodeTypes types;
};

struct HostOptions {
    /// Makes a connection that is not connected yet: one for each service, and one for the host itself.
    std::function<std::shared_ptr<fluxmq::Transport>()> transport = {};
    /// How long, counted from the start of the nodes; nothing: until end().
    std::optional<std::chrono::milliseconds> run_for = {};
    /// Asked each flow::Watch::interval, once all runs, whether another flow is wanted. What it throws is told of as
    /// flow_refused.
    std::function<std::optional<Wanted>()> next = {};
    std::function<void(const HostEvent&)> on_event = [](const HostEvent&) {};
    std::shared_ptr<fluxmq::Clock> clock = fluxmq::Clock::real();
};

struct HostReport {
    struct Ended {
        std::string service;
        fluxlib::ExitReport report;
    };
    std::vector<Ended> services; ///< in the order they ended
    bool failed = false;         ///< a node of the last flow failed, or a service ended by itself
    bool disconnected = false;   ///< the broker was away in the end
};

/// The order in which the services of a flow start: whoever takes messages before those it gets them from, as far as
/// there are no circles. They end the other way round, so that what is on its way still finds its reader.
std::vector<std::size_t> start_order(const flow::Flow& flow);

/// All services of a flow in this process, with a clock for their GLOBAL nodes.
class Host {
public:
    /// Makes all nodes. Throws flow::Refused: unknown types, or what the constructors of nodes have thrown.
    Host(Wanted wanted, HostOptions options);
    ~Host();

    /// Starts the services and their nodes, and ends them after HostOptions::run_for or end(). No node starts before
    /// the subscriptions of all are live. Throws what connecting and subscribing throw, and what the config of a
    /// service throws.
    ///
    /// Another flow takes the place of this one by difference, as a manager's config does: what is equal in both is not
    /// touched, and one that is refused changes nothing.
    fluxlib::Task<HostReport> run();

    /// Thread safety: any thread.
    void end() noexcept;

    /// The present one.
    const flow::Flow& flow() const noexcept { return present_.flow; }

private:
    class Hosted;
    class Watch;
    struct Change;
    using Nodes = std::vector<fluxlib::DataNode>;

    std::shared_ptr<Hosted> find(std::string_view service) const;
    static Nodes nodes_of(const flow::Flow& flow, std::string_view service);
    std::unique_ptr<fluxlib::Node> make(fluxlib::Service& service, const fluxlib::DataNode& data);

    Change prepare(Wanted wanted);
    fluxlib::Task<> switch_to(Change& change);
    fluxlib::Task<> configure(Change& change);
    fluxlib::Task<> go_back(Change& change);
    fluxlib::Task<> look();
    fluxlib::Task<> apply(std::shared_ptr<Hosted> hosted, const Nodes& nodes);
    fluxlib::Task<> bring_up(std::shared_ptr<Hosted> hosted);
    void start_nodes(std::shared_ptr<Hosted> hosted);
    static void tell_to_end(Hosted& hosted);
    fluxlib::Task<> finish(std::shared_ptr<Hosted> hosted);
    fluxlib::Task<> run_until_end();
    void look_later();
    void restart_clock();
    void arm_clock(fluxmq::Clock::time_point next);
    fluxlib::Task<> stop();

    const HostOptions options_;
    Wanted present_;                                             // what runs; at first an empty flow
    std::vector<std::shared_ptr<Hosted>> services_;              // in start order
    std::map<std::string, std::unique_ptr<fluxlib::Node>> made_; // ahead of the configs that ask for them
    std::unique_ptr<Change> first_;
    std::shared_ptr<fluxmq::Transport> transport_;
    std::unique_ptr<Watch> watch_;
    boost::asio::any_io_executor executor_;
    fluxmq::Wakeup wakeup_; // the end, or time to look
    std::atomic<bool> ends_{false};
    fluxmq::Timer clock_timer_;
    fluxmq::Timer look_timer_;
    fluxmq::Timer end_timer_;
    HostReport report_;
};

} // namespace fluxctl
