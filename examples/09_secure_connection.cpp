// SPDX-License-Identifier: MIT
// Secure connections: credentials, TLS, what a refusal looks like, and an end at which nothing is lost.
//
//   ./09_secure_connection                                             on servers of its own
//   NATS_URL=tls://host NATS_FOLDER=/etc/nats ./09_secure_connection   on yours, with the files named below
#include <fluxlib/queue.hpp>
#include <fluxlib/task.hpp>
#include <fluxmq/nats.hpp>
#include <fluxmq/testing/nats_server.hpp>

#include <cstdlib>
#include <iostream>

// Everything that may be renewed lies in files, which are read anew at each connection.
fluxmq::NatsOptions secured(const std::string& folder) {
    fluxmq::NatsOptions options;
    options.tls.ca_file = folder + "/ca.pem";              // empty: the authorities that the system trusts
    options.tls.certificate_file = folder + "/client.pem"; // for servers that want to know their clients
    options.tls.key_file = folder + "/client.key";
    options.credentials_file = folder + "/service.creds"; // a JWT and its key; nkey_seed_file: a key alone
    return options;
}

fluxlib::Task<> try_out(std::string url, fluxmq::NatsOptions options) {
    const auto transport = std::make_shared<fluxmq::Nats>(options);
    try {
        co_await transport->connect(url);
        std::cout << "connected to " << transport->server() << '\n';
        co_await transport->close();
    } catch (const fluxmq::Error& error) {
        std::cout << "refused: " << error.what() << (error.retryable() ? " (may be tried again)" : "")
                  << '\n';
    }
}

// A server that knows one user, and none of the TLS that is asked of it.
fluxlib::Task<> be_refused() {
    fluxmq::testing::NatsServerOptions server_options;
    server_options.arguments = {"--user", "me", "--pass", "s3cret"};
    const fluxmq::testing::NatsServer server{server_options};
    fluxmq::NatsOptions options;
    options.user = "me";
    options.password = "a guess";
    co_await try_out(server.url(), options);
    options.credentials = [] { // asked before each connection: for what comes from a vault
        return fluxmq::NatsCredentials{.user = "me", .password = "s3cret"};
    };
    co_await try_out(server.url(), options);
    co_await try_out("tls://" + server.address(), options); // never without
}

// Nothing new is taken, what is there is finished, what was published is sent, and then the connection closes.
fluxlib::Task<> drain() {
    const fluxmq::testing::NatsServer server;
    const auto transport = std::make_shared<fluxmq::Nats>();
    co_await transport->connect(server.url());
    fluxlib::Queue queue{{.messages = 100}};
    const auto subscription = co_await transport->subscribe("work", queue.inlet());
    for (int i = 0; i < 3; ++i)
        transport->publish("work", std::to_string(i));
    co_await transport->flush();
    const auto report = co_await transport->drain(std::chrono::milliseconds{100}); // nobody reads the queue
    for (const auto& [topic, messages] : report.left)
        std::cout << "left behind: " << messages << " of " << topic << '\n';
}

fluxlib::Task<> app() {
    const char* url = std::getenv("NATS_URL");
    const char* folder = std::getenv("NATS_FOLDER");
    if (url && folder) {
        co_await try_out(url, secured(folder));
        co_return;
    }
    co_await be_refused();
    co_await drain();
}

int main() { return fluxlib::run(app()); }
