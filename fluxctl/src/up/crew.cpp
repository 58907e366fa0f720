// SPDX-License-Identifier: MIT
#include "up/crew.hpp"

#include "format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace fluxctl::up {

std::string to_string(const Ending& ending) {
    if (!ending.error.empty())
        return ending.error;
    const auto* const left = ending.left_others ? ", and what it had left behind was killed" : "";
    if (ending.signal != 0)
        return fmt::format("signal {} ({}){}", ending.signal, strsignal(ending.signal), left);
    return fmt::format("exit code {}{}", ending.code, left);
}

Crew::Crew(std::string service, const flow::Command& command)
    : service_{std::move(service)}, policy_{command.supervision} {
    wanted_ = command.words.empty() ? 0 : command.replicas;
    for (int number = 1; number <= wanted_; ++number)
        members_.emplace_back(number, policy_);
}

void Crew::launch(Member& member, Actions& actions) const {
    member.runs = true;
    member.told_to_end = member.wanted_again = false;
    member.launch_at.reset();
    actions.orders.push_back({Order::Kind::launch, service_, member.number});
}

void Crew::launch(Actions& actions) {
    for (auto& member : members_)
        if (!member.runs)
            launch(member, actions);
}

void Crew::forgive() noexcept {
    for (auto& member : members_)
        member.restarts.begin_anew();
}

void Crew::terminate(Actions& actions) {
    for (auto& member : members_)
        terminate(member, actions);
}

void Crew::terminate(Member& member, Actions& actions) const {
    member.launch_at.reset();
    member.wanted_again = false;
    if (member.runs && !std::exchange(member.told_to_end, true))
        actions.orders.push_back({Order::Kind::terminate, service_, member.number});
}

void Crew::change(const flow::Command& command, bool launch_new, Actions& actions) {
    policy_ = command.supervision;
    wanted_ = command.words.empty() ? 0 : command.replicas;
    for (auto& member : members_) {
        member.restarts.set_policy(policy_);
        if (member.number > wanted_)
            terminate(member, actions);
        else
            member.wanted_again = member.told_to_end && launch_new;
    }
    std::erase_if(members_, [&](const Member& member) { return member.number > wanted_ && !member.runs; });
    for (int number = 1; number <= wanted_; ++number) {
        const bool known = std::any_of(members_.begin(), members_.end(),
                                       [&](const Member& member) { return member.number == number; });
        if (known)
            continue;
        members_.emplace_back(number, policy_);
        if (launch_new)
            launch(members_.back(), actions);
    }
}

std::string Crew::name_of(const Member& member) const {
    return wanted_ > 1 ? service_ + '#' + std::to_string(member.number) : service_;
}

void Crew::on_end(int replica, const Ending& ending, bool may_restart, TimePoint now, Actions& actions) {
    const auto found = std::find_if(members_.begin(), members_.end(),
                                    [&](const Member& member) { return member.number == replica; });
    if (found == members_.end())
        return;
    const auto name = name_of(*found);
    found->runs = false;
    actions.notice(ending.error.empty() ? "process ended" : "process not started", name, to_string(ending));
    if (found->number > wanted_) {
        members_.erase(found);
        return;
    }
    if (std::exchange(found->told_to_end, false)) {
        if (found->wanted_again)
            launch(*found, actions);
        return;
    }
    if (!may_restart)
        return;
    const auto pause = found->restarts.pause_after(ending.failed(), now);
    if (pause) {
        found->launch_at = now + *pause;
        actions.notice("starts again", name, "in " + format_duration(*pause));
    } else if (found->restarts.given_up()) {
        actions.notice(
            "gives up", name,
            fmt::format("{} restarts within {}", policy_.most_restarts, format_duration(policy_.window)));
    }
}

void Crew::call_off() noexcept {
    for (auto& member : members_)
        member.launch_at.reset();
}

void Crew::due(TimePoint now, Actions& actions) {
    for (auto& member : members_)
        if (member.launch_at && *member.launch_at <= now)
            launch(member, actions);
}

Crew::TimePoint Crew::next_due() const noexcept {
    auto next = TimePoint::max();
    for (const auto& member : members_)
        next = std::min(next, member.launch_at.value_or(TimePoint::max()));
    return next;
}

void Crew::kill_hung(int replica, Actions& actions) const {
    if (policy_.restart == fluxlib::Restart::never)
        return;
    for (const auto& member : members_)
        if (member.runs && member.number == replica)
            actions.orders.push_back({Order::Kind::kill, service_, replica});
}

int Crew::running() const noexcept {
    return static_cast<int>(
        std::count_if(members_.begin(), members_.end(), [](const Member& member) { return member.runs; }));
}

} // namespace fluxctl::up
