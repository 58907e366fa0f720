// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fluxctl {

/// What to say to somebody who wrote `word` where only `names` are known: `did you mean 'timer'?` when one is close,
/// otherwise which there are; empty when there are none.
std::string suggest(std::string_view word, const std::vector<std::string>& names);

} // namespace fluxctl
