// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace fluxmq {

/// The names of the topics on which services, nodes and managers meet (docs/protocol.md).
///
/// The defaults are the Flux names for NATS. Derive and override to use others.
class Topic {
public:
    /// `prefix`, when not empty, is put before every name with a dot: Topic{"plant1"} gives
    /// `plant1.service.<id>.status`. Throws Error{invalid_topic} for a prefix that is not a valid topic.
    explicit Topic(std::string prefix = {});
    virtual ~Topic() = default;

    virtual std::string status(std::string_view service_id) const;
    virtual std::string status_request(std::string_view service_id) const;
    virtual std::string configuration(std::string_view service_id) const;
    virtual std::string configuration_request(std::string_view service_id) const;
    virtual std::string service_settings(std::string_view service_id) const;
    virtual std::string start(std::string_view service_id) const;
    virtual std::string stop(std::string_view service_id) const;
    virtual std::string restart(std::string_view service_id) const;
    virtual std::string error(std::string_view service_id) const;
    virtual std::string get_common_data(std::string_view service_id) const;
    virtual std::string set_common_data(std::string_view service_id) const;
    virtual std::string get_service_state(std::string_view service_id) const;
    virtual std::string set_service_state(std::string_view service_id) const;
    virtual std::string dev_mode(std::string_view uuid) const;

    virtual std::string node_status(std::string_view node_id) const;
    virtual std::string node_settings(std::string_view node_id) const;
    virtual std::string node_created(std::string_view node_id) const;
    virtual std::string node_state_request(std::string_view node_id) const;
    virtual std::string restart_node(std::string_view node_id) const;
    /// Go's per-node commands, with slashes: `node/<id>/event/start` and `.../stop`.
    virtual std::string node_start_event(std::string_view node_id) const;
    virtual std::string node_stop_event(std::string_view node_id) const;

    /// The manager's clock: GLOBAL nodes tick on it.
    virtual std::string time() const;
    /// The same clock as Python and Go nodes spell it: `service/tick`.
    virtual std::string node_time() const;
    virtual std::string ide_status() const;

protected:
    const std::string& prefix() const noexcept { return prefix_; }

private:
    std::string of_service(std::string_view id, std::string_view leaf) const;
    std::string of_node(std::string_view id, std::string_view leaf) const;

    std::string prefix_; // empty, or with its dot
};

/// What NATS's service protocol ($SRV, ADR-32) calls a service, or an endpoint, of this id: each character, of UTF-8,
/// that is not allowed in a name there is a `_`.
std::string discovery_name(std::string_view id);

} // namespace fluxmq
