// SPDX-License-Identifier: MIT
#include "process.hpp"

#include "bench.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

namespace bench {

Child::Child(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "/proc/self/exe");
    std::vector<char*> words;
    for (auto& argument : arguments)
        words.push_back(argument.data());
    words.push_back(nullptr);

    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        throw std::runtime_error{"cannot make a pipe"};
    output_ = ends[0];
    const auto parent = ::getpid();
    process_ = ::fork();
    if (process_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent)
            ::_exit(126);
        ::dup2(ends[1], STDOUT_FILENO);
        ::execv(words[0], words.data());
        ::_exit(127);
    }
    ::close(ends[1]);
    if (process_ < 0) {
        process_ = 0;
        ::close(output_);
        throw std::runtime_error{"cannot start a process"};
    }
}

Child::~Child() {
    if (process_ > 0) {
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }
    ::close(output_);
}

std::string Child::line() {
    for (;;) {
        if (const auto end = read_.find('\n'); end != std::string::npos) {
            auto rest = read_.substr(end + 1);
            read_.resize(end);
            return std::exchange(read_, std::move(rest));
        }
        pollfd waiting{output_, POLLIN, 0};
        if (::poll(&waiting, 1, 2 * patience_seconds * 1000) <= 0)
            throw std::runtime_error{"the measuring process says nothing"};
        char part[4096];
        const auto count = ::read(output_, part, sizeof part);
        if (count <= 0)
            throw std::runtime_error{"the measuring process ended without a result"};
        read_.append(part, static_cast<std::size_t>(count));
    }
}

void Child::join() {
    int status = 0;
    ::waitpid(std::exchange(process_, 0), &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        throw std::runtime_error{"the measuring process failed"};
}

} // namespace bench
