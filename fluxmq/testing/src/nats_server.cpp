// SPDX-License-Identifier: MIT
#include <fluxmq/testing/nats_server.hpp>

#include "sockets.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace fluxmq::testing {

namespace fs = std::filesystem;

namespace {

constexpr auto start_timeout = std::chrono::seconds{20};

std::string find_program() {
    const char* path = std::getenv("PATH");
    std::istringstream folders{std::string{path ? path : ""} + ":/usr/sbin:/usr/local/sbin:/usr/local/bin"};
    for (std::string folder; std::getline(folders, folder, ':');) {
        const auto candidate = fs::path{folder} / "nats-server";
        if (!folder.empty() && ::access(candidate.c_str(), X_OK) == 0)
            return candidate.string();
    }
    throw std::runtime_error{
        "nats-server is neither in PATH nor in /usr/sbin; Debian: apt-get install nats-server"};
}

bool is_free(std::uint16_t port) {
    const auto socket = tcp_socket();
    return bind_to(socket, port);
}

} // namespace

NatsServer::NatsServer(NatsServerOptions options) : options_{std::move(options)}, program_{find_program()} {
    std::string pattern = (fs::temp_directory_path() / "nats-server-XXXXXX").string();
    if (!::mkdtemp(pattern.data()))
        throw std::runtime_error{"cannot make a folder for nats-server in " +
                                 fs::temp_directory_path().string()};
    folder_ = pattern;
    name_ = fs::path{folder_}.filename().string();
    if (!options_.config.empty())
        std::ofstream{folder_ + "/server.conf"} << options_.config << '\n';

    constexpr int attempts = 20;
    for (int i = 0; i < attempts; ++i) {
        port_ = options_.port != 0 ? options_.port : random_port();
        if (is_free(port_) && launch())
            return;
    }
    std::ostringstream log;
    log << std::ifstream{folder_ + "/server.log"}.rdbuf();
    fs::remove_all(folder_);
    throw std::runtime_error{"nats-server did not start; it printed:\n" + log.str()};
}

NatsServer::~NatsServer() {
    end(SIGKILL);
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

void NatsServer::start() {
    if (running())
        return;
    constexpr int attempts = 20;
    for (int i = 0; i < attempts; ++i)
        if (launch())
            return;
    throw std::runtime_error{"nats-server did not start again on port " + std::to_string(port_)};
}

// False when it ended at once: the port was taken, or it does not like its arguments.
bool NatsServer::launch() {
    std::vector<std::string> words{program_,
                                   "--addr",
                                   "127.0.0.1",
                                   "--port",
                                   std::to_string(port_),
                                   "--name",
                                   name_,
                                   "--log",
                                   folder_ + "/server.log"};
    if (!options_.config.empty())
        words.insert(words.end(), {"--config", folder_ + "/server.conf"});
    words.insert(words.end(), options_.arguments.begin(), options_.arguments.end());
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (auto& word : words)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const auto parent = ::getpid();

    process_ = ::fork();
    if (process_ < 0) {
        process_ = 0;
        throw std::runtime_error{"cannot start a process for nats-server"};
    }
    if (process_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent)
            ::_exit(126);
        ::execv(arguments[0], arguments.data());
        ::_exit(127);
    }

    const auto deadline = std::chrono::steady_clock::now() + start_timeout;
    while (!exited()) {
        if (accepts())
            return true;
        if (std::chrono::steady_clock::now() > deadline) {
            end(SIGKILL);
            throw std::runtime_error{"nats-server started, but does not accept connections"};
        }
        std::this_thread::sleep_for(poll_interval);
    }
    return false;
}

// Whether the INFO of what listens there has our name.
bool NatsServer::accepts() const {
    const auto socket = tcp_socket();
    if (!connect_to(socket, port_))
        return false;
    const timeval patience{2, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::string info;
    char part[1024];
    while (info.find('\n') == std::string::npos) {
        const auto count = ::recv(socket.get(), part, sizeof part, 0);
        if (count <= 0)
            return false;
        info.append(part, static_cast<std::size_t>(count));
    }
    return info.find('"' + name_ + '"') != std::string::npos;
}

bool NatsServer::exited() noexcept {
    if (process_ <= 0)
        return true;
    int status = 0;
    if (::waitpid(process_, &status, WNOHANG) == 0)
        return false;
    process_ = 0;
    return true;
}

void NatsServer::end(int signal) noexcept {
    if (process_ <= 0)
        return;
    ::kill(process_, SIGCONT);
    ::kill(process_, signal);
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = 0;
}

// Without a process the number is 0, which would mean ourselves.
void NatsServer::freeze() {
    if (!running())
        return;
    ::kill(process_, SIGSTOP);
    // Its other threads may go on for a moment: it must not answer when this has returned.
    siginfo_t stopped{};
    ::waitid(P_PID, static_cast<id_t>(process_), &stopped, WSTOPPED | WEXITED | WNOWAIT);
}

void NatsServer::thaw() {
    if (running())
        ::kill(process_, SIGCONT);
}

void NatsServer::enter_lame_duck() {
    if (running())
        ::kill(process_, SIGUSR2);
}

std::uint16_t NatsServer::free_port() {
    for (;;)
        if (const auto port = random_port(); is_free(port))
            return port;
}

} // namespace fluxmq::testing
