// SPDX-License-Identifier: MIT
#include <fluxmq/testing/nats_server.hpp>

#include "bench.hpp"
#include "process.hpp"
#include "report.hpp"
#include "wire_peer.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <thread>

namespace bench {

void say_ready() { std::cout << "ready" << std::endl; }

void check_delivered(std::uint64_t delivered, std::uint64_t published) {
    if (delivered != published)
        throw std::runtime_error{"only " + std::to_string(delivered) + " of " + std::to_string(published) +
                                 " messages arrived"};
}

namespace {

constexpr char usage[] = R"(usage: fluxlib_bench [--quick] [--runs N] [--only TEXT] [--json FILE]

Measures ours and the peers in alternating runs, each in a process of its own, and prints a table.

  --quick      one short run of everything: shows that it works, not how fast it is
  --runs N     runs of each side; default 5
  --only TEXT  only what has TEXT in its "path, side"
  --json FILE  write the results there too
)";

constexpr std::uint64_t quick_divisor = 50;

struct Arguments {
    bool quick = false;
    int runs = 5;
    std::string only = {};
    std::string json = {};
    std::vector<std::string> child = {}; // path, side, messages, url
};

Arguments parse(std::vector<std::string> words) {
    Arguments arguments;
    if (words.size() == 5 && words[0] == "--child") {
        arguments.child.assign(words.begin() + 1, words.end());
        return arguments;
    }
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto value = [&] {
            if (++i == words.size())
                throw std::invalid_argument{words[i - 1] + " needs a value"};
            return words[i];
        };
        if (words[i] == "--quick")
            arguments.quick = true;
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

// Cases of one path side by side, ours first.
std::vector<Case> all_cases() {
    std::vector<Case> cases = nats_cases();
    for (auto& peer : libnats_cases()) {
        const auto same_path = [&](const Case& other) { return other.path == peer.path; };
        const auto last = std::find_if(cases.rbegin(), cases.rend(), same_path);
        cases.insert(last.base(), std::move(peer));
    }
    for (auto& ours : inproc_cases())
        cases.push_back(std::move(ours));
    return cases;
}

int run_child(const std::vector<Case>& cases, const std::vector<std::string>& arguments) {
    const auto found = std::find_if(cases.begin(), cases.end(), [&](const Case& one) {
        return one.path == arguments[0] && one.side == arguments[1];
    });
    if (found == cases.end())
        throw std::invalid_argument{"no such case"};
    const auto sample = found->run({.url = arguments[3], .messages = std::stoull(arguments[2])});
    std::cout << boost::json::serialize(to_json(sample)) << std::endl;
    return 0;
}

/// Runs the cases against a server of its own.
class Runner {
public:
    Sample run(const Case& what, std::uint64_t messages) {
        const auto before = what.parent == Parent::counts ? messages_at_server(monitoring_port_) : 0;
        WirePeer peer{server_.port()};
        if (what.parent == Parent::echoes)
            peer.subscribe(request_topic);
        Child child{{"--child", what.path, what.side, std::to_string(messages), server_.url()}};
        if (what.parent != Parent::watches)
            if (const auto line = child.line(); line != "ready")
                throw std::runtime_error{"unexpected from the measuring process: " + line};
        if (what.parent == Parent::floods_deliver)
            peer.flood(deliver_topic, messages);
        if (what.parent == Parent::echoes)
            peer.echo(messages + 1); // the first one opens the inbox
        auto line = child.line();
        if (line == "ready")
            line = child.line();
        child.join();
        if (what.parent == Parent::counts)
            check_counted(before + messages);
        return sample_from_json(line);
    }

private:
    // The server adds to its number after it has handled what it read.
    void check_counted(std::uint64_t wanted) {
        std::uint64_t seen = 0;
        for (int attempt = 0; attempt < 100; ++attempt) {
            seen = messages_at_server(monitoring_port_);
            if (seen == wanted)
                return;
            std::this_thread::sleep_for(std::chrono::milliseconds{20});
        }
        throw std::runtime_error{"the server counts " + std::to_string(seen) + " messages, not " +
                                 std::to_string(wanted)};
    }

    const std::uint16_t monitoring_port_ = free_port();
    // It may hold back all of a run, so that it drops no client that is slower than the flood.
    fluxmq::testing::NatsServer server_{
        {.arguments = {"--http_port", std::to_string(monitoring_port_)}, .config = "max_pending: 512MB"}};
};

int run_all(const std::vector<Case>& cases, const Arguments& arguments) {
    std::vector<Result> results;
    for (const auto& one : cases)
        if ((one.path + ", " + one.side).find(arguments.only) != std::string::npos)
            results.push_back({&one, arguments.quick
                                         ? std::max<std::uint64_t>(one.messages / quick_divisor, 100)
                                         : one.messages});
    if (results.empty())
        throw std::invalid_argument{"nothing has '" + arguments.only + "' in its name"};

    Runner runner;
    for (auto first = results.begin(); first != results.end();) {
        const auto last = std::find_if(
            first, results.end(), [&](const Result& other) { return other.what->path != first->what->path; });
        std::cerr << "measuring: " << first->what->path << '\n';
        for (int run = 0; run < arguments.runs; ++run)
            for (auto result = first; result != last; ++result)
                try {
                    result->samples.push_back(runner.run(*result->what, result->messages));
                } catch (const std::exception& error) {
                    throw std::runtime_error{result->what->path + ", " + result->what->side + ": " +
                                             error.what()};
                }
        first = last;
    }
    std::cout << table(results);
    if (!arguments.json.empty()) {
        write_json(arguments.json, results, arguments.quick);
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
        const auto arguments = bench::parse(words);
        const auto cases = bench::all_cases();
        return arguments.child.empty() ? bench::run_all(cases, arguments)
                                       : bench::run_child(cases, arguments.child);
    } catch (const std::invalid_argument& error) {
        std::cerr << "fluxlib_bench: " << error.what() << '\n' << bench::usage;
        return 2;
    } catch (const std::exception& error) {
        std::cerr << "fluxlib_bench: " << error.what() << '\n';
        return 1;
    }
}
