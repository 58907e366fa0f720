// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace demo {

/// Runs of anything but white space.
std::uint64_t count_words(std::string_view text) noexcept;

/// At most about `size` bytes of `text`, with a `.` for each byte that is a control character or no UTF-8: input
/// can hold anything, and a terminal or a JSON reader must not see it.
std::string printable(std::string_view text, std::size_t size);

} // namespace demo
