// SPDX-License-Identifier: MIT
#include "screen.hpp"

#include <unistd.h>

#include <iostream>

namespace demo {

Screen::Screen() : is_terminal_{isatty(STDOUT_FILENO) == 1} {}

void Screen::print(const std::string& line) {
    drawn_ = 0;
    std::cout << line << '\n' << std::flush;
}

void Screen::redraw(const std::vector<std::string>& block) {
    if (drawn_ > 0)
        std::cout << "\033[" << drawn_ << 'A'; // so many lines up
    for (const auto& line : block)
        std::cout << line << "\033[K\n"; // and nothing of the old line behind it
    std::cout << std::flush;
    drawn_ = block.size();
}

Screen& screen() {
    static Screen instance;
    return instance;
}

} // namespace demo
