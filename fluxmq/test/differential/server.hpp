// SPDX-License-Identifier: MIT
#pragma once

#include "session.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace fluxmq::test {

/// What a client sent, read by a reader that shares nothing with ours.
struct Record {
    std::vector<Pattern> subscribed = {};
    std::vector<Letter> published = {};
    std::size_t pongs = 0;
};

/// The server's side of a session, for one client, on a thread and a port of its own.
class SessionServer {
public:
    explicit SessionServer(const Session& session);
    ~SessionServer();

    std::string url() const;
    /// Waits until the client has closed; throws where it did not keep to the protocol or to the time.
    Record finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace fluxmq::test
