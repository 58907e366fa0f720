// SPDX-License-Identifier: MIT
#include "subscriptions.hpp"

#include <algorithm>

namespace fluxmq::nats {

Subscriptions::Entry::Entry(std::string_view topic, std::string group, std::shared_ptr<Receiver> to,
                            std::uint64_t limit)
    : storage{topic.size()}, subject{storage.data(), topic.size()}, queue{std::move(group)},
      receiver{std::move(to)}, max_messages{limit} {
    std::copy(topic.begin(), topic.end(), storage.data());
}

Subscriptions::Delivery::~Delivery() {
    table_.delivering_ = false;
    retired_.swap(table_.retired_);
}

void Subscriptions::clear() noexcept {
    SlotMap<Entry> gone{inbox_sid + 1}; // destroyed after the lock
    const std::lock_guard lock{mutex_};
    if (delivering_)
        entries_.for_each(
            [&](std::uint64_t, Entry& entry) { retired_.push_back(std::move(entry.receiver)); });
    std::swap(gone, entries_);
}

Subscriptions::Outcome Subscriptions::deliver_to(Entry& entry, std::uint64_t sid, Message&& message,
                                                 Message& refused) {
    // Counted first: the entry may be gone when offer() returns.
    const bool last = ++entry.delivered == entry.max_messages;
    if (!entry.receiver->offer(std::move(message))) {
        refused = std::move(message); // NOLINT(bugprone-use-after-move): untouched by contract
        if (auto* still = entries_.find(sid))
            --still->delivered;
        return Outcome::full;
    }
    if (last)
        if (auto ended = entries_.erase(sid))
            retired_.push_back(std::move(ended->receiver));
    return Outcome::taken;
}

std::shared_ptr<Receiver> Subscriptions::receiver(std::uint64_t sid) {
    const std::lock_guard lock{mutex_};
    const auto* entry = entries_.find(sid);
    return entry ? entry->receiver : nullptr;
}

void Subscriptions::Entry::append(OutBuffer& out, std::uint64_t sid) const {
    append_subscribe(out, subject, queue, sid);
    if (max_messages > 0)
        append_unsubscribe(out, sid, max_messages - delivered); // the server counts from this SUB on
}

void Subscriptions::append_all(OutBuffer& out) {
    entries_.for_each([&](std::uint64_t sid, const Entry& entry) {
        if (!entry.draining)
            entry.append(out, sid);
    });
}

} // namespace fluxmq::nats
