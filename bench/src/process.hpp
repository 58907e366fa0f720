// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

/// A program that ends with this object; its standard output is read line by line.
class Child {
public:
    explicit Child(std::string program, std::vector<std::string> arguments);
    ~Child();
    Child(Child&& other) noexcept;
    Child& operator=(Child&&) = delete;

    pid_t id() const noexcept { return process_; }

    /// Throws std::runtime_error when it ends first or says nothing for long.
    std::string line();

    /// Lets wait_for_start() return there.
    void start();

    /// Asks it to end.
    void terminate() noexcept;

    /// Throws std::runtime_error unless it ends well.
    void join();

private:
    pid_t process_ = 0;
    int input_ = -1;
    int output_ = -1;
    std::string read_;
};

/// This program, or another one that was built into the same folder.
std::string own_program();
std::string program_beside(const std::string& name);

/// CPU time of a process, user and system, all threads, in seconds; 0 is this one. Its clock counts what
/// /proc/PID/stat does, in ns instead of in ticks of 10 ms.
double cpu_seconds(pid_t process = 0);

/// A number of /proc/PID/status, such as VmRSS (KiB) or Threads; 0 is this process.
double status_number(const std::string& key, pid_t process = 0);

/// How often a process has gone to sleep: the voluntary context switches of its threads.
std::uint64_t times_slept(pid_t process);

/// The process of that name that this one has started.
pid_t child_named(const std::string& name);

} // namespace bench
