// SPDX-License-Identifier: MIT
#include "drive.hpp"

#include <fluxmq/testing/scripted_peer.hpp>

#include "ours.hpp"
#include "report.hpp"
#include "topics.hpp"
#include "wire_peer.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace bench {

void say_ready() { std::cout << "ready" << std::endl; }

void wait_for_start() {
    say_ready();
    std::string line;
    std::getline(std::cin, line);
}

void check_delivered(std::uint64_t delivered, std::uint64_t published) {
    if (delivered != published)
        throw std::runtime_error{"only " + std::to_string(delivered) + " of " + std::to_string(published) +
                                 " messages arrived"};
}

std::uint64_t Server::messages_in() const { return messages_at_server(monitoring_port_); }

namespace {

constexpr char measure[] = "measure";
constexpr char partner[] = "partner";

Child start(const Job& job, const Case& what, const char* role = measure) {
    return Child{own_program(),
                 {"--child", role, what.path, what.side, std::to_string(job.messages), job.url,
                  std::to_string(job.server)}};
}

Child start(const Server& server, const Case& what, std::uint64_t messages, const char* role = measure) {
    return start({.url = server.url(), .server = server.process(), .messages = messages}, what, role);
}

void wait_ready(Child& child) {
    if (const auto line = child.line(); line != "ready")
        throw std::runtime_error{"unexpected from the measuring process: " + line};
}

Sample sample_of(Child& child) {
    const auto line = child.line();
    child.join();
    return sample_from_json(boost::json::parse(line));
}

} // namespace

void run_as_child(const std::vector<Case>& cases, const std::vector<std::string>& words) {
    const auto found = std::find_if(cases.begin(), cases.end(), [&](const Case& one) {
        return words.size() == 6 && one.path == words[1] && one.side == words[2];
    });
    if (found == cases.end())
        throw std::invalid_argument{"no such case"};
    const auto& function = words[0] == partner ? found->partner : found->run;
    const auto sample =
        function({.url = words[4], .server = std::stoi(words[5]), .messages = std::stoull(words[3])});
    std::cout << boost::json::serialize(to_json(sample)) << std::endl;
}

Sample alone(Server& server, const Case& what, std::uint64_t messages) {
    auto child = start(server, what, messages);
    return sample_of(child);
}

Sample counted(Server& server, const Case& what, std::uint64_t messages) {
    const auto wanted = server.messages_in() + messages;
    auto child = start(server, what, messages);
    const auto sample = sample_of(child);
    // The server adds to its number after it has handled what it read.
    std::uint64_t seen = 0;
    for (int attempt = 0; attempt < 100; ++attempt) {
        seen = server.messages_in();
        if (seen == wanted)
            return sample;
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    throw std::runtime_error{"the server counts " + std::to_string(seen) + " messages, not " +
                             std::to_string(wanted)};
}

Sample flooded(Server& server, const Case& what, std::uint64_t messages) {
    WirePeer peer{server.port()};
    auto child = start(server, what, messages);
    wait_ready(child);
    peer.flood(deliver_topic, messages);
    return sample_of(child);
}

namespace {

using fluxmq::testing::ScriptedPeer;

// The pattern and the id of each subscription, once so many are made and a ping says that the client waits.
Task<std::map<std::string, std::string>> take_subscriptions(ScriptedPeer& peer, std::size_t count) {
    std::map<std::string, std::string> ids;
    std::string operation;
    while (ids.size() < count || operation != "PING") {
        std::istringstream line{co_await peer.read_line()};
        std::string pattern;
        std::string id;
        line >> operation >> pattern >> id;
        if (operation == "SUB")
            ids[pattern] = id;
        else if (operation == "PING")
            co_await peer.send("PONG\r\n");
    }
    co_return ids;
}

Task<Sample> serve(const Case& what, std::uint64_t messages, std::size_t topics) {
    ScriptedPeer peer{co_await boost::asio::this_coro::executor};
    const auto timer = co_await after_patience([&] { peer.stop_listening(); });
    auto child = start({.url = peer.url(), .messages = messages}, what);
    co_await peer.accept();
    co_await peer.shake_hands();
    const auto ids = co_await take_subscriptions(peer, topics);

    constexpr std::size_t block_size = 256;
    std::string block;
    std::vector<std::size_t> ends; // of its frames
    for (std::size_t i = 0; i < std::max(block_size, topics); ++i) {
        const auto number = spread_number(i, topics);
        block += "MSG " + topic_of(number) + ' ' + ids.at(pattern_of(number)) + ' ' +
                 std::to_string(payload_size) + "\r\n" + std::string(payload_size, 'x') + "\r\n";
        ends.push_back(block.size());
    }
    wait_ready(child);
    for (; messages > ends.size(); messages -= ends.size())
        co_await peer.send(block);
    block.resize(ends[messages - 1]);
    co_await peer.send(std::move(block));
    co_return sample_of(child);
}

} // namespace

Drive served(std::size_t topics) {
    return [topics](Server&, const Case& what, std::uint64_t messages) {
        return on_event_loop([&] { return serve(what, messages, topics); });
    };
}

namespace {

// Puts a process, with all its threads and what they start from now on, on these cores.
void place(pid_t process, const cpu_set_t& cores) {
    for (const auto& thread :
         std::filesystem::directory_iterator{"/proc/" + std::to_string(process) + "/task"})
        if (::sched_setaffinity(std::stoi(thread.path().filename().string()), sizeof cores, &cores) != 0)
            throw std::runtime_error{"cannot choose the core of process " + std::to_string(process)};
}

// Keeps this process, those that it starts meanwhile, and the server on one core. A round trip is one step after the
// other, so a second core speeds nothing up; but where a step wakes another core, it took five times as long on one
// machine, and whether it does is the scheduler's choice of the moment.
class OneCore {
public:
    explicit OneCore(const Server& server) : server_{server} {
        if (::sched_getaffinity(0, sizeof before_, &before_) != 0)
            throw std::runtime_error{"cannot read on which cores this process may run"};
        std::size_t first = 0;
        while (!CPU_ISSET(first, &before_))
            ++first;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(first, &one);
        place(::getpid(), one);
        place(server_.process(), one);
    }
    ~OneCore() {
        try {
            place(::getpid(), before_);
            place(server_.process(), before_);
        } catch (const std::exception& error) {
            std::cerr << "fluxlib_bench: " << error.what() << '\n';
        }
    }
    OneCore(const OneCore&) = delete;
    OneCore& operator=(const OneCore&) = delete;

private:
    const Server& server_;
    cpu_set_t before_{};
};

} // namespace

Sample echoed(Server& server, const Case& what, std::uint64_t messages) {
    const OneCore one{server};
    WirePeer peer{server.port()};
    peer.subscribe(request_topic);
    auto child = start(server, what, messages);
    wait_ready(child);
    peer.echo(messages + 1); // the first one opens the inbox
    return sample_of(child);
}

Sample with_partner(Server& server, const Case& what, std::uint64_t messages) {
    auto beside = start(server, what, messages, partner);
    wait_ready(beside);
    auto child = start(server, what, messages);
    wait_ready(child);
    beside.start();
    auto sample = sample_of(child);
    const auto other = sample_of(beside);
    sample.cpu_ns += other.cpu_ns;
    sample.allocations += other.allocations;
    return sample;
}

// The process is watched from outside, so that the watching does not wake it.
Sample idle(Server& server, const Case&, std::uint64_t milliseconds) {
    const std::chrono::milliseconds length{milliseconds};
    Child service{program_beside("fluxlib_bench_idle"), {server.url()}};
    const auto connect_ms = std::stod(service.line());
    std::this_thread::sleep_for(
        length); // the server measures the round trip when a connection is a second old
    const auto before = times_slept(service.id());
    std::this_thread::sleep_for(length);
    const auto wakeups = times_slept(service.id()) - before;
    Sample sample{.rss_mib = status_number("VmRSS", service.id()) / 1024,
                  .threads = status_number("Threads", service.id())};
    sample.figures = {{"wake-ups", static_cast<double>(wakeups)}, {"ms to CONNECTED", connect_ms}};
    service.terminate();
    service.join();
    return sample;
}

std::vector<Case> idle_cases() {
    return {{.path = "nats idle service", .side = "ours", .messages = 2'500, .drive = idle}};
}

} // namespace bench
