// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/task.hpp>

#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace flux_stock {

/// A file that text is added to, and written on threads of the pool: a slow disk does not hold up the event loop.
class FileSink {
public:
    /// Text that may wait; add() is followed by write() when it says that this is reached.
    static constexpr std::size_t enough = std::size_t{64} << 10;

    /// Empties the file unless `append`. `is_new` is then whether it is empty. Throws Error{invalid_settings} that names it.
    fluxlib::Task<> open(std::string path, bool append);

    bool is_new() const noexcept { return is_new_; }
    /// Whether there is enough for a write().
    [[nodiscard]] bool add(std::string_view text);
    /// Throws Error{hook_failed} that names the file; what waited is lost then.
    fluxlib::Task<> write();
    /// Writes what waits, and closes.
    fluxlib::Task<> close();

private:
    struct Close {
        void operator()(std::FILE* file) const noexcept { std::fclose(file); }
    };
    std::string path_;
    std::string waiting_;
    std::unique_ptr<std::FILE, Close> file_;
    bool is_new_ = false;
};

} // namespace flux_stock
