// SPDX-License-Identifier: MIT
#include <fluxlib/report.hpp>

namespace fluxlib {

std::string Account::line() const {
    return "account: published=" + std::to_string(published) + " delivered=" + std::to_string(delivered) +
           " dropped=" + std::to_string(dropped.total()) + " pending=" + std::to_string(pending);
}

std::string Account::drops_line() const {
    std::string line;
    const auto add = [&](const char* reason, std::uint64_t count) {
        if (count != 0)
            line += std::string{line.empty() ? "dropped: " : " "} + reason + "=" + std::to_string(count);
    };
    add("oldest", dropped.oldest);
    add("newest", dropped.newest);
    add("failed", dropped.failed);
    add("not_started", dropped.not_started);
    add("closed", dropped.closed);
    return line;
}

} // namespace fluxlib
