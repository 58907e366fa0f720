// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string_view>

namespace fluxctl {

/// A file of fluxctl/templates, by its path there.
struct Template {
    std::string_view path;
    std::string_view text;
};

/// All of them; CMake writes this function.
std::span<const Template> templates();

} // namespace fluxctl
