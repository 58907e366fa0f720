// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/task.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <exception>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fluxctl::test {

namespace asio = boost::asio;
using fluxlib::Task;

/// Runs `body` on `loop` to its end; that it takes more than two minutes, `times`, is a failure.
inline void run_to_end(asio::io_context& loop, Task<> body, int times = 1) {
    std::exception_ptr failure;
    asio::co_spawn(loop, std::move(body), [&](std::exception_ptr thrown) {
        failure = thrown;
        loop.stop();
    });
    loop.run_for(std::chrono::minutes{2} * times);
    if (failure)
        std::rethrow_exception(failure);
    EXPECT_TRUE(loop.stopped());
}

/// A program that runs beside the test, and what it prints on standard output and error. It is killed in the end.
class Process {
public:
    /// `words`: the path of the program, and its arguments.
    Process(asio::io_context& loop, std::vector<std::string> words) : output_{loop} {
        int ends[2];
        if (pipe(ends) != 0)
            throw std::runtime_error{"no pipe"};
        process_ = fork();
        if (process_ == 0) {
            dup2(ends[1], STDOUT_FILENO);
            dup2(ends[1], STDERR_FILENO);
            close(ends[0]);
            close(ends[1]);
            std::vector<char*> pointers;
            for (auto& word : words)
                pointers.push_back(word.data());
            pointers.push_back(nullptr);
            execv(pointers.front(), pointers.data());
            _exit(127);
        }
        close(ends[1]);
        output_.assign(ends[0]);
    }
    ~Process() {
        if (::testing::Test::HasFailure())
            std::cerr << "the program has printed:\n" << seen_ << read_;
        if (process_ > 0) {
            kill(SIGKILL);
            wait();
        }
    }
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    void kill(int signal) const { ::kill(process_, signal); }

    /// Reads on until a line `fits`; the end of the output fails the test, which then says that it waited for `what`.
    Task<std::string> line(std::string what, std::function<bool(const std::string&)> fits) {
        for (;;) {
            boost::system::error_code error;
            const auto length = co_await asio::async_read_until(
                output_, asio::dynamic_buffer(read_), '\n', asio::redirect_error(asio::use_awaitable, error));
            if (error) {
                ADD_FAILURE() << "no line with '" << what << "' in\n" << seen_ << read_;
                co_return "";
            }
            const auto line = read_.substr(0, length - 1);
            read_.erase(0, length);
            seen_ += line + '\n';
            if (fits(line))
                co_return line;
        }
    }

    /// The next line with `part`.
    Task<std::string> line_with(std::string part) {
        return line(part, [part](const std::string& line) { return line.find(part) != std::string::npos; });
    }

    /// Reads to the end; the exit code.
    Task<int> end() {
        boost::system::error_code error;
        co_await asio::async_read(output_, asio::dynamic_buffer(read_),
                                  asio::redirect_error(asio::use_awaitable, error));
        seen_ += read_;
        co_return wait();
    }

    /// All lines that were read.
    const std::string& seen() const noexcept { return seen_; }

private:
    int wait() {
        int status = 0;
        waitpid(std::exchange(process_, -1), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

    asio::posix::stream_descriptor output_;
    pid_t process_ = -1;
    std::string read_;
    std::string seen_;
};

} // namespace fluxctl::test
