// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>
#include <string_view>

namespace fluxmq::nats {

/// `text` without the characters of `white_space` at its ends.
inline std::string_view trim(std::string_view text, std::string_view white_space) noexcept {
    const auto first = text.find_first_not_of(white_space);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

/// Takes the first line off `rest`, without its end: LF or CR LF.
inline std::string_view next_line(std::string_view& rest) noexcept {
    const auto end = rest.find('\n');
    auto line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (line.ends_with('\r'))
        line.remove_suffix(1);
    return line;
}

/// Writes `text` at `at`, where there must be room; the place behind it.
inline char* put(char* at, std::string_view text) noexcept {
    if (!text.empty())
        std::memcpy(at, text.data(), text.size());
    return at + text.size();
}

/// Whether two characters of a server's words are the same letter, in whatever case.
inline bool same_letter(char a, char b) noexcept { return (a | 0x20) == (b | 0x20); }

} // namespace fluxmq::nats
