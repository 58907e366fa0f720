// SPDX-License-Identifier: MIT
#include <fluxmq/error.hpp>
#include <fluxmq/nats.hpp>

#include "../src/nats/url.hpp"

#include <gtest/gtest.h>

using namespace fluxmq;
using namespace fluxmq::nats;

namespace {

Server one(std::string_view url) {
    const auto servers = parse_servers(url);
    EXPECT_EQ(servers.size(), 1u);
    return servers.front();
}

std::string refusal(std::string_view url) {
    try {
        parse_servers(url);
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), errc::invalid_url);
        return error.what();
    }
    return "accepted";
}

} // namespace

TEST(NatsUrl, reads_host_and_port_with_and_without_scheme) {
    EXPECT_EQ(one("nats://localhost:4333").address(), "localhost:4333");
    EXPECT_EQ(one("NATS://localhost").address(), "localhost:4222");
    EXPECT_EQ(one("broker.example.org:1").address(), "broker.example.org:1");
    EXPECT_EQ(one("10.0.0.1").address(), "10.0.0.1:4222");
    EXPECT_EQ(one(" nats://host:65535/ ").address(), "host:65535");
}

TEST(NatsUrl, reads_an_ipv6_address_in_brackets) {
    EXPECT_EQ(one("nats://[::1]:4222").host, "::1");
    EXPECT_EQ(one("nats://[fe80::1%25eth0]").port, 4222);
    EXPECT_EQ(one("[::1]:99").address(), "[::1]:99");
}

TEST(NatsUrl, reads_credentials_and_decodes_them) {
    const auto user = one("nats://me:secret@host");
    EXPECT_EQ(user.user, "me");
    EXPECT_EQ(user.password, "secret");
    EXPECT_EQ(user.token, "");
    const auto token = one("nats://s3cr3t@host:1");
    EXPECT_EQ(token.token, "s3cr3t");
    EXPECT_EQ(token.user, "");
    const auto coded = one("nats://a%40b:p%3A%2f%25@host");
    EXPECT_EQ(coded.user, "a@b");
    EXPECT_EQ(coded.password, "p:/%");
    EXPECT_EQ(one("nats://u:p@ss@host").password, "p@ss");
}

TEST(NatsUrl, tls_is_never_without) {
    EXPECT_TRUE(one("tls://host").tls);
    EXPECT_TRUE(one("TLS://me:x@host:1").tls);
    EXPECT_FALSE(one("nats://host").tls);
    EXPECT_FALSE(one("host").tls);
}

TEST(NatsUrl, reads_a_list) {
    const auto servers = parse_servers("nats://u:p@a:1, b:2 ,nats://[::1]");
    ASSERT_EQ(servers.size(), 3u);
    EXPECT_EQ(servers[0].address(), "a:1");
    EXPECT_EQ(servers[1].address(), "b:2");
    EXPECT_FALSE(servers[1].has_credentials());
    EXPECT_EQ(servers[2].address(), "[::1]:4222");
}

TEST(NatsUrl, says_what_is_wrong) {
    EXPECT_EQ(refusal("http://host"), "invalid url: 'http://host': the scheme 'http' is not supported, "
                                      "nats://host:port and tls://host:port are");
    EXPECT_EQ(refusal(""), "invalid url: an address is empty; nats://host:port is expected");
    for (const auto* url : {"nats://", "nats://host:", "nats://host:0", "nats://host:65536",
                            "nats://host:99999999999", "nats://host:x", "nats://host:-1", "nats://:4222",
                            "a,,b", "a,", "nats://[::1", "nats://::1", "nats://[::1]x", "nats://a b", "a]b",
                            "[[a]", "nats://host/path", "nats://u%4:p@h", "nats://u%zz:p@h"})
        EXPECT_TRUE(refusal(url).starts_with("invalid url: ")) << url << ": " << refusal(url);
}

TEST(NatsUrl, shows_no_credentials_in_what_it_says) {
    for (const auto* url :
         {"nats://me:secret@host:x", "me:secret@", "nats://me:secret@h@st:0", "ws://secret@host",
          "nats://%zz:secret@host", "me:secret://x@host:0", "nats://me:secret,x@host",
          "nats://me:s3cretsecret", "me:secretx:host", "nats://me:x@secret,y@host:0"})
        EXPECT_EQ(refusal(url).find("secret"), std::string::npos) << refusal(url);
}
