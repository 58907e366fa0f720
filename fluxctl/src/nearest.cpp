// SPDX-License-Identifier: MIT
#include "nearest.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace fluxctl {

namespace {

// Letters to change, add or take away (Levenshtein's distance).
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        auto diagonal = row[0]++;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const auto changed = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, diagonal + 1, row[j] + 1});
        }
    }
    return row.back();
}

} // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
    if (word.empty())
        return {};
    std::string best;
    auto best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const auto& candidate : known) {
        const auto far = candidate.starts_with(word) ? 1 : distance(word, candidate);
        if (far < best_distance && far < std::max(word.size(), candidate.size())) {
            best = candidate;
            best_distance = far;
        }
    }
    return best;
}

} // namespace fluxctl
