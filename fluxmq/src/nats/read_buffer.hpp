// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/bytes.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace fluxmq::nats {

/// What was read from the socket and not yet taken. Messages are slices of its storage, so it writes only where
/// no slice can be: behind the last byte read, or anywhere once no slice is left. It keeps some storages that still had
/// slices, and uses them again: fresh memory costs a page fault for every few messages.
class ReadBuffer {
public:
    static constexpr std::size_t usual_capacity = std::size_t{64} << 10;
    /// Less room than this is not worth a read.
    static constexpr std::size_t least_room = std::size_t{4} << 10;

    std::string_view unread() const noexcept { return {start_ + begin_, end_ - begin_}; }
    void consume(std::size_t size) noexcept { begin_ += size; }

    /// A part of unread(), also an empty one, that keeps all of it alive.
    Bytes slice(std::string_view part) const noexcept {
        return buffer_.slice(static_cast<std::size_t>(part.data() - start_), part.size());
    }

    /// Room to read into. `frame_size`: bytes of the frame that unread() starts with, 0 where that is not known;
    /// one that is larger than usual gets storage of its own size.
    std::pair<char*, std::size_t> prepare(std::size_t frame_size);
    void commit(std::size_t size) noexcept { end_ += size; }

    /// Forgets what is unread.
    void reset() noexcept { begin_ = end_; }

private:
    void change_storage(std::size_t wanted);

    Buffer buffer_;
    std::array<Buffer, 3> former_; // of the usual capacity
    std::size_t oldest_ = 0;       // of these
    char* start_ = nullptr;        // of buffer_
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

} // namespace fluxmq::nats
