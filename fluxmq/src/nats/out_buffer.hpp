// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace fluxmq::nats {

/// Bytes to be written, appended at the end. A std::string would zero what is about to be overwritten.
class OutBuffer {
public:
    OutBuffer() noexcept = default;
    OutBuffer(OutBuffer&& other) noexcept
        : data_{std::move(other.data_)}, size_{std::exchange(other.size_, 0)},
          capacity_{std::exchange(other.capacity_, 0)} {}
    OutBuffer& operator=(OutBuffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        return *this;
    }

    /// Room for `size` more bytes, of which commit() says how many were written.
    char* prepare(std::size_t size) {
        if (capacity_ - size_ < size)
            grow(size);
        return data_.get() + size_;
    }
    void commit(const char* end) noexcept { size_ = static_cast<std::size_t>(end - data_.get()); }

    void append(std::string_view bytes) {
        if (bytes.empty())
            return;
        std::memcpy(prepare(bytes.size()), bytes.data(), bytes.size());
        size_ += bytes.size();
    }

    /// Empties it, and gives back memory that only a burst needed.
    void clear() noexcept {
        size_ = 0;
        if (capacity_ > kept_capacity) {
            data_.reset();
            capacity_ = 0;
        }
    }

    std::string_view view() const noexcept { return {data_.get(), size_}; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }

private:
    static constexpr std::size_t first_capacity = std::size_t{16} << 10;
    static constexpr std::size_t kept_capacity = std::size_t{1} << 20;

    void grow(std::size_t size) {
        const auto capacity = std::max({capacity_ * 2, size_ + size, first_capacity});
        std::unique_ptr<char[]> larger{new char[capacity]};
        if (size_ > 0)
            std::memcpy(larger.get(), data_.get(), size_);
        data_ = std::move(larger);
        capacity_ = capacity;
    }

    std::unique_ptr<char[]> data_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

} // namespace fluxmq::nats
