// SPDX-License-Identifier: MIT
// Who we say that we are, without a server.
#include <fluxmq/error.hpp>
#include <fluxmq/nats.hpp>

#include "../src/nats/auth.hpp"
#include "../src/nats/creds.hpp"
#include "../src/nats/nkey.hpp"
#include "../src/nats/secret.hpp"
#include "certificates.hpp"
#include "identities.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

using namespace fluxmq;
using namespace fluxmq::nats;
using namespace fluxmq::test;

namespace {

// The test vector of RFC 8032, section 7.1, test 2, as an nkey.
constexpr auto known_seed = "SUAEZTIITMUP7FW2TW3MGRXMCFHA6W4KGGPTLK5GETNIZ5XNJ64KN63OVI";

Server one(std::string_view url) { return parse_servers(url).at(0); }

boost::json::object connect_json(const NatsOptions& options, const Server& server, const ServerInfo& info) {
    const auto hello = make_hello(options, server, info, false);
    const std::string frame{hello.frame.view()};
    EXPECT_TRUE(frame.starts_with("CONNECT {") && frame.ends_with("}\r\n")) << frame;
    return boost::json::parse(frame.substr(8)).as_object();
}

template <class Function>
std::string refusal(Function function) {
    try {
        function();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), errc::authorization_failed);
        EXPECT_FALSE(error.retryable());
        return error.detail();
    }
    return "accepted";
}

} // namespace

TEST(NatsAuth, prefers_the_credentials_of_the_url) {
    const NatsOptions options{.name = "n", .user = "u", .password = "p", .token = "t", .no_echo = true};
    const ServerInfo info{.headers = true};
    const auto plain = connect_json(options, one("host"), info);
    EXPECT_EQ(plain.at("user"), "u");
    EXPECT_EQ(plain.at("pass"), "p");
    EXPECT_EQ(plain.at("auth_token"), "t");
    EXPECT_EQ(plain.at("echo"), false);
    EXPECT_EQ(plain.at("name"), "n");
    EXPECT_EQ(plain.at("lang"), "cpp");
    EXPECT_EQ(plain.at("headers"), true);
    EXPECT_EQ(plain.at("no_responders"), true);
    EXPECT_EQ(plain.at("verbose"), false);
    EXPECT_EQ(plain.at("tls_required"), false);
    const auto own = connect_json(options, one("nats://me:x@host"), info);
    EXPECT_EQ(own.at("user"), "me");
    EXPECT_EQ(own.at("pass"), "x");
    EXPECT_FALSE(own.contains("auth_token"));
}

TEST(NatsAuth, writes_credentials_as_json_whatever_they_hold) {
    const auto connect = connect_json({.user = "a\"b", .password = "\\\n\x01\xc3\xa4"}, one("host"), {});
    EXPECT_EQ(connect.at("user"), "a\"b");
    EXPECT_EQ(connect.at("pass"), "\\\n\x01\xc3\xa4");
}

TEST(NatsAuth, asks_for_credentials_each_time_and_wraps_what_that_throws) {
    int asked = 0;
    NatsOptions options{.user = "not asked for"};
    options.credentials = [&] { return NatsCredentials{.user = "u" + std::to_string(++asked)}; };
    EXPECT_EQ(connect_json(options, one("host"), {}).at("user"), "u1");
    EXPECT_EQ(connect_json(options, one("host"), {}).at("user"), "u2");
    options.credentials = []() -> NatsCredentials { throw std::runtime_error{"the vault is shut"}; };
    EXPECT_EQ(refusal([&] { make_hello(options, one("host"), {}, false); }),
              "NatsOptions::credentials threw: the vault is shut");
}

TEST(NatsAuth, signs_the_challenge_with_the_nkey_and_keeps_the_seed) {
    const TemporaryFolder folder;
    const Nkey user{Nkey::Kind::user};
    const NatsOptions options{.nkey_seed_file = folder.write("user.nk", "# mine\n\n" + user.seed() + "\n")};
    const auto connect = connect_json(options, one("host"), {.nonce = "a challenge"});
    EXPECT_EQ(connect.at("nkey").as_string(), user.public_key());
    EXPECT_EQ(connect.at("sig").as_string(), user.sign("a challenge")); // Ed25519 signs the same each time
    EXPECT_FALSE(connect.contains("jwt"));
    EXPECT_EQ(boost::json::serialize(connect).find(user.seed()), std::string::npos);
}

TEST(NatsAuth, sends_a_jwt_with_the_signature_of_its_nkey) {
    const TemporaryFolder folder;
    const Nkey user{Nkey::Kind::user};
    const NatsOptions options{.credentials_file =
                                  folder.write("user.creds", creds_text("the.j-w_t.x", user.seed()))};
    const auto connect = connect_json(options, one("host"), {.nonce = "n"});
    EXPECT_EQ(connect.at("jwt"), "the.j-w_t.x");
    EXPECT_EQ(connect.at("sig").as_string(), user.sign("n"));
    EXPECT_FALSE(connect.contains("nkey"));
    EXPECT_FALSE(connect_json(options, one("host"), {}).contains("jwt")) << "to a server that did not ask";
}

TEST(NatsAuth, names_the_file_that_it_cannot_use) {
    const TemporaryFolder folder;
    const auto with = [&](const std::string& file) {
        const NatsOptions options{.credentials_file = file};
        return refusal([&] { make_hello(options, one("host"), {.nonce = "n"}, false); });
    };
    const auto missing = folder.path("missing.creds");
    EXPECT_EQ(with(missing), "the file '" + missing + "' cannot be read: No such file or directory");
    EXPECT_NE(with(folder.path("")).find("cannot be read: Is a directory"), std::string::npos)
        << with(folder.path(""));
    const auto empty = folder.write("empty.creds", "");
    EXPECT_EQ(with(empty), "the file '" + empty + "': it has no block '-----BEGIN NATS USER JWT-----'");
    const auto half =
        folder.write("half.creds", "-----BEGIN NATS USER JWT-----\nx\n------END NATS USER JWT------\n");
    EXPECT_EQ(with(half), "the file '" + half + "': it has no block '-----BEGIN USER NKEY SEED-----'");
}

TEST(NatsAuth, a_jwt_without_its_seed_is_refused) {
    NatsOptions options;
    options.credentials = [] { return NatsCredentials{.jwt = "a.b.c"}; };
    EXPECT_EQ(refusal([&] { make_hello(options, one("host"), {.nonce = "n"}, false); }),
              "a JWT needs the nkey_seed that proves it");
}

TEST(NatsNkey, signs_as_the_standard_says) {
    EXPECT_EQ(nkey_sign(known_seed, "r"),
              "kqAJqfDUyrhyDoILX2QlQKKye1QWUD-Ps3YiI-vbadoIWsHkPhWZbkWPNhPQ8R2MOHsurrQwKu6wDSkWErsMAA")
        << "the message 0x72";
}

TEST(NatsNkey, knows_its_public_key) {
    for (int i = 0; i < 20; ++i) {
        const Nkey user{Nkey::Kind::user};
        EXPECT_EQ(nkey_public_key(user.seed()), user.public_key());
        EXPECT_EQ(user.public_key().front(), 'U');
    }
}

TEST(NatsNkey, refuses_what_is_no_seed_of_a_user_without_showing_it) {
    const Nkey user{Nkey::Kind::user};
    auto mistyped = user.seed();
    mistyped[20] = mistyped[20] == 'A' ? 'B' : 'A';
    auto odd = user.seed();
    odd[20] = '1';
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "does not have the 58 characters"},
        {user.seed().substr(1), "does not have the 58 characters"},
        {user.seed() + "A", "does not have the 58 characters"},
        {mistyped, "checksum"},
        {odd, "base32"},
        {Nkey{Nkey::Kind::account}.seed(), "not that of a user"},
        {user.public_key() + "AA", "the nkey seed"},
    };
    for (const auto& [seed, why] : cases) {
        const auto said = refusal([&] { nkey_sign(seed, "n"); });
        EXPECT_NE(said.find(why), std::string::npos) << said;
        if (!seed.empty()) {
            EXPECT_EQ(said.find(seed), std::string::npos) << said;
        }
    }
}

TEST(NatsCreds, reads_what_tools_write) {
    const auto windows = "-----BEGIN NATS USER JWT-----\r\n  a.b.c \r\n------END NATS USER JWT------\r\n\r\n"
                         "-----BEGIN USER NKEY SEED-----\r\n\r\nSUX\r\n------END USER NKEY SEED------";
    for (const auto& text : {creds_text("a.b.c", "SUX"), std::string{windows}}) {
        const auto creds = parse_creds(text);
        EXPECT_EQ(creds.jwt, "a.b.c");
        EXPECT_EQ(creds.seed, "SUX");
    }
    EXPECT_EQ(parse_nkey_file(creds_text("a.b.c", "SUX")), "SUX");
    EXPECT_EQ(parse_nkey_file("\n  SUX\n"), "SUX");
    EXPECT_NE(refusal([] { parse_nkey_file("UAB\n"); }).find("begins with 'SU'"), std::string::npos);
    EXPECT_NE(refusal([] {
                  parse_creds("-----BEGIN NATS USER JWT-----\n------END NATS USER JWT------\n");
              }).find("JWT"),
              std::string::npos);
}

TEST(NatsCreds, knows_when_a_jwt_expires) {
    const Operator trusted;
    const Nkey user{Nkey::Kind::user};
    EXPECT_FALSE(jwt_expiry(trusted.user_jwt(user)));
    const auto expiry = jwt_expiry(trusted.user_jwt(user, 100));
    ASSERT_TRUE(expiry);
    EXPECT_GT(*expiry, std::chrono::system_clock::now());
    EXPECT_LT(*jwt_expiry(trusted.user_jwt(user, -100)), std::chrono::system_clock::now());
    for (const auto* text : {"", ".", "..", "a.b", "a.!!.c", "a.bm90IGpzb24.c", "a.W10.c",
                             "a.eyJleHAiOiJ4In0.c", "a.eyJleHAiOjk5OTk5OTk5OTk5OTk5OTk5OX0.c"})
        EXPECT_FALSE(jwt_expiry(text)) << text;
}

TEST(NatsSecret, leaves_nothing_behind_in_what_it_gives_back) {
    std::string text = "a secret that is longer than a small string";
    const char* memory = text.data();
    const auto size = text.size();
    wipe(text);
    EXPECT_TRUE(text.empty());
    EXPECT_EQ(std::string_view(memory, size), std::string(size, '\0')); // wipe() keeps the memory

    std::string small = "short";
    Secret secret{std::move(small)};
    EXPECT_EQ(secret.view(), "short");
    EXPECT_EQ(std::string_view(small.data(), 5),
              std::string(5, '\0')); // NOLINT(bugprone-use-after-move): on purpose
    secret.append(" and longer than a small string can be");
    const Secret moved{std::move(secret)};
    EXPECT_EQ(moved.view(), "short and longer than a small string can be");
}
