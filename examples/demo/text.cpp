// SPDX-License-Identifier: MIT
#include "text.hpp"

namespace demo {

namespace {

bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Bytes of the valid, visible UTF-8 character that `text` begins with; 0 when it begins with none.
std::size_t character_size(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto first = byte(0);
    if (first < 0x80)
        return first >= 0x20 && first != 0x7f ? 1 : 0;
    const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < size)
        return 0;
    for (std::size_t i = 1; i < size; ++i)
        if ((byte(i) & 0xc0) != 0x80)
            return 0;
    const auto second = byte(1);
    const bool forbidden = (first == 0xc2 && second < 0xa0) || // control characters
                           (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90) || // overlong
                           (first == 0xed && second > 0x9f) ||
                           (first == 0xf4 && second > 0x8f); // out of range
    return forbidden ? 0 : size;
}

} // namespace

std::uint64_t count_words(std::string_view text) noexcept {
    std::uint64_t words = 0;
    bool inside = false;
    for (const char c : text) {
        words += !inside && !is_space(c) ? 1 : 0;
        inside = !is_space(c);
    }
    return words;
}

std::string printable(std::string_view text, std::size_t size) {
    std::string shown;
    while (!text.empty() && shown.size() < size) {
        const auto count = character_size(text);
        shown += count == 0 ? std::string_view{"."} : text.substr(0, count);
        text.remove_prefix(count == 0 ? 1 : count);
    }
    return text.empty() ? shown : shown + "...";
}

} // namespace demo
