// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>

namespace fluxmq {

namespace detail {

// One heap block: this header, then `capacity` bytes.
//
// A reference is counted for every message, and an atomic step costs more than all else that is done for one. So each
// thread keeps references that it gives up, of the storages that it has to do with at the moment, and takes the next
// ones from these. It keeps at most `kept_storages`, none of them larger than `largest_kept`.
struct Storage {
    static constexpr std::size_t kept_storages = 32;
    static constexpr std::uint32_t most_kept = 1024; // references of each
    static constexpr std::size_t largest_kept = std::size_t{64} << 10;

    std::atomic<std::uint32_t> references{1};
    std::size_t capacity = 0;

    char* data() noexcept { return reinterpret_cast<char*>(this + 1); }

    static Storage* allocate(std::size_t capacity);

    static void retain(Storage* storage) noexcept {
        if (!storage)
            return;
        if (auto& mine = kept_of(storage); mine.storage == storage && mine.references > 0)
            --mine.references;
        else
            storage->references.fetch_add(1, std::memory_order_relaxed);
    }

    static void release(Storage* storage) noexcept {
        if (!storage)
            return;
        auto& mine = kept_of(storage);
        if (mine.storage == storage) {
            // Whoever holds all references needs no atomic step: nobody is left to take another one. Where it is many
            // that are given up in a row, some other thread counts at the same time, and to look is to get in its way.
            const auto kept = ++mine.references;
            if ((kept < 8 || kept % 64 == 0) && storage->references.load(std::memory_order_acquire) == kept) {
                mine = {};
                destroy(storage);
            } else if (kept == most_kept) {
                give_up(mine);
            }
        } else if (storage->references.load(std::memory_order_acquire) == 1) {
            destroy(storage);
        } else {
            keep(storage);
        }
    }

    /// Gives up `count` references at once.
    static void release(Storage* storage, std::uint32_t count) noexcept;

    /// Whether nobody has a reference but the `count` of the caller, and what this thread keeps.
    bool only(std::uint32_t count) const noexcept {
        const auto& mine = kept_of(this);
        return references.load(std::memory_order_acquire) ==
               count + (mine.storage == this ? mine.references : 0);
    }

private:
    struct Kept {
        Storage* storage = nullptr;
        std::uint32_t references = 0;
    };
    struct KeptTable {
        Kept kept[kept_storages];
        bool closed = false; // the thread is about to end
    };
    struct AtThreadEnd;

    // Its entry, or the one to give up for it. There are two places for each, so that a pair of storages that takes
    // turns need not drive each other out.
    static Kept& kept_of(const Storage* storage) noexcept {
        auto* const places =
            &table.kept[(reinterpret_cast<std::uintptr_t>(storage) / 32) % (kept_storages / 2) * 2];
        if (places[0].storage == storage)
            return places[0];
        if (places[1].storage == storage || places[1].references < places[0].references)
            return places[1];
        return places[0];
    }
    static void keep(Storage* storage) noexcept;
    static void give_up(Kept& kept) noexcept;
    static void destroy(Storage* storage) noexcept;

    static thread_local constinit KeptTable table;
};

} // namespace detail

/// An immutable run of bytes that shares its storage: copying or slicing it copies no byte.
///
/// A slice keeps the whole storage alive that it was cut from, see pinned().
/// Thread safety: distinct objects may share storage across threads; one object follows the rules of a value.
class Bytes {
public:
    Bytes() noexcept = default;
    Bytes(const Bytes& other) noexcept : storage_{other.storage_}, view_{other.view_} {
        detail::Storage::retain(storage_);
    }
    Bytes(Bytes&& other) noexcept
        : storage_{std::exchange(other.storage_, nullptr)}, view_{std::exchange(other.view_, {})} {}
    // Of the same storage, as messages out of one read buffer are, it moves no reference.
    // NOLINTNEXTLINE(bugprone-unhandled-self-assignment): that is of the same storage
    Bytes& operator=(const Bytes& other) noexcept {
        if (storage_ != other.storage_) {
            detail::Storage::retain(other.storage_);
            detail::Storage::release(std::exchange(storage_, other.storage_));
        }
        view_ = other.view_;
        return *this;
    }
    Bytes& operator=(Bytes&& other) noexcept {
        auto* const storage = std::exchange(other.storage_, nullptr);
        view_ = std::exchange(other.view_, {});
        detail::Storage::release(std::exchange(storage_, storage));
        return *this;
    }
    ~Bytes() { detail::Storage::release(storage_); }

    /// A copy of `text` in storage of its own, exactly as large.
    static Bytes copy(std::string_view text);

    /// A copy of all `texts`, one after the other, in one storage, exactly as large.
    static Bytes join(std::initializer_list<std::string_view> texts);

    /// Refers to `text` without owning it: for string literals and other data that is never freed.
    static Bytes unowned(std::string_view text) noexcept;

    std::string_view view() const noexcept { return view_; }
    operator std::string_view() const noexcept { return view_; }
    const char* data() const noexcept { return view_.data(); }
    std::size_t size() const noexcept { return view_.size(); }
    bool empty() const noexcept { return view_.empty(); }

    /// A part of these bytes; `offset` and `size` are clamped to what is there.
    Bytes slice(std::size_t offset, std::size_t size = std::string_view::npos) const& noexcept;
    Bytes slice(std::size_t offset, std::size_t size = std::string_view::npos) && noexcept;

    /// Bytes of memory that this object keeps alive: the capacity of its storage, 0 when it owns none.
    std::size_t pinned() const noexcept { return storage_ ? storage_->capacity : 0; }

    /// Whether both keep the same storage alive.
    bool shares_storage_with(const Bytes& other) const noexcept {
        return storage_ && storage_ == other.storage_;
    }

    /// These bytes for long keeping: itself when it pins at most twice its size, otherwise a copy.
    Bytes compact() const;

    friend bool operator==(const Bytes& a, const Bytes& b) noexcept { return a.view_ == b.view_; }

private:
    friend class Buffer;
    Bytes(detail::Storage* retained, std::string_view view) noexcept : storage_{retained}, view_{view} {}

    detail::Storage* storage_ = nullptr;
    std::string_view view_;
};

/// Writable storage from which Bytes are cut: what a transport reads into.
///
/// Its owner writes only where no slice was cut yet, or when unique() says that no slice is left.
class Buffer {
public:
    Buffer() noexcept = default;
    explicit Buffer(std::size_t capacity);
    Buffer(Buffer&& other) noexcept
        : storage_{std::exchange(other.storage_, nullptr)}, spare_{std::exchange(other.spare_, 0)} {}
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(storage_, other.storage_);
        std::swap(spare_, other.spare_);
        return *this;
    }
    ~Buffer() {
        if (storage_)
            detail::Storage::release(storage_, 1 + spare_);
    }

    char* data() noexcept { return storage_ ? storage_->data() : nullptr; }
    std::size_t capacity() const noexcept { return storage_ ? storage_->capacity : 0; }

    /// True when no Bytes refer to this storage, so that all of it may be written again.
    bool unique() const noexcept;

    /// The bytes from `offset`, which stay alive as long as the result or a copy of it.
    Bytes slice(std::size_t offset, std::size_t size) const noexcept {
        if (!storage_)
            return {};
        if (spare_ == 0)
            take_references();
        --spare_;
        return {storage_, {storage_->data() + offset, size}};
    }

private:
    void take_references() const noexcept;

    detail::Storage* storage_ = nullptr;
    // References taken in advance, many in one atomic step, for the slices to come.
    mutable std::uint32_t spare_ = 0;
};

} // namespace fluxmq
