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

void Storage::destroy(Storage* storage) noexcept {
    storage->~Storage();
    ::operator delete(storage);
}

} // namespace detail

using detail::Storage;

Bytes Bytes::copy(std::string_view text) {
    if (text.empty())
        return {};
    auto* storage = Storage::allocate(text.size());
    std::memcpy(storage->data(), text.data(), text.size());
    return {storage, {storage->data(), text.size()}};
}

Bytes Bytes::unowned(std::string_view text) noexcept { return {nullptr, text}; }

Bytes Bytes::slice(std::size_t offset, std::size_t size) const noexcept {
    const auto part = view_.substr(std::min(offset, view_.size()), size);
    Storage::retain(storage_);
    return {storage_, part};
}

Bytes Bytes::compact() const { return pinned() <= 2 * size() ? *this : copy(view_); }

Buffer::Buffer(std::size_t capacity) : storage_{Storage::allocate(capacity)} {}

bool Buffer::unique() const noexcept {
    return !storage_ || storage_->references.load(std::memory_order_acquire) == 1 + spare_;
}

void Buffer::take_references() const noexcept {
    constexpr std::uint32_t batch = 1024;
    storage_->references.fetch_add(batch, std::memory_order_relaxed);
    spare_ = batch;
}

} // namespace fluxmq
