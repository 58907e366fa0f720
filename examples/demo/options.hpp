// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

namespace demo {

/// What the command line asks for.
struct Options {
    bool help = false;
    std::string input = {};     ///< a file, `-` for standard input; empty: this machine's load
    std::string transport = {}; ///< the address of a NATS server; empty: the embedded bus
    std::optional<std::chrono::milliseconds> length = {}; ///< how long to run
};

/// A command line that cannot be understood.
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

extern const char* const usage;

/// Throws UsageError that names the argument.
Options parse_options(int argc, const char* const* argv);

} // namespace demo
