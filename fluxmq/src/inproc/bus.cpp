// SPDX-License-Identifier: MIT
#include "bus.hpp"

#include <fluxmq/subject.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

namespace fluxmq {

namespace inproc {

Target::Target(std::string pattern, std::shared_ptr<Receiver> receiver, const SubscribeOptions& options)
    : receiver_{std::move(receiver)}, intake_{options.max_messages}, pattern_{std::move(pattern)},
      queue_{options.queue} {}

void Target::end() noexcept {
    receiver_->shut(intake_);
    resume_blocked();
}

void Target::hand_on(std::shared_ptr<Target> successor) noexcept {
    {
        const std::lock_guard lock{mutex_};
        successor_ = std::move(successor);
    }
    end();
}

Target::Offered Target::offer_to_successor(Message& message) noexcept {
    std::shared_ptr<Target> successor;
    {
        const std::lock_guard lock{mutex_};
        successor = successor_;
    }
    return successor ? successor->offer(message) : Offered::ended;
}

void Target::when_ready(std::function<void()> resume) {
    bool ended = false;
    bool asked = false;
    {
        const std::lock_guard lock{mutex_};
        blocked_.push_back(std::move(resume));
        ended = intake_.is_shut();
        asked = std::exchange(asked_, true);
    }
    if (ended)
        resume_blocked();
    else if (!asked)
        receiver_->when_ready([weak = weak_from_this()] {
            if (const auto self = weak.lock())
                self->resume_blocked();
        });
}

void Target::resume_blocked() {
    std::vector<std::function<void()>> resumed;
    {
        const std::lock_guard lock{mutex_};
        asked_ = false;
        resumed.swap(blocked_);
    }
    for (const auto& resume : resumed)
        resume();
}

} // namespace inproc

using inproc::Route;
using inproc::Target;

namespace {

// Enough for every topic of a large mesh; an unbounded one would grow with every reply topic.
constexpr std::size_t max_routes = 16'384;

} // namespace

void InProcBus::Core::add(const std::shared_ptr<Target>& target) {
    const std::unique_lock lock{mutex_};
    target->number = ++last_number_;
    put_in(target);
}

void InProcBus::Core::remove(const std::shared_ptr<Target>& target) noexcept {
    const std::unique_lock lock{mutex_};
    take_out(target);
}

void InProcBus::Core::replace(const std::shared_ptr<Target>& from, const std::shared_ptr<Target>& to) {
    const std::unique_lock lock{mutex_};
    to->number = from->number;
    take_out(from);
    put_in(to);
}

void InProcBus::Core::put_in(const TargetPtr& target) {
    if (has_wildcard(target->pattern()))
        wild_.insert(target->pattern(), target);
    else
        exact_.emplace(target->pattern(), target);
    forget_routes(target->pattern());
    generation_.fetch_add(1, std::memory_order_release);
}

void InProcBus::Core::take_out(const TargetPtr& target) noexcept {
    const auto [first, last] = exact_.equal_range(target->pattern());
    const auto found = std::find_if(first, last, [&](const auto& entry) { return entry.second == target; });
    if (found != last)
        exact_.erase(found);
    else
        wild_.erase(target->pattern(), target);
    forget_routes(target->pattern());
    generation_.fetch_add(1, std::memory_order_release);
}

// Only those that change: queue groups of the others keep their turns.
void InProcBus::Core::forget_routes(std::string_view pattern) noexcept {
    if (has_wildcard(pattern))
        std::erase_if(routes_, [&](const auto& entry) { return matches(pattern, entry.first); });
    else if (const auto found = routes_.find(pattern); found != routes_.end())
        routes_.erase(found);
}

std::shared_ptr<const Route> InProcBus::Core::route(std::string_view topic) {
    {
        const std::shared_lock lock{mutex_};
        if (const auto found = routes_.find(topic); found != routes_.end())
            return found->second;
    }
    check_publish(topic);
    const std::unique_lock lock{mutex_};
    auto route = make_route(topic);
    if (route->empty()) // most are reply topics, which come once
        return route;
    if (routes_.size() >= max_routes)
        routes_.clear();
    routes_.emplace(route->topic.view(), route);
    return route;
}

std::shared_ptr<const Route> InProcBus::Core::make_route(std::string_view topic) const {
    auto route = std::make_shared<Route>();
    route->topic = Bytes::copy(topic);
    std::vector<TargetPtr> targets;
    const auto [first, last] = exact_.equal_range(topic);
    for (auto at = first; at != last; ++at)
        targets.push_back(at->second);
    wild_.match(topic, [&](const TargetPtr& target) { targets.push_back(target); });
    std::sort(targets.begin(), targets.end(),
              [](const TargetPtr& a, const TargetPtr& b) { return a->number < b->number; });
    std::map<std::string_view, std::vector<TargetPtr>> groups;
    for (auto& target : targets) {
        if (target->queue().empty())
            route->everyone.push_back(std::move(target));
        else
            groups[target->queue()].push_back(std::move(target));
    }
    for (auto& [name, members] : groups)
        route->groups.push_back(std::make_unique<Route::Group>(std::move(members)));
    return route;
}

InProcBus::InProcBus(InProcOptions options) : core_{std::make_shared<Core>(std::move(options))} {}
InProcBus::~InProcBus() = default;

} // namespace fluxmq
