// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace demo {

/// Reads lines from a file, a pipe or a terminal, and never holds more than a chunk and a line of it.
class LineReader {
public:
    /// `path` may be `-` for standard input. A line of more than `longest` bytes comes in pieces.
    /// Throws std::system_error that names the path.
    LineReader(std::string path, std::size_t longest);
    ~LineReader();
    LineReader(const LineReader&) = delete;
    LineReader& operator=(const LineReader&) = delete;

    /// Blocks until there is more, but for `patience` at most. Throws as the constructor.
    void read(std::chrono::milliseconds patience);

    /// The next line that is complete, without its end; valid until read().
    std::optional<std::string_view> next();

    /// The input is over, and next() has given everything.
    bool done() const noexcept { return ended_ && position_ == text_.size(); }

private:
    std::string path_;
    std::size_t longest_;
    int file_;
    bool ended_ = false;
    std::string text_;
    std::size_t position_ = 0; // of what next() gives
};

} // namespace demo
