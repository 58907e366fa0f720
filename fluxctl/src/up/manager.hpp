// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/message.hpp>

#include "flow/flow.hpp"
#include "up/actions.hpp"
#include "up/managed_service.hpp"

#include <boost/json/array.hpp>

#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace fluxctl::up {

/// What a service says in its answer to a ping.
struct Pong {
    std::string service;
    std::string instance;
    std::string replica;
};

/// The manager's side of the protocol (docs/protocol.md) for one flow. No I/O: each function takes what has happened, and gives
/// what is to happen. It hands on to the ManagedService that is concerned; what concerns several is decided here: changes
/// that are taken back, and the order of the end.
class Manager {
public:
    using TimePoint = fluxmq::Clock::time_point;

    static constexpr std::chrono::milliseconds silence_patience{3'000}; ///< for a first word
    static constexpr std::chrono::milliseconds return_patience{6'000};  ///< the same after a lost connection
    static constexpr std::chrono::milliseconds stop_patience{5'000};    ///< for all nodes to stop

    /// Answers to status requests come on topics that begin with `inbox` and a dot.
    Manager(flow::Flow flow, std::string inbox);

    const flow::Flow& flow() const noexcept { return flow_; }
    const flow::Service* find(std::string_view service) const;

    /// What to listen to: before begin(), and again when Actions::new_topics says so.
    std::vector<std::string> topics() const;

    Actions begin(TimePoint now);

    /// Something arrived on one of the topics.
    Actions handle(const fluxmq::Message& message, TimePoint now);
    Actions answered(const Pong& pong, TimePoint now);
    Actions pinged(TimePoint now);
    Actions process_ended(const std::string& service, int replica, const Ending& ending, TimePoint now);

    /// Another flow takes the place of this one: only services that differ hear of it. Those that are gone lose their
    /// nodes and processes. When a service of this SDK refuses its config, all of it is taken back.
    Actions change(flow::Flow flow, TimePoint now);

    void lost(TimePoint now) noexcept;
    Actions reconnected(TimePoint now);

    /// The end: services stop one after the other, the last of the flow first. The next one hears of it when the one
    /// before has stopped. When patience ends, the rest is told at once.
    Actions stop(TimePoint now);
    Actions stop_at_once();
    bool stopped() const;

    /// What was to happen at a time that has come, and when the next one comes.
    Actions due(TimePoint now);
    TimePoint next_due() const;

    /// What is known of each service, for commands that ask those that cannot answer.
    boost::json::array describe() const;

private:
    enum class Kind { status, config_request, error, node_status, answer };

    // Whom a topic is about.
    struct Source {
        Kind kind;
        ManagedService* service;
        std::string node;
    };

    // A change of the flow that not everybody has taken over yet.
    struct Pending {
        flow::Flow before;
        std::set<std::string> awaited;
    };

    ManagedService* managed(std::string_view id);
    std::list<ManagedService>::iterator add(flow::Service service);
    void find_sources();
    void on_error(ManagedService& service, std::string_view text, TimePoint now, Actions& actions);
    void stop_next(TimePoint now, Actions& actions);
    void after(TimePoint now, Actions& actions);

    const std::string inbox_;
    const fluxmq::Topic topic_;
    flow::Flow flow_;
    std::list<ManagedService>
        services_; // in the order of the flow; those that leave it stay until they have ended
    std::map<std::string, Source, std::less<>> sources_; // by topic
    std::optional<Pending> pending_;
    TimePoint lost_at_ = TimePoint::min();
    std::optional<TimePoint> name_silent_at_;
    bool stopping_ = false;
    std::vector<ManagedService*> to_stop_; // the last one comes next
    ManagedService* awaited_ = nullptr;
    std::optional<TimePoint> stop_by_;
};

} // namespace fluxctl::up
