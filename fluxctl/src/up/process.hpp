// SPDX-License-Identifier: MIT
#pragma once

#include "up/crew.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace fluxctl::up {

/// What a process is started with.
struct Program {
    std::vector<std::string> words;                 ///< the program, looked up in PATH, and its arguments
    std::map<std::string, std::string> environment; ///< in addition to that of this process
    std::string directory;                          ///< where it runs
};

/// Called on the event loop of the process, and not after the process is destroyed.
struct ProcessListener {
    std::function<void(std::string line)> on_line; ///< of standard output or error
    std::function<void(Ending ending)> on_end;     ///< once, after the last line
};

/// A process of a service, in a process group of its own: what it leaves behind ends with it. It also gets SIGTERM when this
/// process dies. It reads nothing; what it prints is handed on line by line, and it is held up while nobody takes it.
///
/// Thread safety: none, use it on its event loop.
class Process {
public:
    static constexpr std::chrono::milliseconds kill_patience{5'000}; ///< after SIGTERM

    /// Starts it. Where that fails, `on_end` says why.
    Process(boost::asio::io_context& context, const Program& program, ProcessListener listener);
    /// Kills what still runs.
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    /// Its process id; 0 when it could not be started.
    int id() const noexcept;

    /// SIGTERM to its group, and SIGKILL to what is left after kill_patience. Once.
    void terminate();
    /// SIGKILL to its group.
    void kill() noexcept;
    /// Whether a debugger has stopped it, so that it cannot be expected to react.
    bool is_traced() const;

private:
    struct Running;
    std::shared_ptr<Running> running_;
};

} // namespace fluxctl::up
