// SPDX-License-Identifier: MIT
#include "auth.hpp"

#include <fluxmq/nats.hpp>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#ifndef FLUXMQ_VERSION
#define FLUXMQ_VERSION "0.1.0"
#endif

namespace fluxmq::nats {

namespace json = boost::json;

std::string connect_json(const NatsOptions& options, const Server& server, const ServerInfo& info) {
    json::object connect{
        {"verbose", false},
        {"pedantic", false},
        {"lang", "cpp"},
        {"version", FLUXMQ_VERSION},
        {"protocol", 1},
        {"headers", info.headers},
        {"no_responders", info.headers}, // they are told by a header
        {"echo", !options.no_echo},
        {"name", options.name},
    };
    const auto put = [&](const char* name, const std::string& value) {
        if (!value.empty())
            connect[name] = value;
    };
    const bool own = server.has_credentials();
    put("user", own ? server.user : options.user);
    put("pass", own ? server.password : options.password);
    put("auth_token", own ? server.token : options.token);
    return json::serialize(connect);
}

} // namespace fluxmq::nats
