// SPDX-License-Identifier: MIT
// A fuzz target is a function of any bytes. It throws Broken where a promise does not hold; a sanitizer sees the
// rest. entry.cpp makes a libFuzzer program of one, and a test runs each over the seeds in corpus/.
#pragma once

#include <stdexcept>
#include <string_view>

namespace fluxmq::fuzz {

/// A promise that an input broke. No code under test catches it.
class Broken : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

inline void require(bool holds, const char* promise) {
    if (!holds)
        throw Broken{promise};
}

/// Cuts the first line off `rest`; without its '\n'.
inline std::string_view next_line(std::string_view& rest) noexcept {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return line;
}

/// An input read as numbers and texts, for targets that make what they test of it. Behind its end there are
/// zeros and empty texts.
class Source {
public:
    explicit Source(std::string_view bytes) noexcept : bytes_{bytes} {}

    bool empty() const noexcept { return bytes_.empty(); }
    unsigned byte() noexcept {
        if (bytes_.empty())
            return 0;
        const auto first = static_cast<unsigned char>(bytes_.front());
        bytes_.remove_prefix(1);
        return first;
    }
    /// So many bytes as the next one says.
    std::string_view text() noexcept {
        const auto size = byte();
        const auto taken = bytes_.substr(0, size);
        bytes_.remove_prefix(taken.size());
        return taken;
    }

private:
    std::string_view bytes_;
};

} // namespace fluxmq::fuzz
