// SPDX-License-Identifier: MIT
#include "run.hpp"
#include "schedule.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace fluxmq::chaos;
using std::chrono::milliseconds;

namespace {

constexpr std::string_view usage =
    R"(usage: fluxmq_chaos [--servers 1|3] [--schedules N] [--first-seed N] [--seed N] [--gap-limit MS] [--verbose]

Real nats-servers are killed, frozen and started again, and connections to them are cut, half-closed, stalled and
split at every byte, while publishers, subscriptions, requests and changes of subscriptions load them. Each schedule
of faults comes from its seed, takes about 3 s, and ends in an account of every message: docs/testing.md, "Faults".

  --servers 1|3     on one server, or on a cluster of three that are killed one after another; without it, both
  --schedules N     so many schedules, on each of them (default 10)
  --first-seed N    the seed of the first one; the next ones follow (default 1)
  --seed N          this one only, --verbose: to see again what failed
  --gap-limit MS    a pair of connections may see no message for so long, at most, during the rolling kill on three
                    servers; without it the gap is measured only, for it depends on the machine
  --verbose         print the faults of each schedule
  --help            this

Exit code: 0 when every law held; 1 when one did not, or something hung; 2 for arguments that are not understood.
Example: fluxmq_chaos --servers 3 --seed 17
)";

struct Arguments {
    std::vector<std::size_t> servers{1, 3};
    std::uint64_t schedules = 10;
    std::uint64_t first_seed = 1;
    std::optional<milliseconds> gap_limit;
    bool verbose = false;
};

std::uint64_t number(std::string_view option, std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc{} || end != text.data() + text.size())
        throw std::invalid_argument{std::string{option} + " takes a number, not '" + std::string{text} +
                                    '\''};
    return value;
}

Arguments parse(const std::vector<std::string_view>& words) {
    Arguments arguments;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto option = words[i];
        const auto value = [&] {
            if (++i == words.size())
                throw std::invalid_argument{std::string{option} + " takes a number"};
            return number(option, words[i]);
        };
        if (option == "--verbose") {
            arguments.verbose = true;
        } else if (option == "--servers") {
            arguments.servers = {value()};
            if (arguments.servers[0] != 1 && arguments.servers[0] != 3)
                throw std::invalid_argument{"--servers takes 1 or 3"};
        } else if (option == "--schedules") {
            arguments.schedules = value();
        } else if (option == "--first-seed") {
            arguments.first_seed = value();
        } else if (option == "--seed") {
            arguments.first_seed = value();
            arguments.schedules = 1;
            arguments.verbose = true;
        } else if (option == "--gap-limit") {
            arguments.gap_limit = milliseconds{value()};
        } else {
            throw std::invalid_argument{"unknown option '" + std::string{option} + '\''};
        }
    }
    return arguments;
}

void print(const Totals& totals) {
    const auto& dropped = totals.dropped;
    std::cout << "published " << totals.published << "; due " << totals.due << " + repeated "
              << totals.repeated << " = read " << totals.read << " + dropped " << dropped.oldest << " oldest "
              << dropped.newest << " newest " << dropped.failed << " failed + lost " << totals.lost
              << " with a connection; late " << totals.late << "; requests " << totals.requests
              << " = answered " << totals.answered << " + failed " << totals.failed << "; subscriptions "
              << totals.subscriptions << "; breaks " << totals.breaks << "; gap " << totals.gap.count()
              << " ms";
}

bool run(std::uint64_t seed, std::size_t servers, const Arguments& arguments, Totals& sum) {
    const auto schedule = make_schedule(seed, servers);
    if (arguments.verbose)
        std::cout << "schedule of seed " << seed << " on " << servers << " server(s), "
                  << schedule.length.count() << " ms:\n"
                  << describe(schedule) << std::flush;
    const auto began = std::chrono::steady_clock::now();
    auto outcome = run_schedule(schedule);
    const auto took =
        std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began).count();
    if (arguments.gap_limit && servers > 1 && outcome.totals.gap > *arguments.gap_limit)
        outcome.violations.push_back("the gap was " + std::to_string(outcome.totals.gap.count()) + " ms");
    const bool passed = outcome.violations.empty();
    std::cout << (passed ? "ok   " : "FAIL ") << "servers " << servers << " seed " << seed << " (" << took
              << " ms): ";
    print(outcome.totals);
    std::cout << '\n';
    for (const auto& each : outcome.violations)
        std::cout << "  violated: " << each << '\n';
    if (!passed) {
        if (!arguments.verbose)
            std::cout << describe(schedule);
        std::cout << outcome.state << "  again: fluxmq_chaos --servers " << servers << " --seed " << seed
                  << '\n';
    }
    std::cout << std::flush;
    sum += outcome.totals;
    return passed;
}

} // namespace

int main(int count, char** words) {
    const std::vector<std::string_view> given{words + 1, words + count};
    Arguments arguments;
    try {
        for (const auto word : given)
            if (word == "--help" || word == "-h") {
                std::cout << usage;
                return EXIT_SUCCESS;
            }
        arguments = parse(given);
    } catch (const std::invalid_argument& error) {
        std::cerr << "fluxmq_chaos: " << error.what() << "; see --help\n";
        return 2;
    }

    const auto began = std::chrono::steady_clock::now();
    std::uint64_t schedules = 0;
    std::vector<std::string> failed;
    for (const auto servers : arguments.servers) {
        Totals sum;
        for (auto seed = arguments.first_seed; seed < arguments.first_seed + arguments.schedules; ++seed) {
            ++schedules;
            if (!run(seed, servers, arguments, sum))
                failed.push_back(std::to_string(servers) + ':' + std::to_string(seed));
        }
        std::cout << "sum  servers " << servers << ": ";
        print(sum);
        std::cout << '\n';
    }
    std::cout << "chaos: " << (failed.empty() ? "PASS" : "FAIL") << " schedules=" << schedules
              << " failed=" << failed.size();
    for (const auto& each : failed)
        std::cout << (&each == &failed.front() ? " servers:seed=" : ",") << each;
    std::cout
        << " time="
        << std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - began).count()
        << "s\n";
    return failed.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}
