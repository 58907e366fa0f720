// SPDX-License-Identifier: MIT
#include "tap.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <string_view>

namespace fluxmq::chaos {

std::string topic_of(std::size_t flow) {
    const auto publisher = std::to_string(flow / topics);
    const auto topic = flow % topics;
    return topic == queued_topic ? "queued." + publisher : "load." + publisher + '.' + std::to_string(topic);
}

std::string payload_of(Number number) {
    auto text = std::to_string(number) + ' ';
    text.append(number * 7 % 200, static_cast<char>('a' + number % 26));
    return text;
}

namespace {

const std::array<std::string, flows>& all_topics() {
    static const auto all = [] {
        std::array<std::string, flows> made;
        for (std::size_t flow = 0; flow < flows; ++flow)
            made[flow] = topic_of(flow);
        return made;
    }();
    return all;
}

} // namespace

Tap::Tap(std::string name, const std::atomic<Number>& connection, Mailbox& mailbox, MailboxLimits limits)
    : name_{std::move(name)}, connection_{connection}, policy_{limits.overflow},
      inlet_{mailbox.add_inlet(limits, this)} {}

bool Tap::understand(const Message& message, Mark& mark) const {
    const auto topic = message.topic();
    for (mark.flow = 0; mark.flow < flows && topic != all_topics()[mark.flow];)
        ++mark.flow;
    const auto text = message.text();
    const auto end = std::from_chars(text.data(), text.data() + text.size(), mark.number);
    return mark.flow < flows && end.ec == std::errc{} && mark.number < 10'000'000 &&
           text == payload_of(mark.number);
}

void Tap::complain(std::string what) {
    constexpr std::size_t enough = 5;
    if (wrong_.size() < enough)
        wrong_.push_back(std::move(what));
}

bool Tap::offer(Message&& message) noexcept {
    const std::lock_guard lock{mutex_};
    Mark mark;
    const bool understood = understand(message, mark);
    const auto size = message.payload().size();
    if (!understood)
        complain("offered a damaged message on " + std::string{message.topic()} + ": " +
                 std::string{message.text()});
    if (ended_)
        complain("offered a message after it was unsubscribed: " + std::string{message.topic()});
    if (!inlet_->offer(std::move(message)))
        return false;
    ++taken_;
    bytes_ += size;
    if (understood) {
        traces_[mark.flow].arrived(mark.number, connection_);
        unread_.push_back(mark);
    }
    if (measures_) {
        const auto now = std::chrono::steady_clock::now();
        gap_ = std::max(gap_, now - std::exchange(last_arrival_, now));
    }
    return true;
}

void Tap::read(const Message& message) {
    const std::lock_guard lock{mutex_};
    ++read_;
    Mark mark;
    if (!understand(message, mark))
        return complain("read a damaged message on " + std::string{message.topic()});
    // Those before it were dropped; what is not among those behind came earlier, or never.
    const auto at = std::find(unread_.begin(), unread_.end(), mark);
    if (at == unread_.end())
        return complain("read number " + std::to_string(mark.number) + " of " + std::string{message.topic()} +
                        " out of the order of arrival");
    unread_.erase(unread_.begin(), std::next(at));
}

void Tap::end() {
    const std::lock_guard lock{mutex_};
    ended_ = true;
}

void Tap::measure_gap(bool on) {
    const std::lock_guard lock{mutex_};
    const auto now = std::chrono::steady_clock::now();
    if (measures_ && !on)
        gap_ = std::max(gap_, now - last_arrival_);
    measures_ = on;
    last_arrival_ = now;
}

std::chrono::milliseconds Tap::gap() const {
    const std::lock_guard lock{mutex_};
    return std::chrono::duration_cast<std::chrono::milliseconds>(gap_);
}

Trace Tap::trace(std::size_t flow) const {
    const std::lock_guard lock{mutex_};
    return traces_[flow];
}

bool Tap::has(std::size_t flow, Number number) const {
    const std::lock_guard lock{mutex_};
    return traces_[flow].has(number);
}

bool Tap::has_any_from(std::size_t flow, Number number) const {
    const std::lock_guard lock{mutex_};
    return traces_[flow].end() > number;
}

std::uint64_t Tap::taken() const {
    const std::lock_guard lock{mutex_};
    return taken_;
}

std::uint64_t Tap::taken_bytes() const {
    const std::lock_guard lock{mutex_};
    return bytes_;
}

Violations Tap::judge() const {
    const std::lock_guard lock{mutex_};
    auto violations = wrong_;
    auto more = chaos::judge(inlet_->counters(), policy_, taken_, read_);
    violations.insert(violations.end(), more.begin(), more.end());
    return violations;
}

} // namespace fluxmq::chaos
