// SPDX-License-Identifier: MIT
#include "account.hpp"

#include <algorithm>
#include <string_view>

namespace fluxmq::chaos {

namespace {

// Collects what does not hold.
class Law {
public:
    void equal(std::string_view what, std::uint64_t is, std::uint64_t must) {
        if (is != must)
            say(what, is, "must be", must);
    }
    void at_most(std::string_view what, std::uint64_t is, std::uint64_t limit) {
        if (is > limit)
            say(what, is, "must be at most", limit);
    }
    Violations take() { return std::move(violations_); }

private:
    void say(std::string_view what, std::uint64_t is, std::string_view relation, std::uint64_t value) {
        violations_.push_back(std::string{what} + " is " + std::to_string(is) + ", " + std::string{relation} +
                              ' ' + std::to_string(value));
    }
    Violations violations_;
};

} // namespace

void Trace::arrived(Number number, Number connection) {
    if (has(number)) {
        ++(connections_[number] == connection + 1 ? duplicates_ : repeated_);
        return;
    }
    if (number >= connections_.size())
        connections_.resize(number + 1);
    else
        ++late_;
    connections_[number] = connection + 1;
    ++count_;
    // It goes on with the strand that has the highest last number below it: so there are as few as can be.
    const auto strand =
        std::find_if(strands_.begin(), strands_.end(), [&](Number last) { return last < number; });
    if (strand == strands_.end())
        strands_.push_back(number);
    else
        *strand = number;
}

Number Trace::first_from(Number from) const noexcept {
    while (from < end() && !has(from))
        ++from;
    return std::min(from, end());
}

Number Trace::missing(Number from, Number to) const noexcept {
    Number count = 0;
    for (auto number = from; number < to; ++number)
        count += !has(number);
    return count;
}

Number Trace::missing_runs(Number from, Number to) const noexcept {
    Number runs = 0;
    for (auto number = from; number < to; ++number)
        runs += !has(number) && (number == from || has(number - 1));
    return runs;
}

Violations judge(const Trace& trace, const Facts& facts) {
    Law law;
    law.equal("duplicates", trace.duplicates(), 0);
    if (!facts.moves || facts.receiver_breaks == 0)
        law.equal("messages repeated on a later connection", trace.repeated(), 0);
    law.at_most("the highest number that arrived, plus one,", trace.end(), facts.published);
    law.at_most("runs of missing messages", trace.missing_runs(facts.first, facts.published),
                facts.publisher_breaks + facts.receiver_breaks);
    law.at_most("strands of order", trace.strands(),
                1 + (facts.old_bytes_may_come ? facts.publisher_breaks : 0));
    law.equal("missing messages that no break explains", trace.missing(facts.calm, facts.published), 0);
    law.equal("arrived and missing", trace.count() + trace.missing(0, facts.published), facts.published);
    return law.take();
}

Violations judge(const MailboxCounters& counters, Overflow policy, std::uint64_t offered,
                 std::uint64_t read) {
    Law law;
    const auto& dropped = counters.dropped;
    law.equal("received by the mailbox", counters.received, offered);
    law.equal("delivered by the mailbox", counters.delivered, read);
    law.equal("received", counters.received, counters.delivered + dropped.total() + counters.pending);
    const auto reason = policy == Overflow::drop_oldest   ? dropped.oldest
                        : policy == Overflow::drop_newest ? dropped.newest
                        : policy == Overflow::fail        ? dropped.failed
                                                          : 0;
    law.equal("dropped", dropped.total(), reason + dropped.closed);
    return law.take();
}

Violations judge(const TransportCounters& counters, const Traffic& traffic) {
    Law law;
    law.equal("published", counters.published, traffic.published);
    law.equal("published bytes", counters.published_bytes, traffic.published_bytes);
    law.equal("rejected", counters.rejected, traffic.rejected);
    law.equal("received", counters.received, traffic.received);
    law.equal("received bytes", counters.received_bytes, traffic.received_bytes);
    law.equal("lost", counters.lost, traffic.lost);
    law.equal("pending", counters.pending, 0);
    law.equal("reconnects", counters.reconnects, traffic.reconnects);
    return law.take();
}

} // namespace fluxmq::chaos
