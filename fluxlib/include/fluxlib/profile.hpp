// SPDX-License-Identifier: MIT
#pragma once

namespace fluxlib {

/// How outputs publish a port topic with '/'.
enum class PortTopics {
    slashes, ///< as it is written: inputs of the Python and Go SDKs subscribe literally, and hear nothing else
    dots     ///< with dots in place of the slashes, as outputs of the Python SDK do
};

/// What a service does where the Flux SDKs disagree (docs/protocol.md, "Profiles"). The default is for a deployment
/// of several SDKs.
struct Profile {
    PortTopics port_topics = PortTopics::slashes;
    /// The nodes of a manager's config obey `node.<id>.restart`.
    bool node_restart = true;
    /// The service itself obeys `node.<its id>.restart`, as Python's services do with fluxmq.topic.StandardTopic.
    bool service_restart = true;
    /// The nodes of a manager's config obey `node/<id>/event/start` and `.../stop`, which Go managers send.
    bool node_events = true;
    /// The service says STARTING, STOPPING and STOPPED, which the Go SDK does not. A class derived from fluxmq::Status
    /// that attach() is given wins.
    bool passing_statuses = true;
    /// The service says ACTIVE while nodes run. Otherwise READY, after each start and restart: the Go SDK has no ACTIVE
    /// any more. A class derived from fluxmq::Status that attach() is given wins.
    bool active_status = true;
    /// New settings replace those of a node as a whole, instead of being merged in. NodeOptions::replace_settings wins.
    bool replace_settings = false;

    static constexpr Profile python() { return {.node_restart = false, .node_events = false}; }
    static constexpr Profile go() {
        return {.node_restart = false,
                .service_restart = false,
                .passing_statuses = false,
                .active_status = false,
                .replace_settings = true};
    }
};

} // namespace fluxlib
