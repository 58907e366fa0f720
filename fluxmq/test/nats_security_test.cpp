// SPDX-License-Identifier: MIT
// Each way to secure a connection, accepted and refused by real servers.
#include <fluxmq/nats.hpp>
#include <fluxmq/testing/nats_server.hpp>

#include "certificates.hpp"
#include "identities.hpp"
#include "nats_support.hpp"
#include "tls_front.hpp"

#include <gtest/gtest.h>

using namespace fluxmq;
using namespace fluxmq::test;
using namespace std::chrono_literals;
using fluxmq::testing::NatsServer;

namespace {

// What came of a connection: one message there and back, or the error.
struct Outcome {
    std::optional<Error> failure;
    bool echoed = false;
    std::vector<ConnectionEvent> events;

    bool saw(ConnectionState state) const {
        return std::any_of(events.begin(), events.end(),
                           [&](const auto& event) { return event.state == state; });
    }
};

Outcome try_out(const std::string& url, NatsOptions options) {
    Outcome outcome;
    run([&]() -> Task<> {
        Nats nats{options};
        nats.on_event([&](const ConnectionEvent& event) { outcome.events.push_back(event); });
        outcome.failure = co_await failure_of(nats.connect(url));
        if (outcome.failure)
            co_return;
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await nats.subscribe("echo", inbox);
        nats.publish("echo", "hello");
        co_await inbox->holds(1);
        outcome.echoed = inbox->last().text() == "hello";
        co_await nats.close();
    });
    return outcome;
}

void expect_accepted(const Outcome& outcome) {
    EXPECT_FALSE(outcome.failure) << outcome.failure->what();
    EXPECT_TRUE(outcome.echoed);
}

void expect_refused(const Outcome& outcome, errc kind, std::string_view says) {
    ASSERT_TRUE(outcome.failure);
    const std::string what = outcome.failure->what();
    EXPECT_EQ(outcome.failure->kind(), kind) << what;
    EXPECT_FALSE(outcome.failure->retryable()) << what;
    EXPECT_NE(what.find(says), std::string::npos) << what;
}

// Servers with certificates of our own authority.
class NatsTls : public ::testing::Test {
protected:
    static fluxmq::testing::NatsServerOptions with(const CertificateFiles& files,
                                                   const std::string& more = {}) {
        return {.config = "tls { cert_file: \"" + files.certificate + "\", key_file: \"" + files.key +
                          "\", " + more + " timeout: 10 }"};
    }
    NatsOptions trusting() const { return {.tls = {.ca_file = authority.certificate()}}; }
    static std::string tls(const NatsServer& server) { return "tls://" + server.address(); }

    const TemporaryFolder folder;
    const Authority authority{folder};
    const CertificateFiles good = authority.issue({.file = "good", .names = "DNS:localhost,IP:127.0.0.1"});
};

} // namespace

TEST_F(NatsTls, a_server_with_a_trusted_certificate_is_accepted_by_address_and_by_name) {
    const NatsServer server{with(good)};
    expect_accepted(try_out(tls(server), trusting()));
    expect_accepted(try_out("tls://localhost:" + std::to_string(server.port()), trusting()));
    expect_accepted(try_out(server.url(), trusting())); // the server demands it
}

TEST_F(NatsTls, a_server_of_an_unknown_authority_is_refused) {
    const NatsServer server{with(good)};
    const Authority other{folder, "other"};
    expect_refused(try_out(tls(server), {}), errc::tls_failed, "the server's certificate is not accepted");
    expect_refused(try_out(tls(server), {.tls = {.ca_file = other.certificate()}}), errc::tls_failed,
                   "the server's certificate is not accepted");
}

TEST_F(NatsTls, a_certificate_for_another_name_is_refused_unless_that_name_is_expected) {
    const NatsServer server{with(authority.issue({.file = "named", .names = "DNS:nats.example"}))};
    expect_refused(try_out(tls(server), trusting()), errc::tls_failed, "is not for '127.0.0.1'");
    expect_refused(try_out("tls://localhost:" + std::to_string(server.port()), trusting()), errc::tls_failed,
                   "is not for 'localhost'");
    auto options = trusting();
    options.tls.server_name = "nats.example";
    expect_accepted(try_out(tls(server), options));
}

TEST_F(NatsTls, an_expired_certificate_is_refused) {
    const NatsServer server{with(authority.issue({.file = "old", .names = "IP:127.0.0.1", .expired = true}))};
    expect_refused(try_out(tls(server), trusting()), errc::tls_failed, "certificate has expired");
}

TEST_F(NatsTls, skipping_the_check_accepts_anything_and_says_so_loudly) {
    const NatsServer server{
        with(authority.issue({.file = "bad", .names = "DNS:nats.example", .expired = true}))};
    const auto outcome = try_out(tls(server), {.tls = {.insecure_skip_verify = true}});
    expect_accepted(outcome);
    EXPECT_TRUE(outcome.saw(ConnectionState::insecure));
    ::testing::internal::CaptureStderr();
    run([&]() -> Task<> {
        NatsOptions options;
        options.tls.insecure_skip_verify = true;
        Nats nats{options};
        co_await nats.connect(tls(server));
        co_await nats.close();
    });
    EXPECT_NE(::testing::internal::GetCapturedStderr().find("WARNING: " + server.address()),
              std::string::npos);
}

TEST_F(NatsTls, a_secure_connection_is_not_called_insecure) {
    const NatsServer server{with(good)};
    EXPECT_FALSE(try_out(tls(server), trusting()).saw(ConnectionState::insecure));
}

TEST_F(NatsTls, a_client_certificate_is_accepted_and_its_absence_refused) {
    const NatsServer server{with(good, "ca_file: \"" + authority.certificate() + "\", verify: true,")};
    const auto client = authority.issue({.file = "client"});
    auto options = trusting();
    expect_refused(try_out(tls(server), options), errc::tls_failed, "certificate");
    options.tls.certificate_file = client.certificate;
    options.tls.key_file = client.key;
    expect_accepted(try_out(tls(server), options));
    const Authority other{folder, "other"};
    const auto stranger = other.issue({.file = "stranger"});
    options.tls.certificate_file = stranger.certificate;
    options.tls.key_file = stranger.key;
    expect_refused(try_out(tls(server), options), errc::tls_failed, server.address());
    const auto old = authority.issue({.file = "old-client", .expired = true});
    options.tls.certificate_file = old.certificate;
    options.tls.key_file = old.key;
    expect_refused(try_out(tls(server), options), errc::tls_failed, server.address());
}

TEST_F(NatsTls, files_that_cannot_be_used_are_named) {
    const NatsServer server{with(good)};
    const auto junk = folder.write("junk.pem", "not a certificate");
    const auto locked = authority.issue({.file = "locked", .encrypted_key = true});
    const auto refused = [&](const TlsOptions& tls_options, const std::string& says) {
        NatsOptions options;
        options.tls = tls_options;
        expect_refused(try_out(tls(server), options), errc::tls_failed, says);
    };
    const auto& ca = authority.certificate();
    refused({.ca_file = folder.path("gone.pem")},
            "the CA file '" + folder.path("gone.pem") + "' cannot be used");
    refused({.ca_file = junk}, "the CA file '" + junk + "' cannot be used");
    refused({.ca_file = ca, .certificate_file = junk, .key_file = good.key},
            "the certificate file '" + junk + "'");
    refused({.ca_file = ca, .certificate_file = good.certificate, .key_file = junk},
            "the key file '" + junk + "'");
    refused({.ca_file = ca, .certificate_file = locked.certificate, .key_file = locked.key},
            "the key file '" + locked.key + "'");
    refused({.ca_file = ca, .certificate_file = good.certificate, .key_file = locked.key}, "the key file");
    refused({.ca_file = ca, .certificate_file = good.certificate}, "certificate_file and key_file");
}

TEST_F(NatsTls, a_server_without_tls_is_refused_where_it_is_wanted) {
    const NatsServer server;
    expect_refused(try_out(tls(server), trusting()), errc::tls_failed, "does not offer TLS");
    auto options = trusting();
    options.tls.required = true;
    expect_refused(try_out(server.url(), options), errc::tls_failed, "does not offer TLS");
    // Whoever says whom to trust wants TLS, whatever the address says.
    expect_refused(try_out(server.url(), trusting()), errc::tls_failed, "does not offer TLS");
}

TEST_F(NatsTls, tls_may_come_first) {
    const NatsServer server;
    const TlsFront front{good.certificate, good.key, server.port()};
    auto options = trusting();
    options.tls.handshake_first = true;
    expect_accepted(try_out("tls://" + front.address(), options));
    expect_refused(try_out(server.url(), options), errc::tls_failed, "the TLS handshake failed");
    options.tls.ca_file.clear();
    expect_refused(try_out("tls://" + front.address(), options), errc::tls_failed, "is not accepted");
}

TEST_F(NatsTls, carries_large_payloads_both_ways_and_survives_a_restart) {
    NatsServer server{with(good)};
    run([&]() -> Task<> {
        auto options = trusting();
        options.reconnect_time_wait = 100ms;
        Nats nats{options};
        co_await nats.connect(tls(server));
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await nats.subscribe("big", inbox);
        std::string payload(std::size_t{1} << 20, '\0');
        for (std::size_t i = 0; i < payload.size(); ++i)
            payload[i] = static_cast<char>(i * 31 % 251);
        for (int i = 0; i < 8; ++i)
            nats.publish("big", payload);
        co_await inbox->holds(8);
        for (const auto& message : inbox->messages())
            EXPECT_EQ(message.text(), payload);
        server.restart();
        co_await until([&] { return nats.counters().reconnects == 1 && nats.connected(); }, "a reconnect");
        nats.publish("big", "again");
        co_await inbox->holds(9);
        co_await nats.close();
    });
}

TEST(NatsNkeyLogin, a_known_key_is_accepted_and_others_are_refused) {
    const TemporaryFolder folder;
    const Nkey known{Nkey::Kind::user};
    const Nkey stranger{Nkey::Kind::user};
    const NatsServer server{{.config = "authorization { users: [ { nkey: " + known.public_key() + " } ] }"}};
    expect_accepted(try_out(server.url(), {.nkey_seed_file = folder.write("known.nk", known.seed())}));
    NatsOptions asked;
    asked.credentials = [&] { return NatsCredentials{.nkey_seed = known.seed()}; };
    expect_accepted(try_out(server.url(), asked));
    expect_refused(try_out(server.url(), {.nkey_seed_file = folder.write("other.nk", stranger.seed())}),
                   errc::authorization_failed, "Authorization Violation");
    expect_refused(try_out(server.url(), {}), errc::authorization_failed, "Authorization Violation");
    expect_refused(try_out(server.url(), {.nkey_seed_file = folder.path("gone.nk")}),
                   errc::authorization_failed, folder.path("gone.nk"));
}

TEST(NatsJwtLogin, a_users_jwt_is_accepted_and_a_strangers_refused) {
    const TemporaryFolder folder;
    const Operator trusted;
    const Operator unknown;
    const Nkey user{Nkey::Kind::user};
    const Nkey thief{Nkey::Kind::user};
    const NatsServer server{{.config = trusted.server_config()}};
    const auto with = [&](const std::string& jwt, const Nkey& key) {
        return try_out(server.url(),
                       {.credentials_file = folder.write("user.creds", creds_text(jwt, key.seed()))});
    };
    expect_accepted(with(trusted.user_jwt(user), user));
    expect_accepted(with(trusted.user_jwt(user, 3600), user));
    expect_refused(with(unknown.user_jwt(user), user), errc::authorization_failed, "Authorization Violation");
    expect_refused(with(trusted.user_jwt(user), thief), errc::authorization_failed,
                   "Authorization Violation");
    expect_refused(try_out(server.url(), {}), errc::authorization_failed, "Authorization Violation");
}

TEST(NatsJwtLogin, an_expired_jwt_is_refused_with_the_time_of_its_end) {
    const TemporaryFolder folder;
    const Operator trusted;
    const Nkey user{Nkey::Kind::user};
    const NatsServer server{{.config = trusted.server_config()}};
    const auto file = folder.write("user.creds", creds_text(trusted.user_jwt(user, -5), user.seed()));
    expect_refused(try_out(server.url(), {.credentials_file = file}), errc::authorization_failed,
                   "the JWT expired at 20");
}

TEST(NatsJwtLogin, a_jwt_that_expires_and_is_not_renewed_ends_the_connection_for_good) {
    const TemporaryFolder folder;
    const Operator trusted;
    const Nkey user{Nkey::Kind::user};
    const NatsServer server{{.config = trusted.server_config()}};
    const auto file = folder.write("user.creds", creds_text(trusted.user_jwt(user, 1), user.seed()));
    std::string reason;
    run([&]() -> Task<> {
        NatsOptions options;
        options.credentials_file = file;
        options.reconnect_time_wait = 50ms;
        Nats nats{options};
        nats.on_event([&](const ConnectionEvent& event) {
            if (event.state == ConnectionState::closed)
                reason = event.detail;
        });
        co_await nats.connect(server.url());
        co_await until([&] { return !reason.empty(); }, "the end");
        const auto failure = co_await failure_of(nats.flush());
        EXPECT_TRUE(failure && failure->kind() == errc::closed && !failure->retryable());
        if (failure) {
            EXPECT_NE(std::string{failure->what()}.find("refused"), std::string::npos) << failure->what();
        }
    });
    EXPECT_NE(reason.find("the credentials were refused twice"), std::string::npos) << reason;
    EXPECT_NE(reason.find("the JWT expired at 20"), std::string::npos) << reason;
}

TEST(NatsJwtLogin, a_jwt_that_is_renewed_in_its_file_goes_on) {
    const TemporaryFolder folder;
    const Operator trusted;
    const Nkey user{Nkey::Kind::user};
    const NatsServer server{{.config = trusted.server_config()}};
    const auto file = folder.write("user.creds", creds_text(trusted.user_jwt(user, 1), user.seed()));
    run([&]() -> Task<> {
        NatsOptions options;
        options.credentials_file = file;
        options.reconnect_time_wait = 50ms;
        Nats nats{options};
        std::string lost;
        nats.on_event([&](const ConnectionEvent& event) {
            if (event.state == ConnectionState::disconnected)
                lost = event.detail;
        });
        co_await nats.connect(server.url());
        folder.write("user.creds", creds_text(trusted.user_jwt(user, 3600), user.seed()));
        co_await until([&] { return nats.counters().reconnects == 1; }, "a reconnect");
        EXPECT_EQ(lost, "the server says: User Authentication Expired");
        co_await nats.flush();
        co_await nats.close();
    });
}

TEST(NatsLogin, a_password_is_asked_for_anew_at_each_connection) {
    NatsServer server{{.arguments = {"--user", "me", "--pass", "s3cret"}}};
    run([&]() -> Task<> {
        NatsOptions options;
        int asked = 0;
        options.credentials = [&] {
            ++asked;
            return NatsCredentials{.user = "me", .password = "s3cret"};
        };
        options.reconnect_time_wait = 50ms;
        Nats nats{options};
        co_await nats.connect(server.url());
        server.restart();
        co_await until([&] { return nats.counters().reconnects == 1; }, "a reconnect");
        EXPECT_GE(asked, 2);
        co_await nats.close();
    });
}
