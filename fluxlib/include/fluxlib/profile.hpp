// SPDX-License-Identifier: MIT
#pragma once

namespace fluxlib {

/// How outputs publish a port topic with '/'.
enum class PortTopics {
    dots,   ///< with dots in place of the slashes, as Python does
    slashes ///< as it stands: for Go peers, which listen literally
};

/// What a service does where the Flux SDKs disagree (docs/protocol.md, "Profiles"). The default is for a deployment
/// of several SDKs.
struct Profile {
    PortTopics port_topics = PortTopics::dots;
    /// The nodes of a manager's config obey `node.<id>.restart`, one of Python's topics.
    bool node_restart = true;
    /// The nodes of a manager's config obey `node/<id>/event/start` and `.../stop`, which Go managers send.
    bool node_events = true;
    /// The service says ACTIVE while nodes run. Otherwise READY: the Go SDK has no ACTIVE any more. A class derived from
    /// fluxmq::Status that attach() is given wins.
    bool active_status = true;

    static constexpr Profile python() { return {.node_events = false}; }
    static constexpr Profile go() {
        return {.port_topics = PortTopics::slashes, .node_restart = false, .active_status = false};
    }
};

} // namespace fluxlib
