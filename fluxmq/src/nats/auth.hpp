// SPDX-License-Identifier: MIT
#pragma once

#include "info.hpp"
#include "secret.hpp"
#include "url.hpp"

#include <string>

namespace fluxmq {

struct NatsOptions;

namespace nats {

/// What we begin with towards one server.
struct Hello {
    Secret frame;     ///< CONNECT: who we are, and what proves it
    std::string hint; ///< why the server may refuse it, as far as we see; empty: no idea
};

/// The credentials are those of the server's URL, or else what `options` say at this moment. Throws
/// Error{authorization_failed} for those that cannot be read or used.
Hello make_hello(const NatsOptions& options, const Server& server, const ServerInfo& info, bool secured);

} // namespace nats
} // namespace fluxmq
