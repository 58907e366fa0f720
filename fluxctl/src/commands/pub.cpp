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
    std::uint64_t count = 1;
};

fluxlib::Task<int> publish(const Context& context, const Pub& pub, const fluxmq::Headers& headers) {
    const auto transport = co_await connect(context); // first: a missing broker is told before anyone types
    const auto payload = co_await payload_of(pub.payload);
    for (std::uint64_t i = 0; i < pub.count; ++i)
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
    add_payload(*command, pub->payload);
    add_headers(*command, pub->headers);
    add_number(*command, "-n,--count", pub->count, 1, "how often");
    command->footer("Example:\n  fluxctl pub plant.valve '{\"open\": true}' -H trace:7");
    command->callback([pub, &context] {
        const auto headers = headers_of(pub->headers);
        context.command = [pub, headers, &context] { return publish(context, *pub, headers); };
    });
}

} // namespace fluxctl
