// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace flux_stock {

/// Reads lines from a file or from standard input. It blocks, so it belongs on a thread of the pool.
class LineReader {
public:
    static constexpr std::size_t longest_line = std::size_t{1} << 20;

    LineReader() = default;
    ~LineReader() { close(); }
    LineReader(const LineReader&) = delete;
    LineReader& operator=(const LineReader&) = delete;

    /// `-` is standard input. Throws Error{invalid_settings} that names the file.
    void open(std::string path);
    void close() noexcept;

    struct Batch {
        std::vector<std::string> lines; ///< without their ends
        bool at_end = false;
        std::size_t too_long = 0; ///< lines beyond longest_line, which are left out
    };
    /// The next lines, `most` at most: those that there are, after a tenth of a second at the latest. Throws
    /// Error{hook_failed}.
    Batch read(std::size_t most);

private:
    bool fill();
    void add(Batch& batch, std::string_view line);

    std::string path_;
    int file_ = -1;
    std::string buffer_;
    std::size_t begin_ = 0; // of what is not read yet, in buffer_
    std::size_t seen_ = 0;  // up to here it has no line's end
    bool skips_ = false;    // the rest of a line that is too long
    bool at_end_ = false;
};

} // namespace flux_stock
