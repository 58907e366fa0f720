// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fluxctl {

/// The one of `known` that was most likely meant by `word`: begun by it, or by at most a third of its letters (at
/// least two) away from it. Empty for none.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

} // namespace fluxctl
