// SPDX-License-Identifier: MIT
#include "arguments.hpp"
#include "command.hpp"
#include "connection.hpp"
#include "terminal.hpp"

namespace fluxctl {

namespace {

struct Request {
    std::string topic;
    std::string payload;
    std::vector<std::string> headers;
    std::chrono::milliseconds timeout{2000};
};

fluxlib::Task<int> ask(const Context& context, const Request& request, fluxmq::Headers headers) {
    const auto transport = co_await connect(context); // first: a missing broker is told before anyone types
    const auto payload = co_await payload_of(request.payload);
    const auto answer =
        co_await transport->request(request.topic, payload, request.timeout, std::move(headers));
    if (context.json)
        print_json(to_json(answer));
    else
        print_line(format_payload(answer.text(), is_terminal()));
    co_await transport->close();
    co_return ok;
}

} // namespace

void add_request(CLI::App& app, Context& context) {
    const auto request = std::make_shared<Request>();
    auto* command = app.add_subcommand("request", "publish a message and print the answer");
    command->add_option("topic", request->topic, "where to")->required();
    add_payload(*command, request->payload);
    add_headers(*command, request->headers);
    add_duration(*command, "--timeout", request->timeout, "how long to wait for the answer");
    command->footer("Example:\n  fluxctl request math.add '[2, 3]' --timeout 500ms\n"
                    "The exit code is 4 when there is no answer.");
    command->callback([request, &context] {
        const auto headers = headers_of(request->headers);
        context.command = [request, headers, &context] { return ask(context, *request, headers); };
    });
}

} // namespace fluxctl
