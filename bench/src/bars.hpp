// SPDX-License-Identifier: MIT
#pragma once

#include "result.hpp"

#include <optional>
#include <string>
#include <vector>

/// What the results are held against. Whether a bar holds is printed and written down; it is no test.
namespace bench {

/// A number of the results: the best median among these sides of a path.
struct Figure {
    std::string path;
    std::vector<std::string> sides;
    std::string metric; ///< or figure
};

struct Bar {
    enum class Is { at_most, at_least };

    std::string what; ///< for people, with the number
    Figure ours;
    std::optional<Figure> peer; ///< without one, ours itself is compared with `bar`, otherwise ours : peer
    Is is;
    double bar;
};

struct Judged {
    const Bar* bar = nullptr;
    double ours = 0;
    std::string ours_side = {};
    std::optional<double> peer = {};
    std::string peer_side = {};
    double ratio = 0; ///< where there is a peer
    bool holds = false;
};

const std::vector<Bar>& all_bars();

/// Those bars whose figures were measured.
std::vector<Judged> judge(const std::vector<Bar>& bars, const std::vector<Result>& results);

} // namespace bench
