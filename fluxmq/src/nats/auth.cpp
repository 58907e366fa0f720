// SPDX-License-Identifier: MIT
#include "auth.hpp"

#include <fluxmq/error.hpp>
#include <fluxmq/nats.hpp>

#include "creds.hpp"
#include "nkey.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/chrono.h>

namespace fluxmq::nats {

namespace json = boost::json;

namespace {

// Everything that may be secret in a handshake.
struct Credentials {
    Secret user;
    Secret password;
    Secret token;
    Secret seed;
    Secret jwt;
};

Credentials own(NatsCredentials from) {
    return {Secret{std::move(from.user)}, Secret{std::move(from.password)}, Secret{std::move(from.token)},
            Secret{std::move(from.nkey_seed)}, Secret{std::move(from.jwt)}};
}

// `read(text)` of a file, whose complaints name it.
template <class Read>
void read_file(const std::string& path, Read read) {
    const auto content = read_secret_file(path);
    try {
        read(content.view());
    } catch (const Error& error) {
        throw Error{error.kind(), "the file '" + path + "': " + error.detail()};
    }
}

Credentials ask(const std::function<NatsCredentials()>& source) {
    try {
        return own(source());
    } catch (const std::exception& error) {
        throw Error{errc::authorization_failed,
                    std::string{"NatsOptions::credentials threw: "} + error.what()};
    }
}

Credentials gather(const NatsOptions& options, const Server& server) {
    if (server.has_credentials())
        return own({.user = server.user, .password = server.password, .token = server.token});
    if (options.credentials)
        return ask(options.credentials);
    auto all = own({.user = options.user, .password = options.password, .token = options.token});
    if (!options.credentials_file.empty())
        read_file(options.credentials_file, [&](std::string_view text) {
            const auto creds = parse_creds(text);
            all.jwt = Secret{std::string{creds.jwt}};
            all.seed = Secret{std::string{creds.seed}};
        });
    else if (!options.nkey_seed_file.empty())
        read_file(options.nkey_seed_file,
                  [&](std::string_view text) { all.seed = Secret{std::string{parse_nkey_file(text)}}; });
    return all;
}

// As a JSON string. A serializer of JSON would leave copies of it behind.
void append_quoted(Secret& to, std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    to.append("\"");
    for (const char& c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20) {
            const char escaped[] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
            to.append({escaped, sizeof escaped});
        } else {
            if (c == '"' || c == '\\')
                to.append("\\");
            to.append({&c, 1});
        }
    }
    to.append("\"");
}

// Adds a member to an object that is not empty and not closed yet.
void put(Secret& object, std::string_view name, std::string_view value) {
    if (value.empty())
        return;
    object.append(",");
    append_quoted(object, name);
    object.append(":");
    append_quoted(object, value);
}

std::string expiry_hint(std::string_view jwt) {
    const auto expiry = jwt_expiry(jwt);
    if (!expiry || *expiry > std::chrono::system_clock::now())
        return {};
    return fmt::format("the JWT expired at {:%Y-%m-%d %H:%M:%S} UTC",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(*expiry)));
}

} // namespace

Hello make_hello(const NatsOptions& options, const Server& server, const ServerInfo& info, bool secured) {
    const auto credentials = gather(options, server);
    if (!credentials.jwt.empty() && credentials.seed.empty())
        throw Error{errc::authorization_failed, "a JWT needs the nkey_seed that proves it"};
    const auto open = json::serialize(json::object{
        {"verbose", false},
        {"pedantic", false},
        {"tls_required", secured},
        {"lang", "cpp"},
        {"version", FLUXMQ_VERSION},
        {"protocol", 1},
        {"headers", info.headers},
        {"no_responders", info.headers}, // they are told by a header
        {"echo", !options.no_echo},
        {"name", options.name},
    });
    Hello hello;
    hello.frame.append("CONNECT ");
    hello.frame.append(std::string_view{open}.substr(0, open.size() - 1));
    put(hello.frame, "user", credentials.user.view());
    put(hello.frame, "pass", credentials.password.view());
    put(hello.frame, "auth_token", credentials.token.view());
    if (!credentials.seed.empty() && !info.nonce.empty()) { // a server that asks for no proof gets none
        put(hello.frame, "sig", nkey_sign(credentials.seed.view(), info.nonce));
        if (credentials.jwt.empty())
            put(hello.frame, "nkey", nkey_public_key(credentials.seed.view()));
        put(hello.frame, "jwt", credentials.jwt.view());
        hello.hint = expiry_hint(credentials.jwt.view());
    }
    hello.frame.append("}\r\n");
    return hello;
}

} // namespace fluxmq::nats
