// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace fluxmq {

namespace detail {

// One heap block: this header, then `capacity` bytes.
struct Storage {
    std::atomic<std::uint32_t> references{1};
    std::size_t capacity = 0;

    char* data() noexcept { return reinterpret_cast<char*>(this + 1); }

    static Storage* allocate(std::size_t capacity);
    static void retain(Storage* storage) noexcept {
        if (storage)
            storage->references.fetch_add(1, std::memory_order_relaxed);
    }
    static void release(Storage* storage, std::uint32_t count = 1) noexcept {
        if (storage && storage->references.fetch_sub(count, std::memory_order_acq_rel) == count)
            destroy(storage);
    }

private:
    static void destroy(Storage* storage) noexcept;
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
    Bytes& operator=(Bytes other) noexcept {
        std::swap(storage_, other.storage_);
        std::swap(view_, other.view_);
        return *this;
    }
    ~Bytes() { detail::Storage::release(storage_); }

    /// A copy of `text` in storage of its own, exactly as large.
    static Bytes copy(std::string_view text);

    /// Refers to `text` without owning it: for string literals and other data that is never freed.
    static Bytes unowned(std::string_view text) noexcept;

    std::string_view view() const noexcept { return view_; }
    operator std::string_view() const noexcept { return view_; }
    const char* data() const noexcept { return view_.data(); }
    std::size_t size() const noexcept { return view_.size(); }
    bool empty() const noexcept { return view_.empty(); }

    /// A part of these bytes; `offset` and `size` are clamped to what is there.
    Bytes slice(std::size_t offset, std::size_t size = std::string_view::npos) const noexcept;

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
    ~Buffer() { detail::Storage::release(storage_, 1 + spare_); }

    char* data() noexcept { return storage_ ? storage_->data() : nullptr; }
    std::size_t capacity() const noexcept { return storage_ ? storage_->capacity : 0; }

    /// True when no Bytes refer to this storage, so that all of it may be written again.
    bool unique() const noexcept;

    /// The bytes from `offset`, which stay alive as long as the result or a copy of it.
    Bytes slice(std::size_t offset, std::size_t size) const noexcept {
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
