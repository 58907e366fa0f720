// SPDX-License-Identifier: MIT
#include "server_pool.hpp"

#include <fluxmq/error.hpp>

#include <algorithm>

namespace fluxmq::nats {

namespace {

bool same_place(const Server& a, const Server& b) noexcept { return a.host == b.host && a.port == b.port; }

bool is_address(const std::string& host) noexcept {
    return host.find(':') != std::string::npos || host.find_first_not_of("0123456789.") == std::string::npos;
}

// What a server says of another one, with what we know of the first.
Server related(const std::string& address, const Server& teller) {
    auto server = parse_servers(address).at(0);
    server.user = teller.user;
    server.password = teller.password;
    server.token = teller.token;
    server.tls = teller.tls;
    if (is_address(server.host)) // certificates are for names
        server.tls_name = teller.tls_name.empty() ? teller.host : teller.tls_name;
    return server;
}

} // namespace

ServerPool::ServerPool(std::vector<Server> configured) {
    for (auto& server : configured)
        if (find(server) == entries_.end())
            entries_.push_back({std::move(server)});
}

Server ServerPool::next() {
    next_ %= entries_.size();
    return entries_[next_++].server;
}

void ServerPool::shuffle(std::minstd_rand& random, const Server* last) {
    std::shuffle(entries_.begin(), entries_.end(), random);
    if (const auto entry = last ? find(*last) : entries_.end(); entry != entries_.end())
        std::iter_swap(entry, std::prev(entries_.end()));
    next_ = 0;
}

bool ServerPool::discovered(const std::vector<std::string>& addresses, const Server& teller) {
    if (addresses.empty()) // no cluster, or one that tells nothing
        return false;
    const auto known = find(teller);
    const auto source = known == entries_.end() ? teller : known->server;
    std::vector<Server> told;
    for (const auto& address : addresses) {
        try {
            told.push_back(related(address, source));
        } catch (const Error&) { // NOLINT(bugprone-empty-catch)
            // The others are still good.
        }
    }
    const auto named = [&](const Server& server) {
        return std::any_of(told.begin(), told.end(),
                           [&](const Server& one) { return same_place(one, server); });
    };
    for (auto i = entries_.size(); i-- > 0;) {
        const auto entry = entries_.begin() + static_cast<std::ptrdiff_t>(i);
        if (entry->discovered && !named(entry->server) && !same_place(entry->server, teller))
            remove(entry);
    }
    bool added = false;
    for (auto& server : told) {
        if (find(server) != entries_.end())
            continue;
        entries_.push_back({std::move(server), true});
        added = true;
    }
    return added;
}

void ServerPool::refused(const Server& server) {
    if (const auto entry = find(server); entry != entries_.end() && ++entry->refusals == 2)
        remove(entry);
}

void ServerPool::accepted(const Server& server, bool secured) noexcept {
    const auto entry = find(server);
    if (entry == entries_.end())
        return;
    entry->refusals = 0;
    entry->server.tls = entry->server.tls || secured;
}

std::vector<ServerPool::Entry>::iterator ServerPool::find(const Server& server) noexcept {
    return std::find_if(entries_.begin(), entries_.end(),
                        [&](const Entry& entry) { return same_place(entry.server, server); });
}

void ServerPool::remove(std::vector<Entry>::iterator entry) noexcept {
    if (static_cast<std::size_t>(entry - entries_.begin()) < next_)
        --next_;
    entries_.erase(entry);
}

} // namespace fluxmq::nats
