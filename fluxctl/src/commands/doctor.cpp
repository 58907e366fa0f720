// SPDX-License-Identifier: MIT
#include <fluxmq/error.hpp>

#include "command.hpp"
#include "connection.hpp"
#include "inbox.hpp"
#include "server_address.hpp"
#include "services.hpp"
#include "terminal.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <fmt/chrono.h>

#include <algorithm>
#include <cstdlib>

namespace fluxctl {

namespace {

using boost::asio::ip::tcp;

// Prints each finding as it comes.
class Findings {
public:
    explicit Findings(bool json) : json_{json} {}

    void ok(std::string_view check, const std::string& what) { tell("ok", Style::green, check, what, {}); }
    void warn(std::string_view check, const std::string& what, const std::string& advice) {
        tell("warn", Style::yellow, check, what, advice);
    }
    /// The last one says how it ends.
    void fail(std::string_view check, const std::string& what, const std::string& advice,
              Exit code = fluxctl::failed) {
        code_ = code;
        tell("FAIL", Style::red, check, what, advice);
    }
    int code() const noexcept { return code_; }

private:
    void tell(const std::string& state, Style style, std::string_view check, const std::string& what,
              const std::string& advice) const {
        if (json_) {
            print_json({{"state", state}, {"check", check}, {"what", what}, {"advice", advice}});
            return;
        }
        print_line(styled(fmt::format("{:<4}", state), style) + fmt::format("  {:<12}  ", check) +
                   one_line(what));
        if (!advice.empty())
            print_line(std::string(20, ' ') + advice);
    }

    bool json_;
    Exit code_ = fluxctl::ok;
};

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

void check_environment(Findings& findings) {
    if (const auto url = environment("NATS_URL"); !url.empty() && url.find("://") == std::string::npos)
        findings.warn("NATS_URL", "it has no nats:// at its beginning, which some programs insist on",
                      "say NATS_URL=nats://HOST:PORT");
    if (const auto id = environment("SERVICE_ID"); !id.empty())
        findings.warn("SERVICE_ID", "every service started here that names no id of its own is '" + id + "'",
                      "unset SERVICE_ID where several services start");
}

void check_localhost(Findings& findings, const ServerAddress& server) {
    if (server.host != "localhost")
        return;
    boost::asio::io_context context;
    tcp::resolver resolver{context};
    boost::system::error_code failed;
    const auto found = resolver.resolve(server.host, server.port, failed);
    if (failed)
        findings.fail("localhost", "it has no address: " + failed.message(),
                      "use 127.0.0.1, or put localhost into /etc/hosts");
    else if (std::all_of(found.begin(), found.end(),
                         [](const auto& entry) { return entry.endpoint().address().is_v6(); }))
        findings.warn("localhost", "it is ::1 only: a server that listens on 127.0.0.1 is not found there",
                      "use 127.0.0.1 in the URL");
}

// Whether an HTTP server listens there; the last thing to look at within the 3 s that a user waits.
bool speaks_http(const ServerAddress& server) {
    tcp::iostream stream;
    stream.expires_after(std::chrono::milliseconds{400});
    stream.connect(server.host, server.port);
    stream << "GET / HTTP/1.0\r\n\r\n" << std::flush;
    std::string line;
    std::getline(stream, line);
    return line.starts_with("HTTP/");
}

std::string advice_for(const fluxmq::Error& error, const ServerAddress& server) {
    switch (error.kind()) {
    case fluxmq::errc::invalid_url: return "say nats://HOST:PORT with --server or in NATS_URL";
    case fluxmq::errc::connect_failed:
        return "start a server there (nats-server), or name another one with --server or in NATS_URL";
    case fluxmq::errc::connect_timeout:
    case fluxmq::errc::protocol_error:
        if (speaks_http(server))
            return "an HTTP server listens there: name the port for NATS clients, 4222 where nobody chose "
                   "another";
        return "is it a NATS server? A firewall or a proxy on the way may be the reason, too";
    case fluxmq::errc::authorization_failed:
        return "put credentials into the URL: nats://USER:PASSWORD@HOST:PORT or nats://TOKEN@HOST:PORT";
    case fluxmq::errc::tls_failed:
        return "tls:// in the URL asks for TLS; the server's certificate must be trusted here";
    default: return "look at the server's log";
    }
}

fluxlib::Task<std::shared_ptr<fluxmq::Nats>> check_broker(Findings& findings, const Context& context) {
    std::optional<fluxmq::Error> failure;
    try {
        auto nats = co_await connect(context);
        const auto info = nats->server_info();
        findings.ok("broker", nats->server() + ", nats-server " + info.version + " '" + info.name + "'");
        co_return nats;
    } catch (const fluxmq::Error& error) {
        failure = error;
    }
    findings.fail("broker", failure->what(), advice_for(*failure, first_server(context.server)),
                  exit_code(*failure));
    co_return nullptr;
}

fluxlib::Task<> check_round_trip(Findings& findings, fluxmq::Transport& transport) {
    auto best = std::chrono::nanoseconds::max();
    for (int i = 0; i < 5; ++i) {
        const auto begin = from_now({});
        co_await transport.flush();
        best = std::min<std::chrono::nanoseconds>(best, from_now({}) - begin);
    }
    const auto what = "to the broker and back in " + format_duration(best);
    if (best < std::chrono::milliseconds{100})
        findings.ok("round trip", what);
    else
        findings.warn("round trip", what, "requests need twice that at least: give them longer timeouts");
}

fluxlib::Task<> check_services(Findings& findings, fluxmq::Transport& transport) {
    std::vector<std::string> subjects{"$SRV.PING"};
    const auto services = co_await ask_services(transport, subjects, default_service_wait);
    if (services.empty())
        findings.warn("services", "none answers $SRV.PING",
                      "start one; Python and Go services do not know this question");
    else
        findings.ok("services", std::to_string(services.answered.size()) + " answer, fluxctl up has heard " +
                                    std::to_string(services.heard.size()) +
                                    " that cannot; fluxctl ls lists them");
}

fluxlib::Task<int> examine(const Context& context) {
    Findings findings{context.json};
    check_environment(findings);
    check_localhost(findings, first_server(context.server));
    findings.ok("clock", fmt::format("{:%Y-%m-%d %H:%M:%S} UTC; compare it with your other machines",
                                     fmt::gmtime(std::time(nullptr))));
    if (const auto nats = co_await check_broker(findings, context)) {
        co_await check_round_trip(findings, *nats);
        findings.ok("max payload",
                    format_bytes(static_cast<double>(nats->max_payload())) + " in one message");
        co_await check_services(findings, *nats);
        co_await nats->close();
    }
    co_return findings.code();
}

} // namespace

void add_doctor(CLI::App& app, Context& context) {
    auto* command =
        app.add_subcommand("doctor", "look for what is wrong with the broker and its surroundings");
    command->footer(
        "Example:\n  fluxctl doctor --server nats://10.0.0.5:4222\n"
        "When a line says FAIL, the exit code is 3 without a broker, 2 for a wrong URL, and else 1.");
    command->callback([&context] { context.command = [&context] { return examine(context); }; });
}

} // namespace fluxctl
