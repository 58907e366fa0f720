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

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fluxctl {

/// What is told live about what a host runs.
struct HostEvent {
    enum class Kind {
        service_status,
        node_status,
        error ///< `text` came on the error topic of the service `id`
    };
    Kind kind;
    std::string id;
    std::string text;
};

struct HostOptions {
    /// Makes a connection that is not connected yet: one for each service, and one for the host itself.
    std::function<std::shared_ptr<fluxmq::Transport>()> transport = {};
    /// How long, counted from the start of the nodes; nothing: until end().
    std::optional<std::chrono::milliseconds> run_for = {};
    std::function<void(const HostEvent&)> on_event = [](const HostEvent&) {};
    std::shared_ptr<fluxmq::Clock> clock = fluxmq::Clock::real();
};

struct HostReport {
    struct Ended {
        std::string service;
        fluxlib::ExitReport report;
    };
    std::vector<Ended> services; ///< in the order they ended
    bool failed = false;         ///< a node failed, or a service ended by itself
};

/// The order in which the services of a flow start: whoever takes messages before those it gets them from, as far as
/// there are no circles. They end the other way round, so that what is on its way still finds its reader.
std::vector<std::size_t> start_order(const flow::Flow& flow);

/// All services of a flow in this process, with a clock for their GLOBAL nodes.
class Host {
public:
    /// Makes all nodes. Throws Error{unknown_node_type}, and what the constructor of a node throws, with its id.
    Host(flow::Flow flow, const NodeTypes& types, HostOptions options);
    ~Host();

    /// Starts the services and their nodes, and ends them after HostOptions::run_for or end(). No node starts before
    /// the subscriptions of all are live. Throws what connecting and subscribing throw.
    fluxlib::Task<HostReport> run();

    /// Thread safety: any thread.
    void end() noexcept { end_.notify(); }

private:
    struct Hosted;
    class Watch;

    fluxlib::Task<> start();
    void arm_clock(fluxmq::Clock::time_point next);
    fluxlib::Task<> stop();

    const flow::Flow flow_;
    const HostOptions options_;
    std::vector<std::unique_ptr<Hosted>> services_; // in start order
    std::shared_ptr<fluxmq::Transport> transport_;
    std::unique_ptr<Watch> watch_;
    boost::asio::any_io_executor executor_;
    fluxmq::Wakeup end_;
    fluxmq::Timer clock_timer_;
    fluxmq::Timer end_timer_;
    bool ending_ = false;
    HostReport report_;
};

} // namespace fluxctl
