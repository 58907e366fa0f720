// SPDX-License-Identifier: MIT
#include "read_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace fluxmq::nats {

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
            Buffer next{std::max(wanted, usual_capacity)};
            if (!tail.empty())
                std::memcpy(next.data(), tail.data(), tail.size());
            buffer_ = std::move(next);
            start_ = buffer_.data();
        }
        begin_ = 0;
        end_ = tail.size();
    }
    return {start_ + end_, buffer_.capacity() - end_};
}

} // namespace fluxmq::nats
