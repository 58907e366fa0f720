// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/task.hpp>
#include <fluxmq/transport.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

/// The NATS service protocol (ADR-32), from the side that asks.
namespace fluxctl {

inline constexpr std::chrono::milliseconds default_service_wait{500};

/// What was found.
struct Services {
    /// What each service instance has answered, its answers merged, ordered by name and id.
    std::vector<boost::json::object> answered;
    /// What a running `fluxctl up` has heard of those services of its flow that have not answered: Python and Go services
    /// cannot. Each is an element of `services`, see heard_topic.
    std::vector<boost::json::object> heard;

    bool empty() const noexcept { return answered.empty() && heard.empty(); }
};

/// Asks on all of `subjects` ($SRV.PING and the like), and every `fluxctl up`, and collects the answers for `wait`. What is
/// not an answer of a service is passed over.
fluxlib::Task<Services> ask_services(fluxmq::Transport& transport, std::vector<std::string> subjects,
                                     std::chrono::milliseconds wait);

/// The statuses that `heard` has, one for each replica that has told; `-` for none.
std::string heard_statuses(const boost::json::object& heard);

/// `fluxctl up` answers here with what it has heard of the services of its flow, for those that cannot answer themselves:
/// {"flow": NAME, "services": [{"service": ID, "statuses": [...], "nodes": [...], ...}]}.
inline constexpr std::string_view heard_topic = "fluxctl.up.services";

/// Whether flux_go has sent `message`: it marks each of its messages.
bool is_from_go(const fluxmq::Message& message) noexcept;

/// Who has answered: a process of a Flux service.
struct FluxInstance {
    std::string service;  ///< its id in topics; empty for another service, and for what is no answer of one
    std::string instance; ///< differs for each process
    std::string replica;  ///< as the process was told; mostly empty
};
FluxInstance flux_instance(std::string_view answer);

/// A field of such an answer, made by anyone: empty or 0 when it is missing or of another type.
std::string text_at(const boost::json::object& object, std::string_view field);
double number_at(const boost::json::object& object, std::string_view field);
/// Those elements of a list, such as `endpoints`, that are objects.
std::vector<boost::json::object> objects_at(const boost::json::object& object, std::string_view field);
/// The id that a Flux service has in topics; names of the protocol do not have all of its characters.
std::string service_id_of(const boost::json::object& service);

} // namespace fluxctl
