// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/mailbox.hpp>

#include "protocol.hpp"
#include "slot_map.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fluxmq::nats {

/// The subscriptions of a transport; they outlive its connections.
///
/// Messages are delivered under its lock, which is taken once for all that one read brought: so erase() on
/// another thread returns when no offer() runs any more, and a delivery costs no lock of its own. The lock is
/// recursive, because a receiver may drop its own subscription.
///
/// Thread safety: all members.
class Subscriptions {
public:
    /// The id of the inbox that all requests share; it is not in the table.
    static constexpr std::uint64_t inbox_sid = 1;

    /// Holds the lock while messages are delivered.
    class Delivery {
    public:
        explicit Delivery(Subscriptions& table) : table_{table}, lock_{table.mutex_} {
            table_.delivering_ = true;
        }
        ~Delivery();

        enum class Outcome { taken, unknown, full };

        /// Offers `message` to the subscription `sid`. On Outcome::full it is left untouched.
        Outcome offer(std::uint64_t sid, Message&& message);

        /// What comes next is not for the inlet of the last message.
        void end_batch() noexcept { batch_.reset(); }

    private:
        bool offer_to_batch(Message& message);

        Subscriptions& table_;
        std::vector<std::shared_ptr<Receiver>> retired_; // destroyed after the lock
        std::unique_lock<std::recursive_mutex> lock_;
        // A run of messages for one inlet goes in under one lock of that.
        std::uint64_t last_sid_ = 0;
        Inlet* last_inlet_ = nullptr; // of last_sid_, when it takes batches
        std::optional<Inlet::Batch> batch_;
        int batch_size_ = 0;
    };
    using Outcome = Delivery::Outcome;

    struct Entry {
        std::string subject;
        std::string queue;
        std::shared_ptr<Receiver> receiver;
        std::uint64_t max_messages = 0;
        std::uint64_t delivered = 0;
        bool draining = false;  ///< the server has been told of its end
        Inlet* inlet = nullptr; ///< the receiver, when that is one

        /// What tells a server of it.
        void append(OutBuffer& out, std::uint64_t sid) const;
    };

    /// Calls `announce(sid, entry)` with the lock held, so that no connection comes up in between.
    template <class Announce>
    std::uint64_t insert(Entry entry, Announce announce) {
        entry.inlet = dynamic_cast<Inlet*>(entry.receiver.get());
        const std::lock_guard lock{mutex_};
        const auto sid = entries_.insert(std::move(entry));
        announce(sid, std::as_const(*entries_.find(sid)));
        return sid;
    }

    /// Removes; after it returns nothing more is offered to the receiver. `announce(sid)` as in insert(), only
    /// when it was there.
    template <class Announce>
    void erase(std::uint64_t sid, Announce announce) {
        std::optional<Entry> gone; // destroyed after the lock
        const std::lock_guard lock{mutex_};
        gone = entries_.erase(sid);
        if (!gone)
            return;
        if (delivering_)
            retired_.push_back(std::move(gone->receiver));
        if (!gone->draining)
            announce(sid);
    }

    /// Gives the subscription `sid` another receiver, the one that `watched(subject)` returns. Not one that is about to
    /// end, or has a limit.
    template <class Watched>
    bool redirect(std::uint64_t sid, Watched watched) {
        std::shared_ptr<Receiver> former; // destroyed after the lock
        const std::lock_guard lock{mutex_};
        auto* entry = entries_.find(sid);
        if (!entry || entry->draining || entry->max_messages != 0)
            return false;
        former = std::exchange(entry->receiver, watched(entry->subject));
        entry->inlet = dynamic_cast<Inlet*>(entry->receiver.get());
        if (delivering_)
            retired_.push_back(std::move(former));
        return true;
    }

    /// A subscription that is about to end.
    struct Drained {
        std::string subject;
        std::shared_ptr<Receiver> receiver;
    };
    /// No connection subscribes `sid` any more, or with 0 any of them; what is on the way is still delivered. Gives
    /// those concerned, the ones too that were drained before. `announce(sid)` as in insert(), for the new ones.
    template <class Announce>
    std::vector<Drained> drain(std::uint64_t sid, Announce announce) {
        std::vector<Drained> drained;
        const auto add = [&](std::uint64_t id, Entry& entry) {
            if (!std::exchange(entry.draining, true))
                announce(id);
            drained.push_back({std::string{entry.subject}, entry.receiver});
        };
        const std::lock_guard lock{mutex_};
        if (sid == 0)
            entries_.for_each(add);
        else if (auto* entry = entries_.find(sid))
            add(sid, *entry);
        return drained;
    }

    /// Removes all.
    void clear() noexcept;

    /// The receiver of `sid`; null when that is gone.
    std::shared_ptr<Receiver> receiver(std::uint64_t sid);

    /// Calls `use(frames)` with the lock held; `frames` subscribes everything anew, after `first`.
    template <class Use>
    void resubscribe(OutBuffer first, Use use) {
        const std::lock_guard lock{mutex_};
        append_all(first);
        use(std::move(first));
    }

    /// Calls `use(frames)` with the lock held; `frames` tells a server that nothing is wanted any more.
    template <class Use>
    void unsubscribe_all(Use use) {
        const std::lock_guard lock{mutex_};
        OutBuffer frames;
        append_unsubscribe(frames, inbox_sid);
        entries_.for_each([&](std::uint64_t sid, const Entry& entry) {
            if (!entry.draining)
                append_unsubscribe(frames, sid);
        });
        use(std::move(frames));
    }

private:
    void append_all(OutBuffer& out);

    std::recursive_mutex mutex_;
    bool delivering_ = false;
    std::vector<std::shared_ptr<Receiver>> retired_; // dropped while they may be running
    SlotMap<Entry> entries_{inbox_sid + 1};
};

} // namespace fluxmq::nats
