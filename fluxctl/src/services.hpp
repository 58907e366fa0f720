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

/// Asks on all of `subjects` ($SRV.PING and the like) and gives what each service instance has answered within `wait`,
/// its answers merged, ordered by name and id. What is not an answer of a service is passed over.
fluxlib::Task<std::vector<boost::json::object>>
ask_services(fluxmq::Transport& transport, std::vector<std::string> subjects, std::chrono::milliseconds wait);

/// Which Flux service has answered, by its id; empty when it is another one, or no answer of a service.
std::string flux_service(std::string_view answer);

/// A field of such an answer, made by anyone: empty or 0 when it is missing or of another type.
std::string text_at(const boost::json::object& object, std::string_view field);
double number_at(const boost::json::object& object, std::string_view field);
/// Those elements of a list, such as `endpoints`, that are objects.
std::vector<boost::json::object> objects_at(const boost::json::object& object, std::string_view field);
/// The id that a Flux service has in topics; names of the protocol do not have all of its characters.
std::string service_id_of(const boost::json::object& service);

} // namespace fluxctl
