// SPDX-License-Identifier: MIT
#include "bars.hpp"
#include "bench.hpp"
#include "drive.hpp"
#include "report.hpp"

#include <algorithm>
#include <exception>
#include <iostream>
#include <iterator>
#include <stdexcept>

namespace bench {

namespace {

constexpr char usage[] =
    R"(usage: fluxlib_bench [--quick] [--runs N] [--only TEXT] [--json FILE] [--list]

Measures ours and the peers in alternating runs, each in a process of its own, and prints a table, and which bars
hold. Each number is the median of the runs.

  --quick      one short run of everything: shows that it works, not how fast it is
  --runs N     runs of each side; default 5
  --only TEXT  only what has TEXT in its "path, side"
  --json FILE  write the results there too
  --list       print what there is to measure, and measure nothing
)";

constexpr std::uint64_t quick_divisor = 50;

struct Arguments {
    bool quick = false;
    bool list = false;
    int runs = 5;
    std::string only = {};
    std::string json = {};
};

Arguments parse(const std::vector<std::string>& words) {
    Arguments arguments;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto value = [&] {
            if (++i == words.size())
                throw std::invalid_argument{words[i - 1] + " needs a value"};
            return words[i];
        };
        if (words[i] == "--quick")
            arguments.quick = true;
        else if (words[i] == "--list")
            arguments.list = true;
        else if (words[i] == "--runs")
            arguments.runs = std::max(1, std::stoi(value()));
        else if (words[i] == "--only")
            arguments.only = value();
        else if (words[i] == "--json")
            arguments.json = value();
        else
            throw std::invalid_argument{"unknown argument '" + words[i] + "'"};
    }
    if (arguments.quick)
        arguments.runs = 1;
    return arguments;
}

// Cases of one path side by side, in the order in which their paths come first.
std::vector<Case> all_cases() {
    std::vector<Case> cases;
    for (const auto some :
         {nats_cases, libnats_cases, bare_cases, idle_cases, inproc_cases, caf_cases, threads_cases,
          loops_cases, zeromq_cases, json_cases, scale_cases, service_cases, rewiring_cases})
        for (auto& one : some()) {
            const auto same_path = [&](const Case& other) { return other.path == one.path; };
            const auto last = std::find_if(cases.rbegin(), cases.rend(), same_path);
            cases.insert(last == cases.rend() ? cases.end() : last.base(), std::move(one));
        }
    return cases;
}

std::vector<Result> measure(const std::vector<const Case*>& cases, const Arguments& arguments) {
    std::vector<Result> results;
    for (const auto* one : cases)
        results.push_back({one, arguments.quick ? std::max<std::uint64_t>(one->messages / quick_divisor, 1)
                                                : one->messages});
    Server server;
    for (auto first = results.begin(); first != results.end();) {
        const auto last = std::find_if(
            first, results.end(), [&](const Result& other) { return other.what->path != first->what->path; });
        std::cerr << "measuring: " << first->what->path << '\n';
        for (int run = 0; run < arguments.runs; ++run)
            for (auto result = first; result != last; ++result)
                try {
                    const auto& what = *result->what;
                    result->samples.push_back(what.drive(server, what, result->messages));
                } catch (const std::exception& error) {
                    throw std::runtime_error{result->what->path + ", " + result->what->side + ": " +
                                             error.what()};
                }
        first = last;
    }
    return results;
}

int run(const std::vector<Case>& cases, const Arguments& arguments) {
    std::vector<const Case*> chosen;
    for (const auto& one : cases)
        if ((one.path + ", " + one.side).find(arguments.only) != std::string::npos)
            chosen.push_back(&one);
    if (chosen.empty())
        throw std::invalid_argument{"nothing has '" + arguments.only + "' in its name"};
    if (arguments.list) {
        for (const auto* one : chosen)
            std::cout << one->path << ", " << one->side << '\n';
        return 0;
    }

    const auto results = measure(chosen, arguments);
    const auto bars = judge(all_bars(), results);
    if (arguments.only.empty() && bars.size() != all_bars().size())
        throw std::logic_error{"a bar names what no case measures"};
    std::cout << table(results);
    if (!arguments.quick && !bars.empty())
        std::cout << '\n' << bar_list(bars);
    if (!arguments.json.empty()) {
        write_json(arguments.json, results, arguments.quick ? std::vector<Judged>{} : bars, arguments.quick);
        std::cout << "results: " << arguments.json << '\n';
    }
    return 0;
}

} // namespace

} // namespace bench

int main(int argc, char** argv) {
    try {
        const std::vector<std::string> words(argv + 1, argv + argc);
        if (words == std::vector<std::string>{"--help"}) {
            std::cout << bench::usage;
            return 0;
        }
        const auto cases = bench::all_cases();
        if (!words.empty() && words[0] == "--child") {
            bench::run_as_child(cases, {words.begin() + 1, words.end()});
            return 0;
        }
        return bench::run(cases, bench::parse(words));
    } catch (const std::invalid_argument& error) {
        std::cerr << "fluxlib_bench: " << error.what() << '\n' << bench::usage;
        return 2;
    } catch (const std::exception& error) {
        std::cerr << "fluxlib_bench: " << error.what() << '\n';
        return 1;
    }
}
