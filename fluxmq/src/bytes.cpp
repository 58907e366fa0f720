// SPDX-License-Identifier: MIT
#include <fluxmq/bytes.hpp>

#include <algorithm>
#include <cstring>
#include <new>

namespace fluxmq {

namespace detail {

Storage* Storage::allocate(std::size_t capacity) {
    auto* storage = ::new (::operator new(sizeof(Storage) + capacity)) Storage;
    storage->capacity = capacity;
    return storage;
}

thread_local constinit Storage::KeptTable Storage::table{};

// What a thread keeps goes with it.
struct Storage::AtThreadEnd {
    ~AtThreadEnd() {
        table.closed = true;
        for (auto& kept : table.kept)
            give_up(kept);
    }
};

void Storage::give_up(Kept& kept) noexcept {
    const auto [storage, references] = std::exchange(kept, {});
    if (references > 0 && storage->references.fetch_sub(references, std::memory_order_acq_rel) == references)
        destroy(storage);
}

void Storage::keep(Storage* storage) noexcept {
    static thread_local AtThreadEnd at_thread_end;
    static_cast<void>(at_thread_end);
    Kept one{storage, 1};
    if (storage->capacity <= largest_kept && !table.closed)
        std::swap(one, kept_of(storage));
    give_up(one);
}

void Storage::release(Storage* storage, std::uint32_t count) noexcept {
    if (auto& mine = kept_of(storage); mine.storage == storage)
        count += std::exchange(mine, {}).references;
    if (storage->references.load(std::memory_order_acquire) == count ||
        storage->references.fetch_sub(count, std::memory_order_acq_rel) == count)
        destroy(storage);
}

void Storage::destroy(Storage* storage) noexcept {
    storage->~Storage();
    ::operator delete(storage);
}

} // namespace detail

using detail::Storage;

Bytes Bytes::copy(std::string_view text) { return join({text}); }

Bytes Bytes::join(std::initializer_list<std::string_view> texts) {
    std::size_t size = 0;
    for (const auto text : texts)
        size += text.size();
    if (size == 0)
        return {};
    auto* const storage = Storage::allocate(size);
    auto* at = storage->data();
    for (const auto text : texts)
        at = std::copy(text.begin(), text.end(), at);
    return {storage, {storage->data(), size}};
}

Bytes Bytes::unowned(std::string_view text) noexcept { return {nullptr, text}; }

Bytes Bytes::slice(std::size_t offset, std::size_t size) const& noexcept {
    return Bytes{*this}.slice(offset, size);
}

Bytes Bytes::slice(std::size_t offset, std::size_t size) && noexcept {
    const auto part = view_.substr(std::min(offset, view_.size()), size);
    view_ = {};
    return {std::exchange(storage_, nullptr), part};
}

Bytes Bytes::compact() const { return pinned() <= 2 * size() ? *this : copy(view_); }

Buffer::Buffer(std::size_t capacity) : storage_{Storage::allocate(capacity)} {}

bool Buffer::unique() const noexcept { return !storage_ || storage_->only(1 + spare_); }

void Buffer::take_references() const noexcept {
    constexpr std::uint32_t batch = 1024;
    storage_->references.fetch_add(batch, std::memory_order_relaxed);
    spare_ = batch;
}

} // namespace fluxmq
