// SPDX-License-Identifier: MIT
#include "nearest.hpp"

#include <algorithm>
#include <numeric>

namespace fluxctl {

namespace {

// Bounds that keep a long list of long names from taking long.
constexpr std::size_t names_compared = 1000;
constexpr std::size_t names_listed = 8;
constexpr std::size_t longest_word = 64;

// Insertions, deletions, replacements, and swaps of neighbours (the optimal string alignment distance).
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(last.begin(), last.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
        before_last.swap(last);
        last.swap(row);
    }
    return last[b.size()];
}

} // namespace

std::string suggest(std::string_view word, const std::vector<std::string>& names) {
    if (names.empty())
        return {};
    const std::string* nearest = nullptr;
    auto least = word.size() / 3 + 2; // farther away it is another word
    for (std::size_t i = 0; i < std::min(names.size(), names_compared); ++i) {
        const auto& name = names[i];
        if (std::max(word.size(), name.size()) > longest_word)
            continue;
        if (const auto far = distance(word, name); far < least && far < name.size()) {
            least = far;
            nearest = &name;
        }
    }
    if (nearest)
        return "did you mean '" + *nearest + "'?";
    std::string known = "known are ";
    for (std::size_t i = 0; i < std::min(names.size(), names_listed); ++i)
        known += (i == 0 ? "" : ", ") + names[i].substr(0, longest_word);
    return names.size() > names_listed ? known + ", ..." : known;
}

} // namespace fluxctl
