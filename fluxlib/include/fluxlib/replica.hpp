// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace fluxlib {

/// The header of the statuses and errors that a service with ServiceOptions::replica announces, and its nodes: the replica
/// (docs/protocol.md, "Replicas").
inline constexpr std::string_view replica_header = "Flux-Replica";

} // namespace fluxlib
