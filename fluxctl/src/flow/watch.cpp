// SPDX-License-Identifier: MIT
#include "flow/watch.hpp"

#include <utility>

namespace fluxctl::flow {

Watch::Watch(std::string path) : path_{std::move(path)}, taken_{read_file(path_)}, seen_{taken_} {}

bool Watch::look() {
    auto before = std::exchange(seen_, read_file(path_));
    if (seen_ != before || seen_ == taken_)
        return false;
    taken_ = seen_;
    return true;
}

} // namespace fluxctl::flow
