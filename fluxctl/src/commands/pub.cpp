// SPDX-License-Identifier: MIT
#include "arguments.hpp"
#include "command.hpp"
#include "connection.hpp"

namespace fluxctl {

namespace {

struct Pub {
    std::string topic;
    std::string payload;
    std::vector<std::string> headers;
    int count = 1;
};

fluxlib::Task<int> publish(const Context& context, const Pub& pub, const fluxmq::Headers& headers) {
    const auto payload = payload_of(pub.payload);
    const auto transport = co_await connect(context);
    for (int i = 0; i < pub.count; ++i)
        transport->publish(pub.topic, payload, headers);
    co_await transport->flush();
    co_await transport->close();
    co_return ok;
}

} // namespace

void add_pub(CLI::App& app, Context& context) {
    const auto pub = std::make_shared<Pub>();
    auto* command = app.add_subcommand("pub", "publish a message");
    command->add_option("topic", pub->topic, "where to")->required();
    command->add_option("payload", pub->payload, "what; - or nothing reads standard input");
    add_headers(*command, pub->headers);
    command->add_option("-n,--count", pub->count, "how often")->check(CLI::PositiveNumber);
    command->footer("Example:\n  fluxctl pub plant.valve '{\"open\": true}' -H trace:7");
    command->callback([pub, &context] {
        const auto headers = headers_of(pub->headers);
        context.command = [pub, headers, &context] { return publish(context, *pub, headers); };
    });
}

} // namespace fluxctl
