// SPDX-License-Identifier: MIT
#pragma once

#include "info.hpp"
#include "url.hpp"

#include <string>

namespace fluxmq {

struct NatsOptions;

namespace nats {

/// The JSON of CONNECT for `server`: who we are and, with its URL's credentials or else those of `options`, who
/// says so. It holds secrets: for the socket only.
std::string connect_json(const NatsOptions& options, const Server& server, const ServerInfo& info);

} // namespace nats
} // namespace fluxmq
