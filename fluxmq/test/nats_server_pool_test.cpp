// SPDX-License-Identifier: MIT
#include "../src/nats/server_pool.hpp"

#include <gtest/gtest.h>

#include <set>

using namespace fluxmq::nats;

namespace {

std::vector<std::string> round(ServerPool& pool) {
    std::vector<std::string> addresses;
    for (auto left = pool.size(); left > 0; --left)
        addresses.push_back(pool.next().address());
    return addresses;
}

using Addresses = std::vector<std::string>;

} // namespace

TEST(NatsServerPool, takes_each_server_in_turn_for_ever) {
    ServerPool pool{parse_servers("a,b,c")};
    EXPECT_EQ(round(pool), (Addresses{"a:4222", "b:4222", "c:4222"}));
    EXPECT_EQ(pool.next().address(), "a:4222");
    EXPECT_EQ(round(pool), (Addresses{"b:4222", "c:4222", "a:4222"}));
}

TEST(NatsServerPool, has_each_server_once) {
    ServerPool pool{parse_servers("a,nats://u:p@a:4222,b")};
    EXPECT_EQ(round(pool), (Addresses{"a:4222", "b:4222"}));
}

TEST(NatsServerPool, a_random_order_has_all_servers_and_may_end_with_the_last_one) {
    std::minstd_rand random{1};
    ServerPool pool{parse_servers("a,b,c,d,e")};
    std::set<Addresses> orders;
    for (int i = 0; i < 200; ++i) {
        const auto last = parse_servers("c").at(0);
        pool.shuffle(random, &last);
        const auto order = round(pool);
        EXPECT_EQ(std::set(order.begin(), order.end()).size(), 5u);
        EXPECT_EQ(order.back(), "c:4222");
        orders.insert(order);
    }
    EXPECT_EQ(orders.size(), 24u) << "all orders of the other four";
}

TEST(NatsServerPool, takes_in_what_a_cluster_tells_with_tls_and_credentials_of_the_teller) {
    ServerPool pool{parse_servers("tls://u:p@a.example")};
    const auto teller = pool.next();
    EXPECT_TRUE(
        pool.discovered({"10.0.0.1:1", "b.example:2", "[::1]:3", "no port:x", "a.example:4222"}, teller));
    EXPECT_EQ(pool.size(), 4u);
    const auto address = pool.next();
    EXPECT_EQ(address.address(), "10.0.0.1:1");
    EXPECT_EQ(address.user, "u");
    EXPECT_EQ(address.password, "p");
    EXPECT_TRUE(address.tls);
    EXPECT_EQ(address.tls_name, "a.example") << "a certificate is for a name";
    EXPECT_EQ(pool.next().tls_name, "") << "it has a name of its own";
    EXPECT_EQ(pool.next().tls_name, "a.example");
    EXPECT_FALSE(pool.discovered({"10.0.0.1:1", "b.example:2", "[::1]:3"}, teller)) << "nothing new";
}

TEST(NatsServerPool, forgets_what_the_cluster_does_not_tell_any_more_but_never_what_was_given) {
    ServerPool pool{parse_servers("a,b")};
    const auto teller = pool.next();
    pool.discovered({"c:1", "d:1"}, teller);
    pool.discovered({"d:1", "e:1"}, teller);
    EXPECT_EQ(round(pool), (Addresses{"b:4222", "d:1", "e:1", "a:4222"}));
    pool.discovered({}, teller); // a server that tells nothing
    EXPECT_EQ(pool.size(), 4u);
    const auto discovered = parse_servers("d:1").at(0);
    pool.discovered({"f:1"}, discovered);
    EXPECT_EQ(round(pool), (Addresses{"b:4222", "d:1", "f:1", "a:4222"})) << "the present server stays";
}

TEST(NatsServerPool, what_was_secure_once_stays_so_and_so_does_what_it_tells_of) {
    ServerPool pool{parse_servers("a.example")};
    const auto a = pool.next();
    pool.accepted(a, true); // the server demanded it
    pool.discovered({"b.example:1"}, a);
    EXPECT_TRUE(pool.next().tls);
    EXPECT_TRUE(pool.next().tls);
}

TEST(NatsServerPool, removing_a_server_keeps_the_turn) {
    ServerPool pool{parse_servers("a,b,c")};
    const auto a = pool.next();
    pool.refused(a);
    pool.refused(a);
    EXPECT_EQ(round(pool), (Addresses{"b:4222", "c:4222"}));
}

TEST(NatsServerPool, a_server_that_refuses_twice_in_a_row_is_taken_out) {
    ServerPool pool{parse_servers("a")};
    const auto a = pool.next();
    pool.refused(a);
    pool.accepted(a, false);
    pool.refused(a);
    EXPECT_FALSE(pool.empty());
    pool.refused(a);
    EXPECT_TRUE(pool.empty());
}
