// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace fluxmq::nats {

/// `text` without the characters of `white_space` at its ends.
inline std::string_view trim(std::string_view text, std::string_view white_space) noexcept {
    const auto first = text.find_first_not_of(white_space);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

/// Whether two characters of a server's words are the same letter, in whatever case.
inline bool same_letter(char a, char b) noexcept { return (a | 0x20) == (b | 0x20); }

} // namespace fluxmq::nats
