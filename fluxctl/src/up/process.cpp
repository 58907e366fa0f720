// SPDX-License-Identifier: MIT
#include "up/process.hpp"

#include <fluxlib/task.hpp>

#include "up/output_lines.hpp"

// Without the compiled Boost.Filesystem.
#define BOOST_PROCESS_USE_STD_FS 1

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/process/args.hpp>
#include <boost/process/async.hpp>
#include <boost/process/async_pipe.hpp>
#include <boost/process/child.hpp>
#include <boost/process/env.hpp>
#include <boost/process/environment.hpp>
#include <boost/process/error.hpp>
#include <boost/process/exe.hpp>
#include <boost/process/extend.hpp>
#include <boost/process/io.hpp>
#include <boost/process/search_path.hpp>
#include <boost/process/start_dir.hpp>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

namespace fluxctl::up {

namespace asio = boost::asio;
namespace process = boost::process;

namespace {

// Between fork and exec: only what a signal handler may do.
struct OwnGroup : process::extend::handler {
    template <class Executor>
    void on_exec_setup(Executor&) const {
        ::setpgid(0, 0);
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        std::signal(SIGPIPE, SIG_DFL);
        ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC); // no open file or connection is inherited
    }
};

// With a slash it is a path, seen from where the process runs.
std::filesystem::path find_program(const Program& program) {
    const auto& name = program.words.front();
    if (name.find('/') == std::string::npos)
        return process::search_path(name);
    return std::filesystem::path{program.directory} / name;
}

// Whether a process of the group runs. One that has ended and is not collected yet does not.
bool group_lives(int group) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc", ignored}) {
        std::ifstream file{entry.path() / "stat"}; // ID (NAME) STATE PARENT GROUP ...
        std::string stat;
        std::getline(file, stat);
        const auto name_end = stat.rfind(')');
        if (name_end == std::string::npos)
            continue;
        std::istringstream rest{stat.substr(name_end + 1)};
        char state = 0;
        int parent = 0;
        int of_group = 0;
        if (rest >> state >> parent >> of_group && of_group == group && state != 'Z' && state != 'X')
            return true;
    }
    return false;
}

std::string left_out_line(std::uint64_t count) {
    return fmt::format("({} lines left out: more than {} within a second)", count, OutputLines::most);
}

// Between two looks whether the rest of a group has ended.
constexpr std::chrono::milliseconds group_interval{20};
// For the end of the output, after that of the process.
constexpr std::chrono::milliseconds output_patience{500};

} // namespace

struct Process::Running : std::enable_shared_from_this<Process::Running> {
    Running(asio::io_context& on, ProcessListener to) : context{on}, listener{std::move(to)} {}

    void start(const Program& program);
    fluxlib::Task<> read();
    void on_exit();
    void look_at_group();
    void hand_on(const std::vector<std::string>& printed) const;
    void tell_left_out();
    void end_when_done();

    void signal_group(int signal) const noexcept {
        if (id > 0)
            ::kill(-id, signal);
    }
    fluxmq::Timer after(fluxmq::Clock::duration length, void (Running::*call)()) {
        return clock->call_at(clock->now() + length, context.get_executor(),
                              [this, call] { (this->*call)(); });
    }
    void kill_group() { signal_group(SIGKILL); }
    void close_output() {
        boost::system::error_code ignored;
        if (output)
            output->close(ignored);
    }

    asio::io_context& context;
    ProcessListener listener;
    std::optional<process::async_pipe> output;
    process::child child;
    std::shared_ptr<fluxmq::Clock> clock = fluxmq::Clock::real();
    int id = 0;
    bool terminated = false; // it was told to end
    bool exited = false;
    bool group_ended = false;
    bool read_all = false;
    Ending ending;
    OutputLines lines;
    fluxmq::Timer kill_timer;
    fluxmq::Timer group_timer;
    fluxmq::Timer output_timer;
    fluxmq::Timer left_out_timer;
};

void Process::Running::start(const Program& program) {
    if (!std::filesystem::is_directory(program.directory)) // the library would go on without it
        throw std::system_error{std::make_error_code(std::errc::no_such_file_or_directory)};
    const auto path = find_program(program);
    if (path.empty())
        throw std::system_error{std::make_error_code(std::errc::no_such_file_or_directory)};
    const std::vector<std::string> arguments(program.words.begin() + 1, program.words.end());
    process::environment environment = boost::this_process::environment();
    for (const auto& [name, value] : program.environment)
        environment[name] = value;
    output.emplace(context);
    auto no_input = process::std_in < process::null;
    auto all_output = (process::std_out & process::std_err) > *output;
    std::error_code error;
    // The library still works on its list of processes when it calls on_exit, which may start one: later.
    const auto exit = [self = shared_from_this()](int, std::error_code) {
        asio::post(self->context, [self] { self->on_exit(); });
    };
    child = process::child{process::exe = path.string(),
                           process::args = arguments,
                           environment,
                           process::start_dir = program.directory,
                           no_input,
                           all_output,
                           context,
                           error,
                           OwnGroup{},
                           process::on_exit = exit};
    if (error)
        throw std::system_error{error};
    id = child.id();
    asio::co_spawn(context, [self = shared_from_this()] { return self->read(); }, asio::detached);
}

fluxlib::Task<> Process::Running::read() {
    const auto self = shared_from_this();
    std::array<char, 16'384> buffer;
    for (;;) {
        boost::system::error_code error;
        const auto count = co_await output->async_read_some(asio::buffer(buffer),
                                                            asio::redirect_error(asio::use_awaitable, error));
        hand_on(lines.add({buffer.data(), count}, clock->now()));
        tell_left_out();
        if (error)
            break;
    }
    read_all = true;
    end_when_done();
}

void Process::Running::hand_on(const std::vector<std::string>& printed) const {
    for (const auto& line : printed)
        if (listener.on_line)
            listener.on_line(line);
}

void Process::Running::tell_left_out() {
    if (const auto count = lines.take_left_out(clock->now()); count > 0)
        hand_on({left_out_line(count)});
    if (const auto next = lines.next_due(); next != OutputLines::TimePoint::max())
        left_out_timer = clock->call_at(next, context.get_executor(), [this] { tell_left_out(); });
}

void Process::Running::on_exit() {
    exited = true;
    const int status = child.native_exit_code();
    child.detach();
    if (WIFSIGNALED(status))
        ending.signal = WTERMSIG(status);
    else
        ending.code = WEXITSTATUS(status);
    if (!terminated) {
        ending.left_others = group_lives(id);
        kill_group();
    }
    look_at_group();
}

// What was told to end with it may take its time.
void Process::Running::look_at_group() {
    if (group_lives(id)) {
        group_timer = after(group_interval, &Running::look_at_group);
        return;
    }
    group_ended = true;
    kill_timer.cancel();
    // Who has left the group may hold the pipe open for ever.
    if (!read_all)
        output_timer = after(output_patience, &Running::close_output);
    end_when_done();
}

void Process::Running::end_when_done() {
    if (!group_ended || !read_all)
        return;
    output_timer.cancel();
    left_out_timer.cancel();
    hand_on(lines.finish(clock->now()));
    if (const auto count = lines.left_out(); count > 0)
        hand_on({left_out_line(count)});
    if (const auto tell = std::exchange(listener, {}).on_end)
        tell(ending);
}

// --- Process -------------------------------------------------------------------------------------------------

Process::Process(asio::io_context& context, const Program& program, ProcessListener listener)
    : running_{std::make_shared<Running>(context, std::move(listener))} {
    try {
        running_->start(program);
    } catch (const std::exception& error) {
        const auto* const of_system = dynamic_cast<const std::system_error*>(&error);
        running_->ending.error =
            fmt::format("'{}' cannot be started in '{}': {}", program.words.front(), program.directory,
                        of_system ? of_system->code().message() : error.what());
        running_->group_ended = running_->read_all = true;
        asio::post(context, [running = running_] { running->end_when_done(); });
    }
}

Process::~Process() {
    running_->listener = {};
    kill();
    running_->kill_timer.cancel();
    running_->group_timer.cancel();
    running_->output_timer.cancel();
    running_->left_out_timer.cancel();
    running_->close_output();
}

int Process::id() const noexcept { return running_->id; }

void Process::terminate() {
    if (running_->exited)
        return;
    running_->terminated = true;
    running_->signal_group(SIGTERM);
    running_->kill_timer = running_->after(kill_patience, &Running::kill_group);
}

void Process::kill() noexcept {
    if (!running_->group_ended)
        running_->kill_group();
}

bool Process::is_traced() const {
    std::ifstream status{"/proc/" + std::to_string(running_->id) + "/status"};
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("TracerPid:"))
            return line.find_first_of("123456789") != std::string::npos;
    return false;
}

} // namespace fluxctl::up
