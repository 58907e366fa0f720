// SPDX-License-Identifier: MIT
#pragma once

#include "server.hpp"
#include "session.hpp"

#include <vector>

namespace fluxmq::test {

/// What a session came to.
struct Outcome {
    std::vector<std::vector<Letter>> received = {}; ///< by subscription
    Record sent = {};
};

Outcome play_ours(const Session& session);
Outcome play_libnats(const Session& session);

} // namespace fluxmq::test
