// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <charconv>
#include <string_view>

namespace demo {

const char* const usage = R"(usage: demo [--input FILE] [--transport URL] [--seconds N]

Three nodes of one service pass messages on: source -> processor -> sink. A manager in the same program
configures them from JSON, starts them, and shows the statuses that they announce.

  (nothing)          watch this machine: CPU, memory and network from /proc, ten times a second, as rates,
                     with a mark on what is unusual; for 5 seconds
  --input FILE       instead measure the lines of a file as fast as they come; - is standard input; to its end
  --transport URL    carry the messages over a NATS server, such as nats://localhost:4222, in place of the
                     bus that is built in
  --seconds N        end after N seconds
  --help             print this

Ctrl-C ends it early, in order. The last line accounts for every message. The exit code is 0, or 1 when
something failed, or 2 for a wrong argument.

  demo --seconds 10
  demo --input /etc/services
  seq 1000000 | demo --input -
)";

namespace {

// `--name value` and `--name=value`.
std::optional<std::string> value_of(std::string_view name, int& i, int argc, const char* const* argv) {
    std::string_view argument{argv[i]};
    if (!argument.starts_with(name))
        return std::nullopt;
    argument.remove_prefix(name.size());
    if (argument.starts_with('='))
        argument.remove_prefix(1);
    else if (!argument.empty())
        return std::nullopt; // a longer name
    else if (++i < argc)
        argument = argv[i];
    if (argument.empty())
        throw UsageError{std::string{name} + " needs a value"};
    return std::string{argument};
}

std::chrono::milliseconds seconds(const std::string& text) {
    double number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc{} || end != text.data() + text.size() || !(number >= 0.1 && number <= 1e6))
        throw UsageError{"--seconds needs a number from 0.1 to 1000000, not '" + text + "'"};
    return std::chrono::milliseconds{static_cast<std::int64_t>(number * 1000)};
}

} // namespace

Options parse_options(int argc, const char* const* argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument{argv[i]};
        if (argument == "--help" || argument == "-h")
            options.help = true;
        else if (auto input = value_of("--input", i, argc, argv))
            options.input = std::move(*input);
        else if (auto transport = value_of("--transport", i, argc, argv))
            options.transport = std::move(*transport);
        else if (const auto length = value_of("--seconds", i, argc, argv))
            options.length = seconds(*length);
        else
            throw UsageError{"unknown argument '" + std::string{argument} + "'"};
    }
    return options;
}

} // namespace demo
