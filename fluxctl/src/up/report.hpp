// SPDX-License-Identifier: MIT
#pragma once

#include "up/actions.hpp"

#include <string>
#include <string_view>

namespace fluxctl::up {

/// What `up` prints: a line each, with the time; JSON for scripts. Whatever a service says stays on its line, and steers
/// no terminal.
class Report {
public:
    explicit Report(bool json) : json_{json} {}

    void show(const Event& event) const;
    /// A line that the process `name` has printed.
    void output(std::string_view name, std::string_view text) const;
    /// What the manager of `flow` has done.
    void say(std::string_view flow, const Notice& notice) const;

private:
    bool json_;
};

} // namespace fluxctl::up
