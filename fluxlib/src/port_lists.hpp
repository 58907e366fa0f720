// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fluxlib {

/// The port of this alias; null when there is none.
template <class Port>
Port* find_port(const std::vector<std::unique_ptr<Port>>& ports, std::string_view alias) {
    const auto found =
        std::find_if(ports.begin(), ports.end(), [&](const auto& port) { return port->alias() == alias; });
    return found == ports.end() ? nullptr : found->get();
}

/// The topics that a config has for the port of this alias; none when it has no such port.
template <class Data>
std::vector<std::string> topics_of(const std::vector<Data>& ports, std::string_view alias) {
    const auto found =
        std::find_if(ports.begin(), ports.end(), [&](const Data& port) { return port.alias == alias; });
    return found == ports.end() ? std::vector<std::string>{} : found->topics;
}

} // namespace fluxlib
