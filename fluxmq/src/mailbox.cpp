// SPDX-License-Identifier: MIT
#include <fluxmq/mailbox.hpp>

#include <fluxmq/wakeup.hpp>

#include <algorithm>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

namespace fluxmq {

namespace {

using Index = std::uint32_t;
constexpr Index none = ~Index{0};

// To be called without the lock.
using Calls = std::vector<std::function<void()>>;

void call_all(Calls& calls) {
    for (auto& call : calls)
        call();
}

void move_to(Calls& all, Calls& from) {
    for (auto& call : std::exchange(from, {}))
        all.push_back(std::move(call));
}

} // namespace

// An inlet's half of the queue; guarded by its mailbox's mutex.
struct Inlet::Part {
    std::shared_ptr<Mailbox> mailbox; // keeps the state alive
    MailboxLimits limits;
    void* user = nullptr;
    Lane lane = Lane::data;
    Gate gate = Gate::open;
    Index head = none; // its own messages, oldest first
    Index tail = none;
    MailboxCounters counters;
    std::uint64_t unreported_failures = 0;
    Calls waiting; // for room
    Calls idle;    // for the end of all that is pending
    std::shared_ptr<const std::function<void()>> on_overflow;
    std::size_t refused_bytes = 0; // the largest message that was refused and waits for room
};

// The messages lie in one growing table of slots, each linked into the order of arrival and into the order of
// its inlet: any of them can leave in constant time, and nothing is allocated once the table has its size.
struct Mailbox::State {
    struct Slot {
        Message message;
        Inlet::Part* part = nullptr;
        std::size_t bytes = 0; // memory that it alone keeps alive, see cost_of
        Index previous = none;
        Index next = none;
        Index next_of_part = none;
    };

    mutable std::mutex mutex;
    std::vector<Slot> slots;
    Index free = none;
    struct Order {
        Index head = none;
        Index tail = none;
    };
    Order orders[2];            // of the lanes
    std::list<Control> control; // a list takes no memory while it is empty
    std::vector<Inlet::Part*> parts;
    MailboxCounters retired; // of inlets that are gone
    bool closed = false;
    bool reader_waits = false;
    Inlet::Part* reading = nullptr; // of the message that the reader is at
    Wakeup wakeup;

    Order& order_of(const Inlet::Part& part) noexcept { return orders[static_cast<std::size_t>(part.lane)]; }

    // The message to pop next: of the control lane first.
    Index first() const noexcept { return orders[0].head != none ? orders[0].head : orders[1].head; }

    bool empty() const noexcept { return first() == none && control.empty(); }

    // Messages cut from one read buffer keep it alive together: the first of a run pays for all.
    std::size_t cost_of(const Inlet::Part& part, const Message& message) const noexcept {
        const auto& payload = message.payload();
        if (part.tail != none && payload.shares_storage_with(slots[part.tail].message.payload()))
            return 0;
        return std::max(payload.pinned(), payload.size());
    }

    void append(Inlet::Part& part, Message&& message, std::size_t bytes) {
        Index index = free;
        if (index == none) {
            index = static_cast<Index>(slots.size());
            slots.emplace_back();
        } else {
            free = slots[index].next;
        }
        auto& slot = slots[index];
        auto& [head, tail] = order_of(part);
        slot.message = std::move(message);
        slot.part = &part;
        slot.bytes = bytes;
        slot.previous = tail;
        slot.next = none;
        slot.next_of_part = none;
        (tail == none ? head : slots[tail].next) = index;
        tail = index;
        (part.tail == none ? part.head : slots[part.tail].next_of_part) = index;
        part.tail = index;
        ++part.counters.pending;
        part.counters.pending_bytes += bytes;
    }

    // Takes the oldest message of `part` out of both orders.
    Message remove_oldest(Inlet::Part& part) noexcept {
        const Index index = part.head;
        auto& slot = slots[index];
        auto& [head, tail] = order_of(part);
        (slot.previous == none ? head : slots[slot.previous].next) = slot.next;
        (slot.next == none ? tail : slots[slot.next].previous) = slot.previous;
        part.head = slot.next_of_part;
        if (part.head == none)
            part.tail = none;
        Message message = std::move(slot.message);
        if (part.head != none && message.payload().shares_storage_with(slots[part.head].message.payload()))
            slots[part.head].bytes += slot.bytes; // the next of the run pays from now on
        else
            part.counters.pending_bytes -= slot.bytes;
        --part.counters.pending;
        slot.next = free;
        free = index;
        return message;
    }

    // What `part` has waiting, for its caller to destroy after the lock.
    void drop_all(Inlet::Part& part, std::vector<Message>& dropped) {
        while (part.head != none) {
            dropped.push_back(remove_oldest(part));
            ++part.counters.dropped.closed;
        }
    }

    static bool fits(const Inlet::Part& part, std::size_t bytes) noexcept {
        return part.counters.pending == 0 || (part.counters.pending < part.limits.messages &&
                                              part.counters.pending_bytes + bytes <= part.limits.bytes);
    }

    // Publishers that wait are let in again when half of it is free, not for every single message, and when
    // what was refused fits: otherwise they would come in vain, again and again.
    static bool has_room(const Inlet::Part& part) noexcept {
        return part.gate != Inlet::Gate::open || part.counters.pending == 0 ||
               (part.counters.pending <= part.limits.messages / 2 &&
                part.counters.pending_bytes + std::max(part.refused_bytes, part.limits.bytes / 2) <=
                    part.limits.bytes);
    }

    // Those who wait for room.
    static void take_waiting(Inlet::Part& part, Calls& calls) {
        part.refused_bytes = 0;
        move_to(calls, part.waiting);
    }

    std::uint64_t pending(const Inlet::Part& part) const noexcept {
        return part.counters.pending + (reading == &part ? 1 : 0);
    }

    // Those who wait for the end of what is pending, if it has come.
    void take_idle(Inlet::Part& part, Calls& calls) const {
        if (!part.idle.empty() && pending(part) == 0)
            move_to(calls, part.idle);
    }

    // The reader is back: it has finished with the message it was at.
    void reader_is_back(Calls& calls) {
        if (auto* part = std::exchange(reading, nullptr))
            take_idle(*part, calls);
    }
};

// --- Mailbox -------------------------------------------------------------------------------------------------

Mailbox::Mailbox() : state_{std::make_unique<State>()} {}
Mailbox::~Mailbox() = default;

std::shared_ptr<Mailbox> Mailbox::create() { return std::shared_ptr<Mailbox>{new Mailbox}; }

std::shared_ptr<Inlet> Mailbox::add_inlet(MailboxLimits limits, void* user, Lane lane) {
    auto part = std::make_unique<Inlet::Part>();
    part->mailbox = shared_from_this();
    part->limits = limits;
    part->user = user;
    part->lane = lane;
    const std::lock_guard lock{state_->mutex};
    if (state_->closed)
        part->gate = Inlet::Gate::closed;
    state_->parts.push_back(part.get());
    return std::shared_ptr<Inlet>{new Inlet{std::move(part)}};
}

bool Mailbox::post(Control control) {
    {
        const std::lock_guard lock{state_->mutex};
        if (state_->closed)
            return false;
        state_->control.push_back(std::move(control));
        if (!std::exchange(state_->reader_waits, false))
            return true;
    }
    state_->wakeup.notify();
    return true;
}

std::optional<Mailbox::Control> Mailbox::pop_control() {
    Calls calls;
    std::optional<Control> control;
    {
        const std::lock_guard lock{state_->mutex};
        state_->reader_is_back(calls);
        if (!state_->control.empty()) {
            control.emplace(std::move(state_->control.front()));
            state_->control.pop_front();
        }
    }
    call_all(calls);
    return control;
}

std::optional<Mailbox::Delivery> Mailbox::pop_message() {
    Calls calls;
    std::optional<Delivery> delivery;
    {
        const std::lock_guard lock{state_->mutex};
        state_->reader_is_back(calls);
        if (const auto first = state_->first(); first != none) {
            auto& part = *state_->slots[first].part;
            delivery.emplace(state_->remove_oldest(part), part.user);
            ++part.counters.delivered;
            state_->reading = &part;
            if (!part.waiting.empty() && State::has_room(part))
                State::take_waiting(part, calls);
        }
    }
    call_all(calls);
    return delivery;
}

Task<bool> Mailbox::wait() {
    for (;;) {
        Calls calls;
        bool ready = false;
        bool closed = false;
        {
            const std::lock_guard lock{state_->mutex};
            state_->reader_is_back(calls);
            ready = !state_->empty();
            closed = state_->closed;
            state_->reader_waits = !ready && !closed;
        }
        call_all(calls);
        if (ready || closed)
            co_return ready;
        co_await state_->wakeup.wait();
    }
}

void Mailbox::close() noexcept {
    Calls calls;
    {
        const std::lock_guard lock{state_->mutex};
        if (std::exchange(state_->closed, true))
            return;
        for (auto* part : state_->parts) {
            part->gate = Inlet::Gate::closed;
            State::take_waiting(*part, calls);
        }
        state_->reader_waits = false;
    }
    state_->wakeup.notify();
    call_all(calls);
}

void Mailbox::discard() noexcept {
    close();
    std::list<Control> control; // destroyed after the lock
    std::vector<Message> dropped;
    Calls calls;
    {
        const std::lock_guard lock{state_->mutex};
        control.swap(state_->control);
        state_->reading = nullptr;
        for (auto* part : state_->parts) {
            state_->drop_all(*part, dropped);
            state_->take_idle(*part, calls);
        }
    }
    call_all(calls);
}

MailboxCounters Mailbox::counters() const {
    const std::lock_guard lock{state_->mutex};
    MailboxCounters sum = state_->retired;
    for (const auto* part : state_->parts)
        sum += part->counters;
    return sum;
}

// --- Inlet ---------------------------------------------------------------------------------------------------

Inlet::Inlet(std::unique_ptr<Part> part) : part_{std::move(part)} {}

Inlet::~Inlet() {
    set_gate(Gate::closed);
    auto& state = *part_->mailbox->state_;
    Calls calls;
    {
        const std::lock_guard lock{state.mutex};
        state.retired += part_->counters;
        std::erase(state.parts, part_.get());
        if (state.reading == part_.get())
            state.reader_is_back(calls);
    }
    call_all(calls);
}

bool Inlet::offer(Message&& message) noexcept {
    auto& state = *part_->mailbox->state_;
    std::vector<Message> dropped; // destroyed after the lock
    std::shared_ptr<const std::function<void()>> on_overflow;
    bool wakes = false;
    {
        const std::lock_guard lock{state.mutex};
        auto& counters = part_->counters;
        if (part_->gate != Gate::open) {
            ++counters.received;
            ++(part_->gate == Gate::not_started ? counters.dropped.not_started : counters.dropped.closed);
            return true;
        }
        const auto bytes = state.cost_of(*part_, message);
        bool takes = true;
        if (!Mailbox::State::fits(*part_, bytes)) {
            switch (part_->limits.overflow) {
            case Overflow::block: part_->refused_bytes = std::max(part_->refused_bytes, bytes); return false;
            case Overflow::drop_newest:
                ++counters.dropped.newest;
                takes = false;
                break;
            case Overflow::fail:
                ++counters.dropped.failed;
                ++part_->unreported_failures;
                takes = false;
                break;
            case Overflow::drop_oldest:
                while (!Mailbox::State::fits(*part_, bytes)) {
                    dropped.push_back(state.remove_oldest(*part_));
                    ++counters.dropped.oldest;
                }
                break;
            }
            on_overflow = part_->on_overflow;
        }
        ++counters.received;
        if (takes) {
            state.append(*part_, std::move(message), bytes);
            wakes = std::exchange(state.reader_waits, false);
        }
    }
    if (wakes)
        state.wakeup.notify();
    if (on_overflow)
        (*on_overflow)();
    return true;
}

void Inlet::when_ready(std::function<void()> resume) {
    auto& state = *part_->mailbox->state_;
    {
        const std::lock_guard lock{state.mutex};
        if (!Mailbox::State::has_room(*part_)) {
            part_->waiting.push_back(std::move(resume));
            return;
        }
    }
    resume();
}

void Inlet::set_gate(Gate gate) noexcept {
    auto& state = *part_->mailbox->state_;
    Calls calls;
    std::vector<Message> dropped;
    {
        const std::lock_guard lock{state.mutex};
        if (gate == Gate::open) {
            if (!state.closed)
                part_->gate = gate;
            return;
        }
        part_->gate = state.closed ? Gate::closed : gate;
        state.drop_all(*part_, dropped);
        Mailbox::State::take_waiting(*part_, calls);
        state.take_idle(*part_, calls);
    }
    call_all(calls);
}

std::uint64_t Inlet::pending() const noexcept {
    const auto& state = *part_->mailbox->state_;
    const std::lock_guard lock{state.mutex};
    return state.pending(*part_);
}

void Inlet::when_idle(std::function<void()> resume) {
    auto& state = *part_->mailbox->state_;
    {
        const std::lock_guard lock{state.mutex};
        if (state.pending(*part_) > 0) {
            part_->idle.push_back(std::move(resume));
            return;
        }
    }
    resume();
}

std::uint64_t Inlet::overflowed() const noexcept {
    const std::lock_guard lock{part_->mailbox->state_->mutex};
    const auto& dropped = part_->counters.dropped;
    return dropped.oldest + dropped.newest + dropped.failed;
}

void Inlet::on_overflow(std::function<void()> notify) {
    auto next = notify ? std::make_shared<const std::function<void()>>(std::move(notify)) : nullptr;
    const std::lock_guard lock{part_->mailbox->state_->mutex};
    part_->on_overflow.swap(next);
}

void Inlet::set_limits(MailboxLimits limits) noexcept {
    const std::lock_guard lock{part_->mailbox->state_->mutex};
    part_->limits = limits;
}

void* Inlet::user() const noexcept { return part_->user; }

MailboxCounters Inlet::counters() const {
    const std::lock_guard lock{part_->mailbox->state_->mutex};
    return part_->counters;
}

std::uint64_t Inlet::take_failures() noexcept {
    const std::lock_guard lock{part_->mailbox->state_->mutex};
    return std::exchange(part_->unreported_failures, 0);
}

} // namespace fluxmq
