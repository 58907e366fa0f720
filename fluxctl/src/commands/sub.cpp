// SPDX-License-Identifier: MIT
#include "arguments.hpp"
#include "command.hpp"
#include "connection.hpp"
#include "inbox.hpp"
#include "terminal.hpp"

#include <fmt/format.h>

namespace fluxctl {

namespace {

struct Sub {
    std::vector<std::string> topics;
    std::uint64_t count = 0; // 0: no end
    bool pretty = false;
    bool rate = false;
};

void print_message(const fluxmq::Message& message, bool json, bool pretty) {
    if (json) {
        print_json(to_json(message));
        return;
    }
    const auto size = format_bytes(static_cast<double>(message.payload().size()));
    print_line(styled(one_line(message.topic()), Style::bold) + styled("  " + size, Style::dim));
    for (const auto& [name, value] : message.headers())
        print_line(styled(one_line(fmt::format("  {}: {}", name, value)), Style::dim));
    print_line(format_payload(message.text(), pretty) + '\n');
}

fluxlib::Task<int> print_messages(Inbox& inbox, const Sub& sub, bool json) {
    const bool pretty = sub.pretty || is_terminal();
    for (std::uint64_t count = 0; sub.count == 0 || count < sub.count; ++count) {
        const auto message = co_await inbox.next();
        print_message(*message, json, pretty);
    }
    co_return ok;
}

void print_rate(double messages, double bytes, double seconds, bool json) {
    const double size = messages > 0 ? bytes / messages : 0;
    if (json)
        print_json(
            {{"messages_per_s", messages / seconds}, {"bytes_per_s", bytes / seconds}, {"mean_size", size}});
    else
        print_line(format_rate(messages / seconds) + "  " + format_bytes(bytes / seconds) + "/s  mean size " +
                   format_bytes(size));
}

fluxlib::Task<int> print_rates(Inbox& inbox, const Sub& sub, bool json) {
    std::uint64_t count = 0;
    while (sub.count == 0 || count < sub.count) {
        const auto begin = from_now({});
        const auto end = begin + std::chrono::seconds{1};
        std::uint64_t messages = 0;
        std::size_t bytes = 0;
        while (sub.count == 0 || count + messages < sub.count) {
            const auto message = co_await inbox.next(end);
            if (!message)
                break;
            ++messages;
            bytes += message->payload().size();
        }
        count += messages;
        const std::chrono::duration<double> length = from_now({}) - begin;
        print_rate(static_cast<double>(messages), static_cast<double>(bytes), length.count(), json);
    }
    co_return ok;
}

fluxlib::Task<int> listen(const Context& context, const Sub& sub) {
    const auto transport = co_await connect(context);
    Inbox inbox{*transport};
    for (const auto& topic : sub.topics)
        co_await inbox.listen(topic);
    auto printing =
        sub.rate ? print_rates(inbox, sub, context.json) : print_messages(inbox, sub, context.json);
    const int code = co_await std::move(printing);
    co_await transport->close();
    co_return code;
}

} // namespace

void add_sub(CLI::App& app, Context& context) {
    const auto sub = std::make_shared<Sub>();
    auto* command = app.add_subcommand("sub", "print the messages on topics");
    command->add_option("topic", sub->topics, "what to listen to; * is any word, a last > any words")
        ->required();
    add_number(*command, "-n,--count", sub->count, 1, "end after so many messages");
    command->add_flag("--pretty", sub->pretty, "JSON over several lines, as on a terminal");
    command->add_flag("--rate", sub->rate, "print each second how much comes, not the messages");
    command->footer("Examples:\n  fluxctl sub 'plant.>' -n 10\n  fluxctl sub camera.image --rate");
    set_command(*command, context, sub, &listen);
}

} // namespace fluxctl
