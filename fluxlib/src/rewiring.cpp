// SPDX-License-Identifier: MIT
#include "rewiring.hpp"

#include <fluxmq/subject.hpp>

#include <algorithm>
#include <atomic>
#include <utility>

namespace fluxlib {

// Passes over what comes before the change.
class Rewiring::Later final : public fluxmq::Receiver {
public:
    void open(std::shared_ptr<fluxmq::Receiver> next) {
        next_ = std::move(next);
        open_.store(true, std::memory_order_release);
    }

    bool offer(Message&& message) noexcept override {
        return !open_.load(std::memory_order_acquire) || next_->offer(std::move(message));
    }
    void when_ready(std::function<void()> resume) override {
        if (open_.load(std::memory_order_acquire))
            next_->when_ready(std::move(resume));
        else
            resume();
    }

private:
    std::shared_ptr<fluxmq::Receiver> next_; // written before open_
    std::atomic<bool> open_{false};
};

namespace {

bool contains(const std::vector<std::string>& all, const std::string& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
}

std::size_t index_of(const std::vector<std::string>& all, const std::string& one) {
    return static_cast<std::size_t>(std::find(all.begin(), all.end(), one) - all.begin());
}

// Of `wanted` and `fresh`, those that take messages which `pattern` matches too. Equal ones are handed over instead.
std::vector<std::string> overlapping(const std::string& pattern, const std::vector<std::string>& wanted,
                                     const std::vector<std::string>& fresh) {
    std::vector<std::string> found;
    for (const auto* each : {&wanted, &fresh})
        for (const auto& other : *each)
            if (fluxmq::has_wildcard(other) ? fluxmq::has_wildcard(pattern) || fluxmq::matches(other, pattern)
                                            : fluxmq::matches(pattern, other))
                found.push_back(other);
    return found;
}

} // namespace

void Rewiring::undo() noexcept {
    for (const auto& move : moves_)
        if (move.route && move.arrives)
            move.route->expected.clear();
    moves_.clear();
}

// What it was to hand over, whoever was to get it subscribes when it listens the next time. Its moves stay, without a
// route: prepare() may be at one of them.
void Rewiring::forget(const NodeRuntime& node) noexcept {
    const auto is_of_node = [&](const Input::Route* route) { return route && &route->input.node_ == &node; };
    std::erase_if(givers_, [&](const auto& giver) { return is_of_node(giver.second); });
    for (auto& move : moves_) {
        std::erase_if(move.gains, [&](const Gain& gain) { return is_of_node(gain.giver); });
        if (is_of_node(move.route))
            move.route = nullptr;
    }
    end_left(node);
}

void Rewiring::change(Input& input, const std::vector<std::string>& topics) {
    auto& route = *input.routes_.front();
    auto wanted = heard_as(topics);
    if (wanted == route.patterns)
        return;
    const std::lock_guard lock{input.node_.ports_mutex()};
    const bool listens =
        input.node_.listens() || std::any_of(route.subscriptions.begin(), route.subscriptions.end(),
                                             [](const auto& each) { return each.active(); });
    moves_.push_back({&route, std::move(wanted), false, listens});
}

void Rewiring::arrive(Input& input) {
    auto& route = *input.routes_.front();
    moves_.push_back({&route, route.patterns, true});
}

void Rewiring::leave(Input& input) { moves_.push_back({input.routes_.front().get(), {}}); }

void Rewiring::find_givers() {
    for (const auto& move : moves_)
        if (!move.arrives)
            for (const auto& pattern : move.route->patterns)
                if (!contains(move.wanted, pattern))
                    givers_.emplace(pattern, move.route);
}

// Takes the first that can give `pattern` away, for it gives once; null when there is none.
Input::Route* Rewiring::take_giver(const std::string& pattern) {
    for (auto [at, end] = givers_.equal_range(pattern); at != end; ++at) {
        auto* route = at->second;
        const std::lock_guard lock{route->input.node_.ports_mutex()};
        const auto index = index_of(route->patterns, pattern);
        auto& all = route->subscriptions;
        // Whether the transport can do it is seen by giving it to the receiver that it has.
        if (index < all.size() && all[index].redirect(route->receiver(index))) {
            givers_.erase(at);
            return route;
        }
    }
    return nullptr;
}

Task<> Rewiring::prepare() {
    find_givers();
    for (auto& move : moves_) {
        if (!move.listens)
            continue;
        for (std::size_t i = 0; move.route && i < move.wanted.size(); ++i) {
            const auto& pattern = move.wanted[i];
            if (!move.arrives && contains(move.route->patterns, pattern))
                continue;
            Gain gain;
            gain.index = i;
            gain.giver = take_giver(pattern);
            if (!gain.giver && move.arrives)
                continue; // its init() does it
            if (!gain.giver) {
                gain.later = std::make_shared<Later>();
                auto topic = pattern;
                gain.subscription = co_await transport_.subscribe(std::move(topic), gain.later);
            }
            move.gains.push_back(std::move(gain));
        }
    }
    for (auto& move : moves_)
        if (move.route && move.arrives) {
            move.route->expected.assign(move.wanted.size(), false);
            for (const auto& gain : move.gains)
                move.route->expected[gain.index] = true;
        }
}

// Those that give first let go, so that everybody finds what is theirs.
void Rewiring::commit() noexcept {
    std::erase_if(moves_, [](const Move& move) { return !move.route; });
    for (auto& move : moves_)
        for (auto& gain : move.gains)
            if (gain.giver) {
                const std::lock_guard lock{gain.giver->input.node_.ports_mutex()};
                const auto index = index_of(gain.giver->patterns, move.wanted[gain.index]);
                gain.subscription = std::move(gain.giver->subscriptions[index]);
            }
    const auto fresh = fresh_patterns();
    for (auto& move : moves_)
        take(move, fresh);
    moves_.clear();
}

// Those that were subscribed for this change: by prepare(), or by the init() of whoever arrives.
std::vector<std::string> Rewiring::fresh_patterns() const {
    std::vector<std::string> fresh;
    for (const auto& move : moves_) {
        std::vector<bool> handed(move.wanted.size(), !move.arrives);
        for (const auto& gain : move.gains)
            handed[gain.index] = gain.giver != nullptr;
        for (std::size_t i = 0; i < handed.size(); ++i)
            if (!handed[i])
                fresh.push_back(move.wanted[i]);
    }
    return fresh;
}

void Rewiring::take(Move& move, const std::vector<std::string>& fresh) {
    auto& route = *move.route;
    const std::lock_guard lock{route.input.node_.ports_mutex()};
    std::vector<fluxmq::Subscription> subscriptions(move.wanted.size());
    route.subscriptions.resize(route.patterns.size());
    for (std::size_t i = 0; i < route.patterns.size(); ++i) {
        const auto place = index_of(move.wanted, route.patterns[i]);
        if (place < subscriptions.size())
            subscriptions[place] = std::move(route.subscriptions[i]);
        else if (route.subscriptions[i].active()) {
            if (auto taken = overlapping(route.patterns[i], move.wanted, fresh); !taken.empty())
                route.subscriptions[i].redirect(route.receiver(i, std::move(taken)));
            left_.push_back({&route.input.node_, route.patterns[i], std::move(route.subscriptions[i])});
        }
    }
    const auto before = std::exchange(route.patterns, move.wanted);
    route.expected.clear();
    for (auto& gain : move.gains) {
        if (gain.later)
            gain.later->open(route.receiver(gain.index));
        gain.subscription.redirect(route.receiver(gain.index));
        subscriptions[gain.index] = std::move(gain.subscription);
    }
    // Where patterns overlap, who takes a message depends on all of them.
    const auto overlap = [](const auto& patterns) {
        return std::any_of(patterns.begin(), patterns.end(), fluxmq::has_wildcard);
    };
    if (before != route.patterns && (overlap(before) || overlap(route.patterns)))
        for (std::size_t i = 0; i < subscriptions.size(); ++i)
            subscriptions[i].redirect(route.receiver(i));
    route.subscriptions = std::move(subscriptions);
}

bool Rewiring::has_left(const NodeRuntime& node, const std::vector<std::string>& topics) const {
    return std::any_of(left_.begin(), left_.end(), [&](const Left& left) {
        return left.node == &node && std::any_of(topics.begin(), topics.end(), [&](const auto& topic) {
                   return fluxmq::matches(left.pattern, topic);
               });
    });
}

std::multimap<const NodeRuntime*, std::string> Rewiring::left_patterns() const {
    std::multimap<const NodeRuntime*, std::string> patterns;
    for (const auto& left : left_)
        patterns.emplace(left.node, left.pattern);
    return patterns;
}

void Rewiring::end_left(const NodeRuntime& node) {
    std::erase_if(left_, [&](const Left& left) { return left.node == &node; });
}

} // namespace fluxlib
