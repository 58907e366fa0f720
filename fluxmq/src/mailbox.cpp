// SPDX-License-Identifier: MIT
#include <fluxmq/mailbox.hpp>

#include <fluxmq/wakeup.hpp>

#include "count.hpp"
#include "intake.hpp"
#include "spin_lock.hpp"

#include <algorithm>
#include <atomic>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

namespace fluxmq {

namespace {

constexpr std::size_t cache_line = 64;

// To be called without a lock.
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

// A queue in two halves, each with a lock of its own, so that those who put in and the one who takes out do not
// meet at every message: messages arrive in one half, under `entry`, and the reader takes them out of the other,
// under `exit`; when that is empty, all that have arrived change over at once. Whoever needs the whole picture, to
// apply a policy or to shut an inlet, takes both locks, `exit` first. So does the reader when it takes the last
// message of an inlet: under `entry` alone one can rely on Part::last.
//
// Nothing is allocated once there are as many slots as ever messages waited, and any message can leave in constant
// time.

// An inlet's share.
struct Inlet::Part {
    // A place for a message: of a list of free ones, or in the order of arrival and in that of its inlet.
    struct Slot {
        Mailbox::Delivery delivery;
        Part* part = nullptr;
        std::size_t bytes = 0; // memory that it alone keeps alive, see cost_of
        Slot* previous = nullptr;
        Slot* next = nullptr;
        Slot* next_of_part = nullptr;

        const Bytes& payload() const noexcept { return delivery.message.payload(); }
    };

    struct Order {
        Slot* head = nullptr;
        Slot* tail = nullptr;

        void append(Slot& slot) noexcept {
            slot.previous = tail;
            slot.next = nullptr;
            (tail ? tail->next : head) = &slot;
            tail = &slot;
        }
        void append(Order& others) noexcept {
            if (!others.head)
                return;
            others.head->previous = tail;
            (tail ? tail->next : head) = others.head;
            tail = others.tail;
            others = {};
        }
        void remove(Slot& slot) noexcept {
            (slot.previous ? slot.previous->next : head) = slot.next;
            (slot.next ? slot.next->previous : tail) = slot.previous;
        }
    };

    explicit Part(std::shared_ptr<Mailbox> in);

    // What few inlets ever have.
    struct Rare {
        Calls waiting;                 // for room
        std::size_t refused_bytes = 0; // the largest message that was refused and waits for room
        Calls idle;                    // for the end of all that is pending
    };
    Rare& rare() {
        if (!rare_)
            rare_ = std::make_unique<Rare>();
        return *rare_;
    }

    std::size_t refused_bytes() const noexcept { return rare_ ? rare_->refused_bytes : 0; }

    // There are many, and each message touches another one: what is used together lies together, and what one side
    // writes lies in no cache line of the other's.

    alignas(cache_line) Mailbox::State& state;
    void* user = nullptr;

    // Guarded by `entry`.
    Slot* last = nullptr;         // of all its messages that wait
    Slot* arrived = nullptr;      // the oldest that has not changed over
    Part* next_arrived = nullptr; // in State::arrived_parts
    Lane lane = Lane::data;       // always the same
    Gate gate = Gate::open;
    Count in; // messages that were let in
    Count bytes_in;

    // Guarded by `exit`.
    alignas(cache_line) Slot* head = nullptr; // its own messages, oldest first
    Slot* tail = nullptr;
    Count out; // messages that have left, in whatever way
    Count bytes_out;
    std::uint64_t delivered = 0;

    // Written under both.
    std::atomic<bool> has_waiting{false};

    std::atomic<std::uint32_t> unreported_failures{0};

    // Guarded by `entry`.
    alignas(cache_line) MailboxLimits limits;
    std::uint64_t received = 0;
    std::uint64_t out_seen = 0; // copies of `out` and `bytes_out`, which the reader writes all the time
    std::uint64_t bytes_out_seen = 0;
    Drops dropped;
    std::shared_ptr<const std::function<void()>> on_overflow;

    // Written under both.
    std::unique_ptr<Rare> rare_;
    Part* previous_part = nullptr; // of the mailbox's
    Part* next_part = nullptr;

    const std::shared_ptr<Mailbox> mailbox; // keeps the state alive
    Inlet inlet;                            // the last member, for it needs all others at its end

    std::uint64_t waits() const noexcept { return in.get() - out.get(); }
    std::uint64_t bytes_wait() const noexcept { return bytes_in.get() - bytes_out.get(); }
};

struct Mailbox::State {
    using Slot = Inlet::Part::Slot;
    using Order = Inlet::Part::Order;

    // Each half in a cache line of its own: else the two threads would wait for each other's at every message.

    alignas(cache_line) mutable SpinLock entry; // guards what follows
    bool closed = false;
    bool reader_waits = false;
    Order arrived[2]; // of the lanes
    Inlet::Part* arrived_parts = nullptr;
    Slot* free = nullptr;

    alignas(cache_line) mutable SpinLock exit; // guards what follows
    Order waiting[2];
    Slot* left = nullptr;                // slots to use again
    Inlet::Part* reading_part = nullptr; // of the message that the reader is at
    Slot* reading = nullptr;             // the reader's own
    bool held = false;                   // written under both: the data lane waits

    // Written under `entry`: what the reader must not overlook.
    alignas(cache_line) std::atomic<bool> control_waits{false};
    std::atomic<bool> control_arrived{false}; // a message of the control lane

    // Guarded by `entry`.
    std::vector<std::unique_ptr<Slot[]>> slots;
    std::size_t next_block = 4;
    std::list<Control> control; // a list takes no memory while it is empty

    MailboxCounters retired;      // of inlets that are gone; guarded by `exit`
    Inlet::Part* parts = nullptr; // written under both
    Wakeup wakeup;

    // What the reader has left of its message, which may be the last to hold a large storage; without a lock.
    void forget_read() noexcept {
        if (reading)
            reading->delivery.message = {};
    }

    class Both {
    public:
        explicit Both(const State& state) : exit_{state.exit}, entry_{state.entry} {}

    private:
        std::lock_guard<SpinLock> exit_;
        std::lock_guard<SpinLock> entry_;
    };

    // --- With `entry` ---

    static auto index_of(const Inlet::Part& part) noexcept { return static_cast<std::size_t>(part.lane); }

    // Messages cut from one read buffer keep it alive together: the first of a run pays for all.
    static std::size_t cost_of(const Inlet::Part& part, const Message& message) noexcept {
        const auto& payload = message.payload();
        if (part.last && payload.shares_storage_with(part.last->payload()))
            return 0;
        return std::max(payload.pinned(), payload.size());
    }

    static bool fits(Inlet::Part& part, std::size_t bytes) noexcept {
        const auto within = [&] {
            return part.in.get() - part.out_seen < part.limits.messages &&
                   part.bytes_in.get() - part.bytes_out_seen + bytes <= part.limits.bytes;
        };
        if (!part.last || within())
            return true;
        part.out_seen = part.out.get();
        part.bytes_out_seen = part.bytes_out.get();
        return within();
    }

    void append(Inlet::Part& part, Message&& message, std::size_t bytes) {
        if (!free)
            add_slots();
        auto& slot = *std::exchange(free, free->next);
        slot.delivery.message = std::move(message);
        slot.delivery.user = part.user;
        slot.part = &part;
        slot.bytes = bytes;
        slot.next_of_part = nullptr;
        arrived[index_of(part)].append(slot);
        if (part.arrived) {
            part.last->next_of_part = &slot;
        } else {
            part.arrived = &slot;
            part.next_arrived = std::exchange(arrived_parts, &part);
        }
        part.last = &slot;
        part.in.add(1);
        part.bytes_in.add(bytes);
        if (part.lane == Lane::control)
            control_arrived.store(true, std::memory_order_relaxed);
    }

    void add_slots() {
        constexpr std::size_t largest_block = 256;
        const auto& block = slots.emplace_back(new Slot[next_block]);
        for (std::size_t i = 0; i < next_block; ++i)
            block[i].next = std::exchange(free, &block[i]);
        next_block = std::min(2 * next_block, largest_block);
    }

    // --- With `exit` ---

    // The message to pop next: of the control lane first.
    Slot* first() const noexcept {
        if (waiting[0].head)
            return waiting[0].head;
        return held ? nullptr : waiting[1].head;
    }

    std::uint64_t pending(const Inlet::Part& part) const noexcept {
        return part.waits() + (reading_part == &part ? 1 : 0);
    }

    // Those who wait for the end of what is pending, if it has come.
    void take_idle(Inlet::Part& part, Calls& calls) const {
        if (part.rare_ && !part.rare_->idle.empty() && pending(part) == 0)
            move_to(calls, part.rare_->idle);
    }

    // The reader is back: it has finished with the message it was at.
    void reader_is_back(Calls& calls) {
        if (reading) {
            reading->next = std::exchange(left, reading);
            reading = nullptr;
        }
        if (auto* part = std::exchange(reading_part, nullptr))
            take_idle(*part, calls);
    }

    // Takes the oldest message of `part` out of both orders; with both locks when it is the last one.
    Slot& remove_oldest(Inlet::Part& part) noexcept {
        auto& slot = *part.head;
        waiting[index_of(part)].remove(slot);
        part.head = slot.next_of_part;
        if (!part.head)
            part.tail = part.last = nullptr;
        if (part.head && slot.payload().shares_storage_with(part.head->payload()))
            part.head->bytes += slot.bytes; // the next of the run pays from now on
        else
            part.bytes_out.add(slot.bytes);
        part.out.add(1);
        return slot;
    }

    // --- With both ---

    // What has arrived changes over.
    void let_in() noexcept {
        waiting[0].append(arrived[0]);
        waiting[1].append(arrived[1]);
        control_arrived.store(false, std::memory_order_relaxed);
        while (auto* part = arrived_parts) {
            arrived_parts = std::exchange(part->next_arrived, nullptr);
            (part->tail ? part->tail->next_of_part : part->head) = part->arrived;
            part->tail = part->last;
            part->arrived = nullptr;
        }
        while (auto* slot = left) {
            left = slot->next;
            slot->next = std::exchange(free, slot);
        }
    }

    void link(Inlet::Part& part) noexcept {
        part.next_part = std::exchange(parts, &part);
        if (part.next_part)
            part.next_part->previous_part = &part;
    }

    void unlink(Inlet::Part& part) noexcept {
        (part.previous_part ? part.previous_part->next_part : parts) = part.next_part;
        if (part.next_part)
            part.next_part->previous_part = part.previous_part;
    }

    bool empty() const noexcept {
        return !first() && !arrived[0].head && (held || !arrived[1].head) && control.empty();
    }

    // Slots whose messages were dropped: they are destroyed without a lock.
    class Dropped {
    public:
        explicit Dropped(State& state) : state_{state} {}
        ~Dropped() {
            if (!slots_)
                return;
            Slot* last = slots_;
            for (auto* slot = slots_; slot; slot = slot->next) {
                slot->delivery.message = {};
                last = slot;
            }
            const std::lock_guard lock{state_.entry};
            last->next = std::exchange(state_.free, slots_);
        }
        void add(Slot& slot) noexcept { slot.next = std::exchange(slots_, &slot); }

    private:
        State& state_;
        Slot* slots_ = nullptr;
    };

    // What `part` has waiting.
    void drop_all(Inlet::Part& part, Dropped& dropped) noexcept {
        let_in();
        while (part.head) {
            dropped.add(remove_oldest(part));
            ++part.dropped.closed;
        }
    }

    // Publishers that wait are let in again when half of it is free, not for every single message, and when
    // what was refused fits: otherwise they would come in vain, again and again.
    static bool has_room(const Inlet::Part& part) noexcept {
        return part.gate != Inlet::Gate::open || part.waits() == 0 ||
               (part.waits() <= part.limits.messages / 2 &&
                part.bytes_wait() + std::max(part.refused_bytes(), part.limits.bytes / 2) <=
                    part.limits.bytes);
    }

    // Those who wait for room.
    static void take_waiting(Inlet::Part& part, Calls& calls) {
        if (!part.rare_)
            return;
        part.rare_->refused_bytes = 0;
        part.has_waiting.store(false, std::memory_order_relaxed);
        move_to(calls, part.rare_->waiting);
    }

    static MailboxCounters counters(const Inlet::Part& part) noexcept {
        MailboxCounters counters;
        counters.received = part.received;
        counters.delivered = part.delivered;
        counters.dropped = part.dropped;
        counters.pending = part.waits();
        counters.pending_bytes = part.bytes_wait();
        return counters;
    }
};

// --- Mailbox -------------------------------------------------------------------------------------------------

Inlet::Part::Part(std::shared_ptr<Mailbox> in) : state{*in->state_}, mailbox{std::move(in)}, inlet{*this} {}

Mailbox::Mailbox() : state_{std::make_unique<State>()} {}
Mailbox::~Mailbox() = default;

std::shared_ptr<Mailbox> Mailbox::create() { return std::shared_ptr<Mailbox>{new Mailbox}; }

std::shared_ptr<Inlet> Mailbox::add_inlet(MailboxLimits limits, void* user, Lane lane) {
    auto part = std::make_shared<Inlet::Part>(shared_from_this());
    part->limits = limits;
    part->user = user;
    part->lane = lane;
    const State::Both locks{*state_};
    if (state_->closed)
        part->gate = Inlet::Gate::closed;
    state_->link(*part);
    auto& inlet = part->inlet;
    return {std::move(part), &inlet};
}

bool Mailbox::post(Control control) {
    std::list<Control> one; // made without the lock
    one.push_back(std::move(control));
    {
        const std::lock_guard lock{state_->entry};
        if (state_->closed)
            return false;
        state_->control.splice(state_->control.end(), one);
        state_->control_waits.store(true, std::memory_order_relaxed);
        if (!std::exchange(state_->reader_waits, false))
            return true;
    }
    state_->wakeup.notify();
    return true;
}

std::optional<Mailbox::Control> Mailbox::pop_control() {
    if (!state_->control_waits.load(std::memory_order_relaxed))
        return std::nullopt;
    std::list<Control> one; // destroyed without the lock
    {
        const std::lock_guard lock{state_->entry};
        auto& control = state_->control;
        if (!control.empty())
            one.splice(one.begin(), control, control.begin());
        state_->control_waits.store(!control.empty(), std::memory_order_relaxed);
    }
    if (one.empty())
        return std::nullopt;
    return std::move(one.front());
}

Mailbox::Delivery* Mailbox::pop_message() {
    auto& state = *state_;
    state.forget_read();
    Calls calls;
    State::Slot* slot = nullptr;
    {
        const std::lock_guard exit{state.exit};
        std::unique_lock entry{state.entry, std::defer_lock};
        state.reader_is_back(calls);
        slot = state.first();
        if (!slot || !slot->next_of_part || state.control_arrived.load(std::memory_order_relaxed)) {
            entry.lock();
            state.let_in();
            slot = state.first();
        }
        if (slot) {
            auto& part = *slot->part;
            state.remove_oldest(part);
            ++part.delivered;
            state.reading = slot;
            state.reading_part = &part;
            if (part.has_waiting.load(std::memory_order_relaxed)) {
                if (!entry.owns_lock())
                    entry.lock();
                if (State::has_room(part))
                    State::take_waiting(part, calls);
            }
        }
    }
    call_all(calls);
    return slot ? &slot->delivery : nullptr;
}

Mailbox::Look Mailbox::look() {
    state_->forget_read();
    Calls calls;
    auto seen = Look::nothing;
    {
        const State::Both locks{*state_};
        state_->reader_is_back(calls);
        if (!state_->empty())
            seen = Look::something;
        else if (state_->closed)
            seen = Look::closed;
        state_->reader_waits = seen == Look::nothing;
    }
    call_all(calls);
    return seen;
}

void Mailbox::hold(bool held) noexcept {
    const State::Both locks{*state_};
    state_->held = held;
}

Task<> Mailbox::woken() { return state_->wakeup.wait(); }

Task<bool> Mailbox::wait() {
    auto seen = look();
    for (; seen == Look::nothing; seen = look())
        co_await woken();
    co_return seen == Look::something;
}

void Mailbox::close() noexcept {
    Calls calls;
    {
        const State::Both locks{*state_};
        if (std::exchange(state_->closed, true))
            return;
        for (auto* part = state_->parts; part; part = part->next_part) {
            part->gate = Inlet::Gate::closed;
            State::take_waiting(*part, calls);
        }
        state_->reader_waits = false;
    }
    state_->wakeup.notify();
    call_all(calls);
}

bool Mailbox::closed() const noexcept {
    const std::lock_guard lock{state_->entry};
    return state_->closed;
}

void Mailbox::discard() noexcept {
    close();
    std::list<Control> control; // destroyed after the locks
    State::Dropped dropped{*state_};
    Calls calls;
    {
        const State::Both locks{*state_};
        control.swap(state_->control);
        state_->reading_part = nullptr;
        for (auto* part = state_->parts; part; part = part->next_part) {
            state_->drop_all(*part, dropped);
            state_->take_idle(*part, calls);
        }
    }
    call_all(calls);
}

MailboxCounters Mailbox::counters() const {
    const State::Both locks{*state_};
    MailboxCounters sum = state_->retired;
    for (const auto* part = state_->parts; part; part = part->next_part)
        sum += State::counters(*part);
    return sum;
}

// --- Inlet ---------------------------------------------------------------------------------------------------

Inlet::Inlet(Part& part) noexcept : part_{part} {}

Inlet::~Inlet() {
    set_gate(Gate::closed);
    auto& state = part_.state;
    Calls calls;
    {
        const Mailbox::State::Both locks{state};
        state.retired += Mailbox::State::counters(part_);
        state.unlink(part_);
        if (state.reading_part == &part_) {
            state.reading_part = nullptr;
            state.take_idle(part_, calls);
        }
    }
    call_all(calls);
}

bool Inlet::offer(Message&& message) noexcept { return take(std::move(message), nullptr) != Offered::full; }

Receiver::Offered Inlet::offer_through(Intake& intake, Message&& message) noexcept {
    return take(std::move(message), &intake);
}

Inlet::Batch::Batch(Inlet& inlet) noexcept : inlet_{inlet} { inlet_.part_.state.entry.lock(); }

Inlet::Batch::~Batch() {
    auto& state = inlet_.part_.state;
    const bool wakes = took_ && std::exchange(state.reader_waits, false);
    state.entry.unlock();
    if (wakes)
        state.wakeup.notify();
}

bool Inlet::Batch::offer(Message&& message) noexcept {
    auto& part = inlet_.part_;
    const auto bytes = Mailbox::State::cost_of(part, message);
    if (part.gate != Gate::open || !Mailbox::State::fits(part, bytes))
        return false;
    ++part.received;
    part.state.append(part, std::move(message), bytes);
    return took_ = true;
}

void Inlet::shut(Intake& intake) noexcept {
    const std::lock_guard lock{part_.state.entry};
    intake.shut();
}

Receiver::Offered Inlet::take(Message&& message, Intake* intake) noexcept {
    auto& state = part_.state;
    const auto size = message.payload().size();
    std::unique_lock lock{state.entry};
    if (intake && !intake->open())
        return Offered::ended;
    const bool open = part_.gate == Gate::open;
    const auto bytes = Mailbox::State::cost_of(part_, message);
    if (open && !Mailbox::State::fits(part_, bytes)) {
        lock.unlock();
        return take_when_full(std::move(message), intake);
    }
    ++part_.received;
    if (intake)
        intake->took(size);
    if (!open) {
        ++(part_.gate == Gate::not_started ? part_.dropped.not_started : part_.dropped.closed);
        return Offered::taken;
    }
    state.append(part_, std::move(message), bytes);
    const bool wakes = std::exchange(state.reader_waits, false);
    lock.unlock();
    if (wakes)
        state.wakeup.notify();
    return Offered::taken;
}

// The policy's turn, unless the reader has made room meanwhile.
Receiver::Offered Inlet::take_when_full(Message&& message, Intake* intake) noexcept {
    auto& state = part_.state;
    Mailbox::State::Dropped dropped{state};
    std::shared_ptr<const std::function<void()>> on_overflow;
    bool wakes = false;
    {
        const Mailbox::State::Both locks{state};
        if (intake && !intake->open())
            return Offered::ended;
        state.let_in();
        const auto size = message.payload().size();
        const auto bytes = Mailbox::State::cost_of(part_, message);
        bool takes = true;
        if (!Mailbox::State::fits(part_, bytes)) {
            switch (part_.limits.overflow) {
            case Overflow::block:
                part_.rare().refused_bytes = std::max(part_.refused_bytes(), bytes);
                return Offered::full;
            case Overflow::drop_newest:
                ++part_.dropped.newest;
                takes = false;
                break;
            case Overflow::fail:
                ++part_.dropped.failed;
                part_.unreported_failures.fetch_add(1, std::memory_order_relaxed);
                takes = false;
                break;
            case Overflow::drop_oldest:
                while (!Mailbox::State::fits(part_, bytes)) {
                    dropped.add(state.remove_oldest(part_));
                    ++part_.dropped.oldest;
                }
                break;
            }
            on_overflow = part_.on_overflow;
        }
        ++part_.received;
        if (intake)
            intake->took(size);
        if (takes) {
            state.append(part_, std::move(message), bytes);
            wakes = std::exchange(state.reader_waits, false);
        }
    }
    if (wakes)
        state.wakeup.notify();
    if (on_overflow)
        (*on_overflow)();
    return Offered::taken;
}

void Inlet::when_ready(std::function<void()> resume) {
    {
        const Mailbox::State::Both locks{part_.state};
        if (!Mailbox::State::has_room(part_)) {
            part_.rare().waiting.push_back(std::move(resume));
            part_.has_waiting.store(true, std::memory_order_relaxed);
            return;
        }
    }
    resume();
}

void Inlet::set_gate(Gate gate) noexcept {
    auto& state = part_.state;
    Calls calls;
    Mailbox::State::Dropped dropped{state};
    {
        const Mailbox::State::Both locks{state};
        if (gate == Gate::open) {
            if (!state.closed)
                part_.gate = gate;
            return;
        }
        part_.gate = state.closed ? Gate::closed : gate;
        state.drop_all(part_, dropped);
        Mailbox::State::take_waiting(part_, calls);
        state.take_idle(part_, calls);
    }
    call_all(calls);
}

std::uint64_t Inlet::pending() const noexcept {
    const auto& state = part_.state;
    const std::lock_guard lock{state.exit};
    return state.pending(part_);
}

void Inlet::when_idle(std::function<void()> resume) {
    auto& state = part_.state;
    {
        const Mailbox::State::Both locks{state};
        if (state.pending(part_) > 0) {
            part_.rare().idle.push_back(std::move(resume));
            return;
        }
    }
    resume();
}

std::uint64_t Inlet::overflowed() const noexcept {
    const std::lock_guard lock{part_.state.entry};
    const auto& dropped = part_.dropped;
    return dropped.oldest + dropped.newest + dropped.failed;
}

void Inlet::on_overflow(std::function<void()> notify) {
    auto next = notify ? std::make_shared<const std::function<void()>>(std::move(notify)) : nullptr;
    const std::lock_guard lock{part_.state.entry};
    part_.on_overflow.swap(next);
}

void Inlet::set_limits(MailboxLimits limits) noexcept {
    const std::lock_guard lock{part_.state.entry};
    part_.limits = limits;
}

void* Inlet::user() const noexcept { return part_.user; }

MailboxCounters Inlet::counters() const {
    const Mailbox::State::Both locks{part_.state};
    return Mailbox::State::counters(part_);
}

bool Inlet::has_failures() const noexcept {
    return part_.unreported_failures.load(std::memory_order_relaxed) != 0;
}

std::uint64_t Inlet::take_failures() noexcept {
    return part_.unreported_failures.exchange(0, std::memory_order_relaxed);
}

} // namespace fluxmq
