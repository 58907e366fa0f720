// SPDX-License-Identifier: MIT
#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

namespace fluxctl::test {

struct Result {
    int code = -1;
    std::string output; // standard output and error
};

/// Runs a command line of the shell to its end.
inline Result shell(std::string line) {
    line = "{ " + std::move(line) + "; } 2>&1 </dev/null";
    Result result;
    auto* const pipe = popen(line.c_str(), "r");
    if (!pipe)
        return result;
    std::array<char, 4096> buffer;
    while (const auto size = std::fread(buffer.data(), 1, buffer.size(), pipe))
        result.output.append(buffer.data(), size);
    const int status = pclose(pipe);
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return result;
}

/// Runs the program that was built, as a shell would.
inline Result fluxctl(const std::string& arguments) {
    std::string line{FLUXCTL};
    line += ' ';
    line += arguments;
    return shell(std::move(line));
}

} // namespace fluxctl::test
