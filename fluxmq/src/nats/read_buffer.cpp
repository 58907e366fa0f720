// SPDX-License-Identifier: MIT
#include "read_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace fluxmq::nats {

// Moves what is unread to another storage, and keeps the present one for later.
void ReadBuffer::change_storage(std::size_t wanted) {
    const auto usable = [&](const Buffer& former) {
        return former.capacity() == usual_capacity && wanted <= usual_capacity && former.unique();
    };
    const auto again = std::find_if(former_.begin(), former_.end(), usable);
    const bool found = again != former_.end();
    auto next = found ? std::move(*again) : Buffer{wanted};
    const auto tail = unread();
    if (!tail.empty())
        std::memcpy(next.data(), tail.data(), tail.size());
    if (buffer_.capacity() == usual_capacity) {
        auto& place = found ? *again : former_[oldest_];
        if (&place == &former_[oldest_])
            oldest_ = (oldest_ + 1) % former_.size();
        place = std::move(buffer_);
    }
    buffer_ = std::move(next);
    start_ = buffer_.data();
}

std::pair<char*, std::size_t> ReadBuffer::prepare(std::size_t frame_size) {
    const auto tail = unread();
    const bool reusable = buffer_.unique() && buffer_.capacity() == usual_capacity;
    if (tail.empty() && reusable)
        begin_ = end_ = 0;

    const auto wanted = std::max(frame_size, tail.size() + least_room);
    if (buffer_.capacity() - begin_ < wanted) {
        if (reusable && wanted <= usual_capacity) {
            std::memmove(start_, tail.data(), tail.size());
        } else {
            change_storage(std::max(wanted, usual_capacity));
        }
        begin_ = 0;
        end_ = tail.size();
    }
    return {start_ + end_, buffer_.capacity() - end_};
}

} // namespace fluxmq::nats
