// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace demo {

/// Standard output: lines, and on a terminal a block of lines that is redrawn in place. Of the event loop.
class Screen {
public:
    Screen();

    bool is_terminal() const noexcept { return is_terminal_; }

    void print(const std::string& line);

    /// Draws `block` over the last one, unless something was printed since.
    void redraw(const std::vector<std::string>& block);

private:
    bool is_terminal_;
    std::size_t drawn_ = 0; // lines of the last block, when nothing followed it
};

/// The one screen of this program.
Screen& screen();

} // namespace demo
