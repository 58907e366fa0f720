// SPDX-License-Identifier: MIT
#include "read_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace fluxmq::nats {

// Moves what is unread to another storage, and keeps the present one for later.
void ReadBuffer::change_storage(std::size_t wanted) {
    Buffer next;
    auto* place = &former_[oldest_];
    if (wanted > usual_capacity) {
        next = Buffer{wanted};
    } else {
        const auto again = std::find_if(former_.begin(), former_.end(), [](const Buffer& former) {
            return former.capacity() == usual_capacity && former.unique();
        });
        if (again != former_.end())
            place = &*again;
        next = again != former_.end() ? std::move(*again) : Buffer{usual_capacity};
    }
    const auto tail = unread();
    if (!tail.empty())
        std::memcpy(next.data(), tail.data(), tail.size());
    if (buffer_.capacity() == usual_capacity) {
        if (place == &former_[oldest_])
            oldest_ = (oldest_ + 1) % former_.size();
        *place = std::move(buffer_);
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
