// SPDX-License-Identifier: MIT
#include "process.hpp"

#include "bench.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace bench {

namespace fs = std::filesystem;

Child::Child(std::string program, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), std::move(program));
    std::vector<char*> words;
    for (auto& argument : arguments)
        words.push_back(argument.data());
    words.push_back(nullptr);

    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0)
        throw std::runtime_error{"cannot make a pipe"};
    input_ = in[1];
    output_ = out[0];
    const auto parent = ::getpid();
    process_ = ::fork();
    if (process_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent)
            ::_exit(126);
        ::dup2(in[0], STDIN_FILENO);
        ::dup2(out[1], STDOUT_FILENO);
        ::execv(words[0], words.data());
        ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    if (process_ < 0) {
        ::close(input_);
        ::close(output_);
        throw std::runtime_error{"cannot start a process"};
    }
}

Child::Child(Child&& other) noexcept
    : process_{std::exchange(other.process_, 0)}, input_{std::exchange(other.input_, -1)},
      output_{std::exchange(other.output_, -1)}, read_{std::move(other.read_)} {}

Child::~Child() {
    if (process_ > 0) {
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }
    if (output_ >= 0) {
        ::close(input_);
        ::close(output_);
    }
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

void Child::start() {
    if (::write(input_, "\n", 1) != 1)
        throw std::runtime_error{"the process beside the measuring one has ended"};
}

void Child::terminate() noexcept {
    if (process_ > 0)
        ::kill(process_, SIGTERM);
}

void Child::join() {
    int status = 0;
    ::waitpid(std::exchange(process_, 0), &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        throw std::runtime_error{"the measuring process failed"};
}

std::string own_program() { return fs::read_symlink("/proc/self/exe").string(); }

std::string program_beside(const std::string& name) {
    return (fs::path{own_program()}.parent_path() / name).string();
}

double cpu_seconds(pid_t process) {
    clockid_t clock = CLOCK_PROCESS_CPUTIME_ID;
    timespec now{};
    if ((process != 0 && ::clock_getcpuclockid(process, &clock) != 0) || ::clock_gettime(clock, &now) != 0)
        throw std::runtime_error{"cannot read the CPU time of process " + std::to_string(process)};
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

namespace {

double number_in(const fs::path& status_file, const std::string& key) {
    std::ifstream file{status_file};
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(key + ':'))
            return std::stod(line.substr(key.size() + 1));
    throw std::runtime_error{status_file.string() + " does not tell " + key};
}

} // namespace

double status_number(const std::string& key, pid_t process) {
    return number_in(fs::path{"/proc"} / (process ? std::to_string(process) : "self") / "status", key);
}

std::uint64_t times_slept(pid_t process) {
    std::uint64_t sum = 0;
    for (const auto& thread : fs::directory_iterator{fs::path{"/proc"} / std::to_string(process) / "task"})
        sum += static_cast<std::uint64_t>(number_in(thread.path() / "status", "voluntary_ctxt_switches"));
    return sum;
}

pid_t child_named(const std::string& name) {
    for (const auto& entry : fs::directory_iterator{"/proc"}) {
        const auto number = entry.path().filename().string();
        if (number.find_first_not_of("0123456789") != std::string::npos)
            continue;
        std::ifstream file{entry.path() / "stat"}; // "PID (name) state parent ..."
        std::ostringstream text;
        text << file.rdbuf();
        const auto line = text.str();
        const auto end = line.rfind(')');
        if (end == std::string::npos || line.find('(' + name + ')') == std::string::npos)
            continue;
        std::istringstream rest{line.substr(end + 1)};
        std::string state;
        pid_t parent = 0;
        if (rest >> state >> parent && parent == ::getpid())
            return std::stoi(number);
    }
    throw std::runtime_error{"there is no child process " + name};
}

} // namespace bench
