// SPDX-License-Identifier: MIT
#pragma once

#include "flow/flow.hpp"

#include <string>

/// A flow as a picture: services around their nodes, an arrow for each edge, and the topics that nodes have besides.
namespace fluxctl::flow {

std::string to_mermaid(const Flow& flow);
std::string to_dot(const Flow& flow);

} // namespace fluxctl::flow
