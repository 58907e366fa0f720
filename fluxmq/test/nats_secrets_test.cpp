// SPDX-License-Identifier: MIT
// What is left of a secret in this process once a connection is made. The secrets are made by another process, and
// looked for in a masked form, so that the search does not find itself.
#include <fluxmq/nats.hpp>
#include <fluxmq/testing/nats_server.hpp>

#include "certificates.hpp"
#include "identities.hpp"
#include "nats_support.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

using namespace fluxmq;
using namespace fluxmq::test;
using fluxmq::testing::NatsServer;

// A sanitizer keeps what was freed, in places of its own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FLUXMQ_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FLUXMQ_SANITIZED 1
#endif
#endif

#ifndef FLUXMQ_SANITIZED

namespace {

constexpr unsigned char mask = 0x5a;

// The line of `file` that begins with `start`, masked.
std::vector<unsigned char> masked_line(const std::string& file, const std::string& start) {
    const int handle = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    std::vector<unsigned char> line;
    unsigned char byte = 0;
    while (::read(handle, &byte, 1) == 1) {
        if (byte == '\n') {
            bool found = line.size() >= start.size();
            for (std::size_t i = 0; found && i < start.size(); ++i)
                found = (line[i] ^ mask) == static_cast<unsigned char>(start[i]);
            if (found)
                break;
            line.clear();
        } else {
            line.push_back(byte ^ mask);
        }
    }
    ::close(handle);
    return line;
}

// How often the first `size` bytes of it stand in the memory that this process may write to.
std::size_t occurrences(const std::vector<unsigned char>& masked, std::size_t size) {
    std::ifstream maps{"/proc/self/maps"};
    const int memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    std::vector<unsigned char> part(std::size_t{1} << 20);
    std::size_t count = 0;
    for (std::string line; std::getline(maps, line);) {
        std::size_t begin = 0;
        std::size_t end = 0;
        char rights[5] = {};
        if (std::sscanf(line.c_str(), "%zx-%zx %4s", &begin, &end, rights) != 3 || rights[1] != 'w')
            continue;
        for (auto at = begin; at < end; at += part.size() - size) {
            const auto got =
                ::pread(memory, part.data(), std::min(part.size(), end - at), static_cast<off_t>(at));
            for (ssize_t i = 0; i + static_cast<ssize_t>(size) <= got; ++i) {
                std::size_t same = 0;
                while (same < size && part[static_cast<std::size_t>(i) + same] == (masked[same] ^ mask))
                    ++same;
                count += same == size ? 1 : 0;
            }
        }
    }
    ::close(memory);
    return count;
}

// Runs `function` in a process of its own.
template <class Function>
void elsewhere(Function function) {
    const auto child = ::fork();
    if (child == 0) {
        function();
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_EQ(status, 0);
}

constexpr std::size_t enough = 24; // characters: less may stand there by chance

} // namespace

TEST(NatsSecrets, the_search_finds_what_is_there) {
    const TemporaryFolder folder;
    const auto file = folder.path("secret");
    elsewhere([&] { folder.write("secret", Nkey{Nkey::Kind::user}.seed() + "\n"); });
    const auto masked = masked_line(file, "SU");
    ASSERT_GE(masked.size(), enough);
    EXPECT_EQ(occurrences(masked, enough), 0u);
    std::ifstream in{file};
    std::string seed;
    std::getline(in, seed);
    EXPECT_GT(occurrences(masked, enough), 0u);
}

TEST(NatsSecrets, of_a_creds_file_nothing_is_left_once_a_connection_is_made) {
    const TemporaryFolder folder;
    elsewhere([&] {
        const Operator trusted;
        const Nkey user{Nkey::Kind::user};
        folder.write("server.conf", trusted.server_config());
        folder.write("user.creds", creds_text(trusted.user_jwt(user), user.seed()));
    });
    std::ifstream config{folder.path("server.conf")};
    const NatsServer server{{.config = {std::istreambuf_iterator<char>{config}, {}}}};
    const auto seed = masked_line(folder.path("user.creds"), "SU");
    const auto jwt = masked_line(folder.path("user.creds"), "eyJ");
    ASSERT_GE(seed.size(), enough);
    ASSERT_GE(jwt.size(), 400u);
    run([&]() -> Task<> {
        NatsOptions options;
        options.credentials_file = folder.path("user.creds");
        Nats nats{options};
        co_await nats.connect(server.url());
        EXPECT_EQ(occurrences(seed, enough), 0u);
        // The head of all JWTs is the same, and the server's own has the same claims: its end is only the user's.
        const std::vector<unsigned char> end{jwt.end() - 40, jwt.end()};
        EXPECT_EQ(occurrences(end, end.size()), 0u);
        co_await nats.close();
    });
}

TEST(NatsSecrets, of_credentials_that_are_asked_for_nothing_is_left_once_a_connection_is_made) {
    const TemporaryFolder folder;
    elsewhere([&] {
        const auto seed = Nkey{Nkey::Kind::user}.seed(); // random enough for a password
        folder.write("password", "SU" + seed + "\n");
        folder.write("server.conf", "authorization { user: me, password: \"SU" + seed + "\" }");
    });
    const NatsServer server{{.arguments = {"--config", folder.path("server.conf")}}};
    const auto password = masked_line(folder.path("password"), "SU");
    run([&]() -> Task<> {
        NatsOptions options;
        options.credentials = [&] {
            NatsCredentials credentials{.user = "me"};
            credentials.password.reserve(password.size()); // no copy is left by growing
            for (const auto byte : password)
                credentials.password.push_back(static_cast<char>(byte ^ mask));
            return credentials;
        };
        Nats nats{options};
        co_await nats.connect(server.url());
        EXPECT_EQ(occurrences(password, enough), 0u);
        co_await nats.close();
    });
}

#endif
