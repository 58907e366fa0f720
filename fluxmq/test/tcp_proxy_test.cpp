// SPDX-License-Identifier: MIT
#include <fluxmq/testing/tcp_proxy.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using fluxmq::testing::TcpProxy;
using Ending = TcpProxy::Ending;
using Split = TcpProxy::Split;
using Way = TcpProxy::Way;

namespace {

std::string noise(std::size_t size) {
    std::mt19937 random{7};
    std::string bytes(size, '\0');
    for (auto& byte : bytes)
        byte = static_cast<char>(random());
    return bytes;
}

// A connection through a proxy, with both of its ends in the test.
class TcpProxyTest : public ::testing::Test {
protected:
    TcpProxyTest() { connect(); }

    void connect() {
        client = tcp::socket{io};
        client.connect({asio::ip::address_v4::loopback(), proxy.port()});
        server = acceptor.accept();
    }

    tcp::socket& source(Way way) { return way == Way::to_server ? client : server; }
    tcp::socket& target(Way way) { return way == Way::to_server ? server : client; }

    void send(Way way, const std::string& bytes) { asio::write(source(way), asio::buffer(bytes)); }

    std::string receive(Way way, std::size_t size) {
        std::string bytes(size, '\0');
        asio::read(target(way), asio::buffer(bytes));
        return bytes;
    }

    // What ends the reading there; nothing may come before it.
    error_code end(Way way) {
        char byte = 0;
        error_code ended;
        EXPECT_EQ(target(way).read_some(asio::buffer(&byte, 1), ended), 0u);
        return ended;
    }

    asio::io_context io;
    tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
    TcpProxy proxy{"localhost", acceptor.local_endpoint().port()};
    tcp::socket client{io};
    tcp::socket server{io};
};

} // namespace

TEST_F(TcpProxyTest, forwards_every_byte_in_order_both_ways_however_it_splits) {
    const auto bytes = noise(100'000);
    for (const auto split : {Split::none, Split::every_byte, Split::random}) {
        proxy.split(split);
        const auto before = proxy.counters();
        for (const auto way : {Way::to_server, Way::to_client}) {
            std::thread sender{[&] { send(way, bytes); }};
            EXPECT_TRUE(receive(way, bytes.size()) == bytes);
            sender.join();
        }
        const auto after = proxy.counters();
        EXPECT_EQ(after.bytes - before.bytes, 2 * bytes.size());
        const auto writes = after.writes - before.writes;
        if (split == Split::every_byte) {
            EXPECT_EQ(writes, 2 * bytes.size());
        }
        if (split == Split::random) {
            EXPECT_GE(writes, 2 * bytes.size() / 32);
            EXPECT_LT(writes, 2 * bytes.size() / 8);
        }
        if (split == Split::none) {
            EXPECT_LT(writes, bytes.size() / 32);
        }
    }
    EXPECT_EQ(proxy.counters().connections, 1u);
}

TEST_F(TcpProxyTest, cuts_by_reset) {
    proxy.cut(Ending::reset);
    EXPECT_EQ(end(Way::to_client), asio::error::connection_reset);
    EXPECT_EQ(end(Way::to_server), asio::error::connection_reset);
    EXPECT_EQ(proxy.counters().open, 0u);
    connect();
    send(Way::to_server, "again");
    EXPECT_EQ(receive(Way::to_server, 5), "again");
}

TEST_F(TcpProxyTest, cuts_by_end_of_stream_behind_what_was_forwarded) {
    send(Way::to_client, "last words");
    EXPECT_EQ(receive(Way::to_client, 10), "last words");
    proxy.cut(Ending::fin);
    EXPECT_EQ(end(Way::to_client), asio::error::eof);
    EXPECT_EQ(end(Way::to_server), asio::error::eof);
    EXPECT_EQ(proxy.counters().open, 0u);
}

TEST_F(TcpProxyTest, stalls_one_way_with_bounded_buffers_and_resumes_without_loss) {
    for (const auto way : {Way::to_server, Way::to_client}) {
        const auto other = way == Way::to_server ? Way::to_client : Way::to_server;
        proxy.stall(way);
        const auto before = proxy.counters().bytes;
        source(way).non_blocking(true);
        const auto part = noise(1'000'000);
        std::string sent;
        error_code full;
        while (!full) { // until neither the kernel nor the proxy takes more
            const auto count = source(way).write_some(asio::buffer(part), full);
            sent += part.substr(0, count);
        }
        EXPECT_EQ(full, asio::error::would_block);
        source(way).non_blocking(false);
        send(other, "meanwhile");
        EXPECT_EQ(receive(other, 9), "meanwhile");
        EXPECT_EQ(proxy.counters().bytes - before, 9u);
        proxy.resume(way);
        EXPECT_TRUE(receive(way, sent.size()) == sent);
    }
}

TEST_F(TcpProxyTest, a_stall_holds_for_new_connections_and_hides_ends) {
    proxy.stall(Way::to_server);
    send(Way::to_server, "x");
    client.close();
    tcp::socket first = std::move(server);
    connect();
    send(Way::to_server, "y");
    for (auto* socket : {&first, &server}) {
        socket->non_blocking(true);
        char byte = 0;
        error_code nothing;
        socket->read_some(asio::buffer(&byte, 1), nothing);
        EXPECT_EQ(nothing, asio::error::would_block);
        socket->non_blocking(false);
    }
    proxy.resume(Way::to_server);
    EXPECT_EQ(receive(Way::to_server, 1), "y");
    std::swap(first, server);
    EXPECT_EQ(receive(Way::to_server, 1), "x");
    EXPECT_EQ(end(Way::to_server), asio::error::eof);
}

TEST_F(TcpProxyTest, half_closes_one_way_while_the_other_goes_on) {
    for (const auto way : {Way::to_server, Way::to_client}) {
        const auto other = way == Way::to_server ? Way::to_client : Way::to_server;
        connect();
        send(way, "before");
        EXPECT_EQ(receive(way, 6), "before");
        proxy.half_close(way);
        EXPECT_EQ(end(way), asio::error::eof);
        send(way, noise(500'000)); // is thrown away, and does not block its sender
        send(other, "still there");
        EXPECT_EQ(receive(other, 11), "still there");
    }
}

TEST_F(TcpProxyTest, refuses_new_connections_and_keeps_the_present_ones_and_its_port) {
    const auto port = proxy.port();
    proxy.refuse_connections();
    tcp::socket refused{io};
    error_code failed;
    refused.connect({asio::ip::address_v4::loopback(), port}, failed);
    EXPECT_EQ(failed, asio::error::connection_refused);
    send(Way::to_server, "present");
    EXPECT_EQ(receive(Way::to_server, 7), "present");
    proxy.accept_connections();
    EXPECT_EQ(proxy.port(), port);
    connect();
    send(Way::to_client, "new");
    EXPECT_EQ(receive(Way::to_client, 3), "new");
}

TEST_F(TcpProxyTest, passes_an_end_of_stream_on) {
    send(Way::to_server, "request");
    client.shutdown(tcp::socket::shutdown_send);
    EXPECT_EQ(receive(Way::to_server, 7), "request");
    EXPECT_EQ(end(Way::to_server), asio::error::eof);
    send(Way::to_client, "answer");
    server.close();
    EXPECT_EQ(receive(Way::to_client, 6), "answer");
    EXPECT_EQ(end(Way::to_client), asio::error::eof);
}

TEST_F(TcpProxyTest, passes_a_reset_on) {
    server.set_option(tcp::socket::linger{true, 0});
    server.close();
    EXPECT_EQ(end(Way::to_client), asio::error::connection_reset);
}

TEST_F(TcpProxyTest, resets_a_client_whose_server_is_not_there) {
    acceptor.close();
    client = tcp::socket{io};
    client.connect({asio::ip::address_v4::loopback(), proxy.port()});
    EXPECT_EQ(end(Way::to_client), asio::error::connection_reset);
}

TEST_F(TcpProxyTest, takes_commands_from_many_threads) {
    const auto bytes = noise(100'000);
    std::atomic<bool> stop{false};
    std::thread receiver{[&] { EXPECT_TRUE(receive(Way::to_server, bytes.size()) == bytes); }};
    std::vector<std::thread> hands;
    for (const auto split : {Split::every_byte, Split::random})
        hands.emplace_back([&, split] {
            while (!stop) {
                proxy.stall(Way::to_server);
                proxy.split(split);
                proxy.resume(Way::to_server);
            }
        });
    send(Way::to_server, bytes);
    receiver.join();
    stop = true;
    for (auto& hand : hands)
        hand.join();
}
