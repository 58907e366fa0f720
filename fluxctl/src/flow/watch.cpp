// SPDX-License-Identifier: MIT
#include "flow/watch.hpp"

#include <filesystem>
#include <system_error>
#include <utility>

namespace fluxctl::flow {

Watch::Watch(std::string path) : path_{std::move(path)}, taken_{read_file(path_)}, seen_{taken_} {}

bool Watch::look() {
    namespace fs = std::filesystem;
    std::error_code failed;
    if (const auto status = fs::status(path_, failed); fs::exists(status) && !fs::is_regular_file(status))
        return false;
    auto before = std::exchange(seen_, read_file(path_));
    if (seen_ != before || seen_ == taken_)
        return false;
    taken_ = seen_;
    return true;
}

} // namespace fluxctl::flow
