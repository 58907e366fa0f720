// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace bench {

/// This program once more, with other arguments; its standard output is read line by line. It ends with this
/// object.
class Child {
public:
    explicit Child(std::vector<std::string> arguments);
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    /// Throws std::runtime_error when it ends first or says nothing for long.
    std::string line();

    /// Throws std::runtime_error unless it ends well.
    void join();

private:
    int process_ = 0;
    int output_ = -1;
    std::string read_;
};

} // namespace bench
