// SPDX-License-Identifier: MIT
// Whatever is read, taken and kept in any order: what is unread is what came, and no slice ever changes.
#include <nats/read_buffer.hpp>

#include "target.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

using fluxmq::Bytes;
using fluxmq::fuzz::require;
using fluxmq::fuzz::Source;
using fluxmq::nats::ReadBuffer;

namespace {

constexpr std::size_t most_kept = 8;

} // namespace

void fuzz_read_buffer(std::string_view input) {
    Source source{input};
    ReadBuffer buffer;
    std::string unread;
    std::vector<std::pair<Bytes, std::string>> kept;
    char filler = 'a';
    while (!source.empty()) {
        const auto step = source.byte() % 6;
        const auto amount = source.byte();
        switch (step) {
        case 0:
        case 1: {
            // A frame size is of the frame that begins what is unread, so it is larger than that.
            const auto frame = step == 0 ? 0 : unread.size() + amount * 300 + 1;
            const auto [room, size] = buffer.prepare(frame);
            require(size >= ReadBuffer::least_room || size + unread.size() >= frame,
                    "there is room to read into");
            require(frame == 0 || size + unread.size() >= frame, "there is room for the frame");
            const auto read = std::min<std::size_t>(size, amount * 80);
            std::fill_n(room, read, filler);
            buffer.commit(read);
            unread.append(read, filler);
            filler = filler == 'z' ? 'a' : static_cast<char>(filler + 1);
            break;
        }
        case 2:
        case 3: {
            const auto taken = std::min<std::size_t>(unread.size(), amount * 90);
            if (step == 3 && kept.size() < most_kept)
                kept.emplace_back(buffer.slice(buffer.unread().substr(0, taken)), unread.substr(0, taken));
            buffer.consume(taken);
            unread.erase(0, taken);
            break;
        }
        case 4:
            if (!kept.empty())
                kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(amount % kept.size()));
            break;
        case 5:
            buffer.reset();
            unread.clear();
            break;
        }
        require(buffer.unread() == unread, "what is unread is what came and was not taken");
    }
    for (const auto& [slice, bytes] : kept)
        require(slice.view() == bytes, "a slice keeps its bytes");
}
