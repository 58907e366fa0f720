// SPDX-License-Identifier: MIT
#include "arguments.hpp"

#include <fluxmq/run_on.hpp>

#include "format.hpp"

#include <boost/asio/thread_pool.hpp>

#include <charconv>
#include <iostream>
#include <iterator>

namespace fluxctl {

namespace {

fluxlib::Task<std::string> read_standard_input() {
    std::string text{std::istreambuf_iterator<char>{std::cin}, {}};
    co_return text;
}

std::uint64_t number_of(const std::string& name, const std::string& text, std::uint64_t least) {
    std::uint64_t number = 0;
    const auto* const end = text.data() + text.size();
    const auto [at, failed] = std::from_chars(text.data(), end, number);
    if (failed != std::errc{} || at != end || number < least)
        throw CLI::ValidationError(name, "must be a whole number of at least " + std::to_string(least) +
                                             ", and is '" + text + "'");
    return number;
}

} // namespace

fluxmq::Headers headers_of(const std::vector<std::string>& lines) {
    fluxmq::Headers headers;
    for (const auto& line : lines) {
        const auto colon = line.find(':');
        if (colon == std::string::npos)
            throw CLI::ValidationError("--header", "'" + line + "' has no colon: say NAME:VALUE");
        const auto value = line.find_first_not_of(' ', colon + 1);
        try {
            headers.add(line.substr(0, colon), value == std::string::npos ? "" : line.substr(value));
        } catch (const fluxmq::Error& error) {
            throw CLI::ValidationError("--header", error.what());
        }
    }
    return headers;
}

CLI::Option* add_headers(CLI::App& command, std::vector<std::string>& lines) {
    return command.add_option("-H,--header", lines, "NAME:VALUE; may be given several times")
        ->type_name("HEADER")
        ->allow_extra_args(false);
}

CLI::Option* add_payload(CLI::App& command, std::string& payload) {
    payload = standard_input;
    return command.add_option("payload", payload, "what; - or nothing reads standard input");
}

fluxlib::Task<std::string> payload_of(std::string argument) {
    if (argument != standard_input)
        co_return argument;
    boost::asio::thread_pool thread{1};
    const boost::asio::any_io_executor executor = thread.get_executor();
    auto reading = read_standard_input();
    auto text = co_await fluxmq::run_on(executor, std::move(reading));
    co_return text;
}

std::chrono::milliseconds duration_of(std::string_view text) {
    double number = 0;
    const auto [unit, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view name{unit, static_cast<std::size_t>(text.data() + text.size() - unit)};
    const double factor = name == "ms" ? 1 : name == "s" ? 1'000 : name == "m" ? 60'000 : 0;
    const double length = number * factor;
    if (failed != std::errc{} || !(length >= 1 && length < 1e12))
        throw CLI::ValidationError("'" + std::string{text} +
                                   "' is not a duration: say a number and ms, s or m, such as 500ms");
    return std::chrono::milliseconds{static_cast<std::chrono::milliseconds::rep>(length)};
}

CLI::Option* add_duration(CLI::App& command, const std::string& name, std::chrono::milliseconds& duration,
                          const std::string& description) {
    auto* const option = command.add_option_function<std::string>(
        name, [&duration](const std::string& text) { duration = duration_of(text); }, description);
    if (duration.count() > 0)
        option->default_str(format_duration(duration));
    return option->type_name("DURATION");
}

CLI::Option* add_number(CLI::App& command, const std::string& name, std::uint64_t& number,
                        std::uint64_t least, const std::string& description) {
    auto* const option = command.add_option_function<std::string>(
        name, [name, &number, least](const std::string& text) { number = number_of(name, text, least); },
        description);
    if (number >= least)
        option->default_str(std::to_string(number));
    return option->type_name("NUMBER");
}

} // namespace fluxctl
