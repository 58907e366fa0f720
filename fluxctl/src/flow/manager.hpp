// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/lifecycle.hpp>
#include <fluxmq/status.hpp>
#include <fluxmq/topic.hpp>

#include "flow/flow.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace fluxctl::flow {

/// The manager's side of the protocol (docs/protocol.md) for one flow: what to say when. No I/O.
///
/// A service gets its config at the beginning, whenever it asks and whenever it has come up; when that is applied, all
/// its nodes are started. Another config for a service that has one already starts only the nodes that are new.
class Manager {
public:
    /// A message to publish.
    struct Outgoing {
        std::string topic;
        std::string payload;
        friend bool operator==(const Outgoing&, const Outgoing&) = default;
    };

    /// What a service, or a node of it, has announced: a status or an error.
    struct Event {
        std::string service;
        std::string node = {}; ///< empty: the service itself
        std::string status = {};
        std::string error = {};
        friend bool operator==(const Event&, const Event&) = default;
    };

    struct Reaction {
        std::optional<Event> event;
        std::vector<Outgoing> send;
        bool took_back = false; ///< a service has refused its config: flow() is the one before again
    };

    struct Change {
        std::vector<std::string> services; ///< whom it is about, those that are no longer there included
        std::vector<Outgoing> send;
    };

    explicit Manager(Flow flow);

    const Flow& flow() const noexcept { return flow_; }

    /// What to listen to: before begin(), and again after change().
    std::vector<std::string> topics() const;

    std::vector<Outgoing> begin();

    /// Something arrived on one of the topics.
    Reaction handle(std::string_view topic, std::string_view text);

    /// Services that have not said anything so far.
    std::vector<std::string> silent() const;

    /// Another flow takes the place of this one: only services that differ hear of it. Those that are gone lose their
    /// nodes. When one of them refuses its config, all of it is taken back, see Reaction.
    Change change(Flow flow);

    /// The connection was lost, and is back: configs that may not have arrived, and questions to all others how they are.
    std::vector<Outgoing> reconnected();

    /// How many pings in a row a service may leave unanswered.
    static constexpr int patience = 3;

    /// Another ping goes to all services: those that are gone now, since they have left the last ones unanswered. A
    /// service that has never answered one is never gone.
    Change pinged();

    /// A service has answered a ping. When it was gone, it is back, and is asked how it is; otherwise nothing.
    std::vector<Outgoing> answered(const std::string& id);

    /// The end: services stop one after the other, the last of the flow first. The next one hears of it when the one
    /// before says that it has stopped.
    std::vector<Outgoing> stop();

    /// Tells the rest without waiting any more.
    std::vector<Outgoing> stop_at_once();

    bool stopped() const noexcept { return stopping_ && to_stop_.empty() && !awaited_; }

private:
    enum class Kind { status, config_request, error, node_status };

    // Whom a topic is about.
    struct Source {
        Kind kind;
        std::string service;
        std::string node;
    };

    // What is known of a service.
    struct Life {
        bool heard_of = false;
        bool configured = false;        // READY since it came
        std::set<std::string> to_start; // nodes, or `*`, when READY says that the config sent last is applied
        bool runs = false;
        bool answers = false; // pings
        int unanswered = 0;
        bool gone = false;
    };

    // A change of the flow that not everybody has taken over yet.
    struct Pending {
        Flow before;
        std::set<std::string> awaited;
    };

    void find_sources();
    Reaction on_error(std::string id, std::string_view text);
    Outgoing config_of(const std::string& id) const;
    Outgoing configure(const std::string& id);
    std::vector<Outgoing> start(const std::string& id);
    std::vector<Outgoing> on_status(const std::string& id, std::string_view status);
    std::vector<Outgoing> stop_next();
    const Service* find(std::string_view id) const;

    fluxmq::Topic topic_;
    fluxmq::Status status_;
    fluxlib::NodeStatus node_status_;
    Flow flow_;
    std::map<std::string, Source, std::less<>> sources_; // by topic
    std::map<std::string, Life, std::less<>> lives_;     // by service
    std::optional<Pending> pending_;
    bool stopping_ = false;
    std::vector<std::string> to_stop_; // the last one comes next
    std::optional<std::string> awaited_;
};

} // namespace fluxctl::flow
