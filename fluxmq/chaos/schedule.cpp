// SPDX-License-Identifier: MIT
#include "schedule.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <sstream>
#include <tuple>

namespace fluxmq::chaos {

using std::chrono::milliseconds;
using Kind = Fault::Kind;

namespace {

// The distributions of the standard library may differ from one implementation to the next.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : random_{seed} {}
    /// From `low` to `high`, both included.
    std::uint64_t roll(std::uint64_t low, std::uint64_t high) { return low + random_() % (high - low + 1); }
    milliseconds time(std::uint64_t low, std::uint64_t high) { return milliseconds{roll(low, high)}; }

private:
    std::mt19937_64 random_;
};

// One after the other, so that a server is never killed while it is frozen. Gives when the last one is over.
milliseconds disturb_server(Dice& dice, bool kills_only, std::vector<Fault>& faults) {
    milliseconds now = dice.time(50, 200);
    for (auto count = dice.roll(1, 3); count > 0; --count) {
        const bool kill = kills_only || dice.roll(0, 1) == 0;
        const auto length = kill ? dice.time(50, 300) : dice.time(100, 1400);
        faults.push_back({now, length, kill ? Kind::kill : Kind::freeze, 0});
        now += length + dice.time(100, 300);
    }
    return now;
}

milliseconds roll_through_servers(Dice& dice, std::size_t servers, std::vector<Fault>& faults) {
    std::vector<std::size_t> order(servers);
    for (std::size_t i = 0; i < servers; ++i)
        order[i] = i;
    for (std::size_t i = servers - 1; i > 0; --i)
        std::swap(order[i], order[dice.roll(0, i)]);
    milliseconds now = dice.time(50, 150);
    for (const auto server : order) {
        const auto length = dice.time(50, 250);
        faults.push_back({now, length, Kind::kill, server});
        now += length + dice.time(150, 300);
    }
    if (dice.roll(0, 1) == 0) {
        const auto length = dice.time(100, 1300);
        faults.push_back({now, length, Kind::freeze, dice.roll(0, servers - 1)});
        now += length + dice.time(50, 150);
    }
    return now;
}

// One after the other on each lane.
void disturb_lane(Dice& dice, std::size_t lane, milliseconds end, std::vector<Fault>& faults) {
    constexpr std::array kinds{Kind::reset,
                               Kind::fin,
                               Kind::half_close_to_server,
                               Kind::half_close_to_client,
                               Kind::stall_to_server,
                               Kind::stall_to_client,
                               Kind::split_bytes,
                               Kind::split_random,
                               Kind::refuse};
    milliseconds now = dice.time(0, 400);
    while (now < end) {
        const auto kind = kinds[dice.roll(0, kinds.size() - 1)];
        milliseconds length{0};
        if (kind == Kind::stall_to_server || kind == Kind::stall_to_client)
            length = dice.roll(0, 3) == 0 ? dice.time(1000, 1400) : dice.time(20, 300);
        else if (kind == Kind::split_bytes || kind == Kind::split_random || kind == Kind::refuse)
            length = dice.time(50, 400);
        length = std::min(length, end - now);
        faults.push_back({now, length, kind, lane});
        now += length + dice.time(100, 800);
    }
}

} // namespace

std::string_view to_string(Kind kind) noexcept {
    switch (kind) {
    case Kind::kill: return "kill";
    case Kind::freeze: return "freeze";
    case Kind::reset: return "reset";
    case Kind::fin: return "fin";
    case Kind::half_close_to_server: return "half-close to server";
    case Kind::half_close_to_client: return "half-close to client";
    case Kind::stall_to_server: return "stall to server";
    case Kind::stall_to_client: return "stall to client";
    case Kind::split_bytes: return "split at every byte";
    case Kind::split_random: return "split at random";
    case Kind::refuse: return "refuse connections";
    }
    return "unknown";
}

bool Schedule::old_bytes_may_come() const noexcept {
    return servers > 1 || std::any_of(faults.begin(), faults.end(),
                                      [](const Fault& fault) { return fault.kind != Kind::kill; });
}

Schedule make_schedule(std::uint64_t seed, std::size_t servers) {
    Dice dice{seed * 2 + (servers > 1)};
    Schedule schedule{seed, servers, {}, {}, {}};
    const bool kills_only = servers == 1 && seed % 4 == 0;
    const auto end = servers == 1 ? disturb_server(dice, kills_only, schedule.faults)
                                  : roll_through_servers(dice, servers, schedule.faults);
    schedule.length = std::max(end, milliseconds{800});
    const auto lanes = servers == 1 ? lanes_of_one_server : servers;
    for (std::size_t lane = 0; lane < lanes && !kills_only; ++lane)
        if (dice.roll(0, 3) != 0)
            disturb_lane(dice, lane, schedule.length, schedule.faults);
    std::sort(schedule.faults.begin(), schedule.faults.end(), [](const Fault& a, const Fault& b) {
        return std::tie(a.at, a.kind, a.target) < std::tie(b.at, b.kind, b.target);
    });

    constexpr std::array policies{Overflow::block, Overflow::drop_oldest, Overflow::drop_newest,
                                  Overflow::fail};
    for (std::size_t i = 0; i < slow_subscriptions; ++i)
        schedule.plans.push_back(
            {policies[(i + seed) % policies.size()], dice.roll(1, 64), dice.time(1, 20)});
    return schedule;
}

std::string describe(const Schedule& schedule) {
    std::ostringstream text;
    for (const auto& fault : schedule.faults) {
        text << "  " << fault.at.count() << " ms: " << to_string(fault.kind)
             << (hits_server(fault.kind) ? ", server " : ", lane ") << fault.target;
        if (fault.length.count() > 0)
            text << ", for " << fault.length.count() << " ms";
        text << '\n';
    }
    for (std::size_t i = 0; i < schedule.plans.size(); ++i) {
        constexpr std::array names{"block", "drop_oldest", "drop_newest", "fail"};
        const auto& plan = schedule.plans[i];
        text << "  slow subscription " << i << ": " << names[static_cast<std::size_t>(plan.overflow)]
             << ", room for " << plan.room << ", pause " << plan.pause.count() << " ms\n";
    }
    return text.str();
}

} // namespace fluxmq::chaos
