// SPDX-License-Identifier: MIT
// The first connection: handshakes, and what is wrong with them.
#include "nats_scripted.hpp"

using namespace fluxmq;
using namespace fluxmq::test;
using namespace std::chrono_literals;
using fluxmq::testing::ScriptedPeer;

TEST_F(NatsScripted, works_when_every_byte_comes_alone) {
    run([&]() -> Task<> {
        auto connecting = beside(nats->connect(peer.url()));
        co_await peer.accept();
        co_await peer.send_split(ScriptedPeer::info());
        const auto hello = co_await peer.expect("CONNECT {");
        EXPECT_NE(hello.find("\"headers\":true"), std::string::npos) << hello;
        co_await peer.expect("PING");
        co_await peer.send_split("PONG\r\n");
        EXPECT_FALSE(co_await connecting.end());

        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await subscribe("a.*", inbox);
        co_await peer.send_split(
            "PING\r\nMSG a.b 2 5\r\nhello\r\nHMSG a.c 2 r 18 20\r\nNATS/1.0\r\nK: v\r\n\r\nhi\r\n");
        EXPECT_EQ(co_await next_line(), "PONG");
        co_await inbox->holds(2);
        EXPECT_EQ(inbox->texts(), (std::vector<std::string>{"hello", "hi"}));
        EXPECT_EQ(inbox->last().topic(), "a.c");
        EXPECT_EQ(inbox->last().reply(), "r");
        EXPECT_EQ(inbox->last().headers().get("K"), "v");
    });
}

TEST_F(NatsScripted, says_what_a_server_that_is_not_nats_sent) {
    run([&]() -> Task<> {
        auto connecting = beside(nats->connect(peer.url()));
        co_await peer.accept();
        co_await peer.send("SSH-2.0-OpenSSH_9.2p1 Debian\r\n");
        const auto failure = co_await connecting.end();
        EXPECT_TRUE(failure);
        if (failure) {
            EXPECT_EQ(failure->kind(), errc::protocol_error);
            EXPECT_NE(failure->detail().find("SSH-2.0-OpenSSH_9.2p1 Debian"), std::string::npos)
                << failure->what();
            EXPECT_NE(failure->detail().find(peer.address()), std::string::npos) << failure->what();
        }
        EXPECT_FALSE(nats->connected());
    });
}

TEST_F(NatsScripted, says_what_is_wrong_with_a_handshake) {
    struct Case {
        std::string sent;
        errc kind;
        std::string says;
    };
    const std::vector<Case> cases{
        {"INFO {oops\r\n", errc::protocol_error, "not a JSON object"},
        {"INFO []\r\n", errc::protocol_error, "not a JSON object"},
        {"INFO " + std::string(70'000, 'x'), errc::protocol_error, "too long"},
        {"PING\r\n", errc::protocol_error, "does not begin with INFO"},
        {"MSG a 1 99999999999\r\n", errc::protocol_error, "over the limit"},
        {"-ERR 'maximum connections exceeded'\r\n", errc::connect_failed, "maximum connections exceeded"},
        {ScriptedPeer::info(R"("tls_required":true)") + "-ERR 'in clear'\r\n", errc::protocol_error,
         "more than INFO before TLS"},
        {ScriptedPeer::info() + "-ERR 'Authentication Timeout'\r\n", errc::connect_failed,
         "Authentication Timeout"},
        {ScriptedPeer::info() + "-ERR 'Authorization Violation'\r\n", errc::authorization_failed,
         "Authorization Violation"},
        {ScriptedPeer::info() + "MSG a 1 0\r\n\r\n", errc::protocol_error,
         "does not answer CONNECT with PONG"},
    };
    run([&]() -> Task<> {
        for (const auto& each : cases) {
            auto connecting = beside(nats->connect("nats://me:secret@" + peer.address()));
            co_await peer.accept();
            co_await peer.send(each.sent);
            const auto failure = co_await connecting.end();
            EXPECT_TRUE(failure) << each.sent.substr(0, 40);
            if (!failure)
                continue;
            const std::string what = failure->what();
            EXPECT_EQ(failure->kind(), each.kind) << what;
            EXPECT_NE(what.find(each.says), std::string::npos) << what;
            EXPECT_NE(what.find(peer.address()), std::string::npos) << what;
            EXPECT_EQ(what.find("secret"), std::string::npos) << what;
        }
        EXPECT_TRUE(events.empty()) << events.front();
    });
}

TEST_F(NatsScripted, says_so_when_the_server_hangs_up_in_the_handshake) {
    run([&]() -> Task<> {
        for (const bool after_info : {false, true}) {
            auto connecting = beside(nats->connect(peer.url()));
            co_await peer.accept();
            if (after_info) {
                co_await peer.send(ScriptedPeer::info());
                co_await peer.expect("CONNECT");
                co_await peer.expect("PING");
            }
            peer.hang_up();
            const auto failure = co_await connecting.end();
            EXPECT_TRUE(failure && failure->kind() == errc::connect_failed);
        }
    });
}

TEST_F(NatsScripted, gives_a_silent_server_up_after_the_timeout) {
    run([&]() -> Task<> {
        for (const std::string sent : {"", "INFO {\"server_id\":"}) {
            auto connecting = beside(nats->connect(peer.url()));
            co_await peer.accept();
            co_await peer.send(sent);
            clock->advance_to(clock->now() + 1999ms);
            co_await turn();
            EXPECT_FALSE(connecting.done());
            clock->advance_to(clock->now() + 1ms);
            const auto failure = co_await connecting.end();
            EXPECT_TRUE(failure && failure->kind() == errc::connect_timeout);
            EXPECT_TRUE(failure && failure->retryable());
        }
    });
}

TEST_F(NatsScripted, names_each_server_and_why_it_could_not_be_reached) {
    run([&]() -> Task<> {
        auto first = std::make_unique<ScriptedPeer>(io.get_executor());
        const auto gone = first->address();
        first.reset();
        auto options = with_clock({.servers = {"nats://host.invalid:4222"}});
        replace(options);
        auto failure = co_await failure_of(nats->connect("nats://user:secret@" + gone));
        EXPECT_TRUE(failure);
        if (failure) {
            EXPECT_EQ(failure->kind(), errc::connect_failed);
            EXPECT_NE(failure->detail().find(gone + ": Connection refused"), std::string::npos)
                << failure->what();
            EXPECT_NE(failure->detail().find("host.invalid:4222: Host not found"), std::string::npos)
                << failure->what();
            EXPECT_EQ(std::string{failure->what()}.find("secret"), std::string::npos);
        }
        failure = co_await failure_of(nats->connect("ws://host"));
        EXPECT_TRUE(failure && failure->kind() == errc::invalid_url);
    });
}

TEST_F(NatsScripted, tries_the_next_server_when_the_first_is_gone) {
    run([&]() -> Task<> {
        auto other = std::make_unique<ScriptedPeer>(io.get_executor());
        const auto gone = other->url();
        other.reset();
        auto connecting = beside(nats->connect(gone + "," + peer.url()));
        co_await welcome();
        EXPECT_FALSE(co_await connecting.end());
        EXPECT_EQ(nats->server(), peer.address());
        EXPECT_TRUE(saw("connected: " + peer.address()));
    });
}

TEST_F(NatsScripted, may_try_again_after_a_failed_connect_and_returns_at_once_when_connected) {
    run([&]() -> Task<> {
        auto connecting = beside(nats->connect(peer.url()));
        co_await peer.accept();
        peer.hang_up();
        EXPECT_TRUE(co_await connecting.end());
        co_await connect();
        EXPECT_TRUE(nats->connected());
        EXPECT_FALSE(co_await failure_of(nats->connect(peer.url())));
    });
}

TEST_F(NatsScripted, two_who_connect_share_one_connection) {
    run([&]() -> Task<> {
        auto one = beside(nats->connect(peer.url()));
        auto two = beside(nats->connect(peer.url()));
        co_await welcome();
        EXPECT_FALSE(co_await one.end());
        EXPECT_FALSE(co_await two.end());
        EXPECT_EQ(events.size(), 1u);
    });
}

TEST_F(NatsScripted, no_credentials_are_asked_for_once_the_handle_has_gone) {
    run([&]() -> Task<> {
        int asked = 0;
        NatsOptions options;
        options.credentials = [&] {
            ++asked;
            return NatsCredentials{.user = "me"};
        };
        replace(options);
        auto connecting = beside(nats->connect(peer.url()));
        co_await peer.accept();
        co_await peer.send(ScriptedPeer::info()); // it is in the socket when the handle goes
        nats.reset();
        EXPECT_TRUE(co_await connecting.end());
        EXPECT_EQ(asked, 0);
    });
}

TEST_F(NatsScripted, headers_are_refused_where_the_server_does_not_take_them) {
    run([&]() -> Task<> {
        auto connecting = beside(nats->connect(peer.url()));
        co_await peer.accept();
        co_await peer.send("INFO {\"headers\":false}\r\n");
        EXPECT_NE((co_await peer.expect("CONNECT ")).find("\"headers\":false"), std::string::npos);
        co_await peer.expect("PING");
        co_await peer.send("PONG\r\n");
        EXPECT_FALSE(co_await connecting.end());
        const Headers headers{{"a", "b"}};
        EXPECT_EQ(kind_thrown_by([&] { nats->publish("t", "x", headers); }), errc::invalid_header);
        nats->publish("t", "x");
        EXPECT_EQ(co_await next_line(), "PUB t 1");
    });
}

TEST_F(NatsScripted, nothing_works_before_connect) {
    run([&]() -> Task<> {
        EXPECT_EQ(kind_thrown_by([&] { nats->publish("a", "x"); }), errc::not_connected);
        for (auto operation : {beside(nats->flush()), beside(nats->request("a", "x")),
                               beside(nats->subscribe("a", std::make_shared<Inbox>()))}) {
            const auto failure = co_await operation.end();
            EXPECT_TRUE(failure && failure->kind() == errc::not_connected);
        }
        EXPECT_EQ(nats->max_payload(), std::size_t{1} << 20);
        EXPECT_EQ(nats->counters().rejected, 1u + 0u);
        co_await nats->close();
    });
}
