// SPDX-License-Identifier: MIT
#include "arguments.hpp"
#include "command.hpp"
#include "connection.hpp"
#include "inbox.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <iostream>

namespace fluxctl {

namespace {

using Seconds = std::chrono::duration<double>;

struct Bench {
    std::uint64_t messages = 100'000;
    std::uint64_t size = 128;
};

constexpr std::uint64_t max_requests = 2'000;

class Count final : public fluxmq::Receiver {
public:
    bool offer(fluxmq::Message&&) noexcept override {
        ++count_;
        return true;
    }
    void when_ready(std::function<void()> resume) override { resume(); }
    std::size_t count() const noexcept { return count_; }

private:
    std::size_t count_ = 0;
};

class Echo final : public fluxmq::Receiver {
public:
    explicit Echo(fluxmq::Transport& transport) : transport_{transport} {}
    bool offer(fluxmq::Message&& message) noexcept override {
        transport_.respond(message, message.payload());
        return true;
    }
    void when_ready(std::function<void()> resume) override { resume(); }

private:
    fluxmq::Transport& transport_;
};

struct Result {
    Seconds published{0}; // until the broker had all
    Seconds delivered{0}; // until the subscriber had all
    std::size_t received = 0;
    std::chrono::nanoseconds p50{0};
    std::chrono::nanoseconds p99{0};
};

fluxlib::Task<> stream(const Bench& bench, fluxmq::Transport& from, fluxmq::Transport& to, std::string topic,
                       Result& result) {
    constexpr std::uint64_t batch = 1'000;
    const auto count = std::make_shared<Count>();
    const auto subscription = co_await to.subscribe(topic, count);
    const std::string payload(bench.size, 'x');
    const auto begin = from_now({});
    for (std::uint64_t sent = 0; sent < bench.messages;) {
        for (const auto end = std::min(sent + batch, bench.messages); sent < end; ++sent)
            from.publish(topic, payload);
        co_await from.flush();
    }
    result.published = from_now({}) - begin;
    co_await to.flush(); // the broker answers it after the last message
    result.delivered = from_now({}) - begin;
    result.received = count->count();
}

fluxlib::Task<> requests(const Bench& bench, fluxmq::Transport& from, fluxmq::Transport& to,
                         std::string topic, Result& result) {
    const auto echo = std::make_shared<Echo>(to);
    const auto subscription = co_await to.subscribe(topic, echo);
    const std::string payload(bench.size, 'x');
    std::vector<std::chrono::nanoseconds> times;
    const auto count = std::min(bench.messages, max_requests);
    while (times.size() < count) {
        const auto begin = from_now({});
        co_await from.request(topic, payload);
        times.push_back(from_now({}) - begin);
    }
    std::sort(times.begin(), times.end());
    result.p50 = times[times.size() / 2];
    result.p99 = times[times.size() * 99 / 100];
}

void print_result(const Bench& bench, const Result& result, bool json) {
    const auto count = static_cast<double>(bench.messages);
    const auto bytes = count * static_cast<double>(bench.size);
    const auto received = static_cast<double>(result.received);
    if (json) {
        print_json({{"messages", bench.messages},
                    {"size", bench.size},
                    {"received", result.received},
                    {"published_per_s", count / result.published.count()},
                    {"delivered_per_s", received / result.delivered.count()},
                    {"request_p50_us", static_cast<double>(result.p50.count()) / 1e3},
                    {"request_p99_us", static_cast<double>(result.p99.count()) / 1e3}});
        return;
    }
    Table table{{"WHAT", "RATE", "BYTES"}};
    table.add({"published", format_rate(count / result.published.count()),
               format_bytes(bytes / result.published.count()) + "/s"});
    table.add({"delivered", format_rate(received / result.delivered.count()),
               format_bytes(received * static_cast<double>(bench.size) / result.delivered.count()) + "/s"});
    print(table);
    print_line("request and answer: p50 " + format_duration(result.p50) + ", p99 " +
               format_duration(result.p99));
}

fluxlib::Task<int> measure(const Context& context, const Bench& bench) {
    const auto from = co_await connect(context);
    const auto to = co_await connect(context);
    Result result;
    co_await stream(bench, *from, *to, unique_topic(), result);
    co_await requests(bench, *from, *to, unique_topic(), result);
    co_await from->close();
    co_await to->close();
    print_result(bench, result, context.json);
    if (result.received == bench.messages)
        co_return ok;
    std::cerr << "fluxctl: " << bench.messages - result.received << " messages were lost\n";
    co_return failed;
}

} // namespace

void add_bench(CLI::App& app, Context& context) {
    const auto bench = std::make_shared<Bench>();
    auto* command = app.add_subcommand("bench", "measure the way through the broker");
    add_number(*command, "--messages", bench->messages, 1, "to publish");
    add_number(*command, "--size", bench->size, 0, "bytes of each");
    command->footer("Example:\n  fluxctl bench --messages 500000 --size 1024\n"
                    "One publisher, one subscriber, and up to 2000 requests, one after the other.");
    set_command(*command, context, bench, &measure);
}

} // namespace fluxctl
