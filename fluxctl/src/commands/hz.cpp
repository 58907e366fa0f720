// SPDX-License-Identifier: MIT
#include "arguments.hpp"
#include "command.hpp"
#include "connection.hpp"
#include "gaps.hpp"
#include "inbox.hpp"
#include "terminal.hpp"

#include <fmt/format.h>

namespace fluxctl {

namespace {

struct Hz {
    std::string topic;
    std::uint64_t count = 0; // 0: no end
};

void print_gaps(const Gaps& gaps, std::uint64_t messages, double seconds, bool json) {
    const double rate = static_cast<double>(messages) / seconds;
    if (json) {
        boost::json::object line{{"rate", rate}, {"messages", messages}};
        if (gaps.count() > 0)
            line["gap_ms"] = {{"min", gaps.min()},
                              {"mean", gaps.mean()},
                              {"max", gaps.max()},
                              {"stddev", gaps.deviation()}};
        print_json(line);
        return;
    }
    auto line = "rate " + format_rate(rate);
    if (gaps.count() > 0)
        line += fmt::format("  gap min {:.3f} mean {:.3f} max {:.3f} stddev {:.3f} ms", gaps.min(),
                            gaps.mean(), gaps.max(), gaps.deviation());
    print_line(line);
}

fluxlib::Task<int> measure(const Context& context, const Hz& hz) {
    const auto transport = co_await connect(context);
    Inbox inbox{*transport};
    co_await inbox.listen(hz.topic);
    std::optional<Inbox::TimePoint> last;
    std::uint64_t count = 0;
    while (hz.count == 0 || count < hz.count) {
        Gaps gaps;
        std::uint64_t messages = 0;
        const auto begin = from_now({});
        const auto end = begin + std::chrono::seconds{1};
        while (hz.count == 0 || count + messages < hz.count) {
            const auto message = co_await inbox.next(end);
            if (!message)
                break;
            const auto now = from_now({});
            if (last)
                gaps.add(now - *last);
            last = now;
            ++messages;
        }
        count += messages;
        const std::chrono::duration<double> length = from_now({}) - begin;
        print_gaps(gaps, messages, length.count(), context.json);
    }
    co_await transport->close();
    co_return ok;
}

} // namespace

void add_hz(CLI::App& app, Context& context) {
    const auto hz = std::make_shared<Hz>();
    auto* command = app.add_subcommand("hz", "measure how often messages come, and how evenly");
    command->add_option("topic", hz->topic, "what to listen to; wildcards allowed")->required();
    add_number(*command, "-n,--count", hz->count, 1, "end after so many messages");
    command->footer("Example:\n  fluxctl hz camera.image\n"
                    "Each second a line: the rate, and the gaps between the messages of that second.");
    set_command(*command, context, hz, &measure);
}

} // namespace fluxctl
