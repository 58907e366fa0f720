// SPDX-License-Identifier: MIT
#include "subscriptions.hpp"

namespace fluxmq::nats {

Subscriptions::Delivery::~Delivery() {
    batch_.reset();
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

Subscriptions::Outcome Subscriptions::Delivery::offer(std::uint64_t sid, Message&& message) {
    if (sid == last_sid_ && last_inlet_ && offer_to_batch(message))
        return Outcome::taken;
    batch_.reset();
    auto* entry = table_.entries_.find(sid);
    if (!entry)
        return Outcome::unknown;
    last_sid_ = sid;
    last_inlet_ = entry->max_messages == 0 ? entry->inlet : nullptr;
    // Counted first: the entry may be gone when offer() returns.
    const bool last = ++entry->delivered == entry->max_messages;
    if (!entry->receiver->offer(std::move(message))) {
        if (auto* still = table_.entries_.find(sid))
            --still->delivered;
        return Outcome::full;
    }
    if (last)
        if (auto ended = table_.entries_.erase(sid))
            table_.retired_.push_back(std::move(ended->receiver));
    return Outcome::taken;
}

// Others must not be kept out for long.
bool Subscriptions::Delivery::offer_to_batch(Message& message) {
    constexpr int largest_batch = 32;
    if (batch_size_ == largest_batch)
        batch_.reset();
    if (!batch_) {
        batch_.emplace(*last_inlet_);
        batch_size_ = 0;
    }
    ++batch_size_;
    return batch_->offer(std::move(message));
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
