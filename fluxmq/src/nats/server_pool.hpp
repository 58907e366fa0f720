// SPDX-License-Identifier: MIT
#pragma once

#include "url.hpp"

#include <cstddef>
#include <random>
#include <string>
#include <vector>

namespace fluxmq::nats {

/// The servers that a connection may use, in the order in which they are tried: those of the user, and those that a
/// cluster tells of. No I/O.
class ServerPool {
public:
    explicit ServerPool(std::vector<Server> configured);

    std::size_t size() const noexcept { return entries_.size(); }
    bool empty() const noexcept { return entries_.empty(); }

    /// The server to try next; each in turn, and so for ever. Not when empty.
    Server next();

    /// The order becomes a random one, with `last` at its end where one is given.
    void shuffle(std::minstd_rand& random, const Server* last = nullptr);

    /// What a server tells of its cluster, as `host:port`: new ones are added behind the others, with the
    /// TLS and the credentials of `teller`; of those that were told earlier, the ones that are missing now go, but for `teller`.
    /// An address that cannot be read is passed over. Whether there are new ones.
    bool discovered(const std::vector<std::string>& addresses, const Server& teller);

    /// `server` refused our credentials. The second time in a row it is taken out: a server that does not know us
    /// will not know us later.
    void refused(const Server& server);
    /// `server` accepted us. One that was `secured` is never used without TLS again, nor those that it tells of.
    void accepted(const Server& server, bool secured) noexcept;

private:
    struct Entry {
        Server server;
        bool discovered = false;
        int refusals = 0;
    };

    std::vector<Entry>::iterator find(const Server& server) noexcept;
    void remove(std::vector<Entry>::iterator entry) noexcept;

    std::vector<Entry> entries_;
    std::size_t next_ = 0;
};

} // namespace fluxmq::nats
