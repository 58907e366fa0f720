// SPDX-License-Identifier: MIT
#include "command.hpp"
#include "connection.hpp"

#include <iostream>
#include <iterator>

namespace fluxctl {

namespace {

struct Pub {
    std::string topic;
    std::string payload;
    std::vector<std::string> headers;
    int count = 1;
};

fluxmq::Headers headers_of(const std::vector<std::string>& lines) {
    fluxmq::Headers headers;
    for (const auto& line : lines) {
        const auto colon = line.find(':');
        if (colon == std::string::npos)
            throw CLI::ValidationError("--header", "'" + line + "' has no colon: say NAME:VALUE");
        const auto value = line.find_first_not_of(' ', colon + 1);
        headers.add(line.substr(0, colon), value == std::string::npos ? "" : line.substr(value));
    }
    return headers;
}

fluxlib::Task<int> publish(const Context& context, const Pub& pub, const fluxmq::Headers& headers) {
    const auto transport = co_await connect(context);
    for (int i = 0; i < pub.count; ++i)
        transport->publish(pub.topic, pub.payload, headers);
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
    command->add_option("-H,--header", pub->headers, "NAME:VALUE; may be given several times");
    command->add_option("-n,--count", pub->count, "how often")->check(CLI::PositiveNumber);
    command->callback([pub, &context] {
        const auto headers = headers_of(pub->headers);
        if (pub->payload.empty() || pub->payload == "-")
            pub->payload.assign(std::istreambuf_iterator<char>{std::cin}, {});
        context.command = [pub, headers, &context] { return publish(context, *pub, headers); };
    });
}

} // namespace fluxctl
