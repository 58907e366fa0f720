// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

namespace fluxmq {

/// Calls a function at the end of a scope, however that is left.
template <class Function>
class OnExit {
public:
    explicit OnExit(Function function) : function_{std::move(function)} {}
    ~OnExit() { function_(); }
    OnExit(const OnExit&) = delete;
    OnExit& operator=(const OnExit&) = delete;

private:
    Function function_;
};

} // namespace fluxmq
