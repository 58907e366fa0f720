// SPDX-License-Identifier: MIT
#pragma once

#include "flow/file.hpp"

#include <chrono>
#include <string>

namespace fluxctl::flow {

/// A flow file that may be edited while its flow runs. It is read when it is looked at, and waits for nothing: a pipe or a
/// device, which might, is read once, by the constructor.
class Watch {
public:
    /// How often to look.
    static constexpr std::chrono::milliseconds interval{200};

    /// Takes what is in the file now.
    explicit Watch(std::string path);

    /// Whether there was something else to take. An editor may be at work: it counts when two looks in a row have seen
    /// the same.
    bool look();

    /// What was taken last.
    Parsed parse() const { return parse_contents(taken_); }

    const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
    Contents taken_;
    Contents seen_;
};

} // namespace fluxctl::flow
