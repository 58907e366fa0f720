// SPDX-License-Identifier: MIT
#include "server.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <sys/socket.h>
#include <sys/time.h>

#include <exception>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace fluxmq::test {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// So that a client which does not come or does not go on ends the test.
void limit_waiting(int socket) {
    const timeval limit{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

std::vector<std::string> words(const std::string& line) {
    std::istringstream in{line};
    std::vector<std::string> words;
    for (std::string word; in >> word;)
        words.push_back(word);
    return words;
}

void read_headers(const std::string& block, Letter& letter) {
    std::size_t begin = 0;
    const auto line = [&] {
        const auto end = block.find("\r\n", begin);
        if (end == std::string::npos)
            throw std::runtime_error{"a header block without a last line"};
        auto text = block.substr(begin, end - begin);
        begin = end + 2;
        return text;
    };
    if (line() != "NATS/1.0")
        throw std::runtime_error{"a header block of another version"};
    for (auto text = line(); !text.empty(); text = line()) {
        const auto colon = text.find(": ");
        if (colon == std::string::npos)
            throw std::runtime_error{"a header without ': '"};
        letter.headers[text.substr(0, colon)].push_back(text.substr(colon + 2));
    }
    if (begin != block.size())
        throw std::runtime_error{"more behind the header block"};
}

} // namespace

struct SessionServer::State {
    explicit State(const Session& of)
        : session{of}, acceptor{io, tcp::endpoint{asio::ip::address_v4::loopback(), 0}}, socket{io} {
        limit_waiting(acceptor.native_handle());
        thread = std::thread{[this] {
            try {
                serve();
            } catch (...) {
                thrown = std::current_exception();
            }
        }};
    }

    void serve() {
        acceptor.accept(socket);
        limit_waiting(socket.native_handle());
        socket.set_option(tcp::no_delay{true});
        write("INFO "
              "{\"server_id\":\"S\",\"version\":\"2.9.10\",\"proto\":1,\"headers\":true,\"max_payload\":"
              "1048576}\r\n");
        std::string line;
        bool streamed = false;
        while (read_line(line)) {
            const auto parts = words(line);
            const auto operation = parts.empty() ? std::string{} : parts.front();
            if (operation == "PONG") {
                ++record.pongs;
            } else if (operation == "SUB" && parts.size() >= 3) {
                record.subscribed.push_back({parts[1], parts.size() > 3 ? parts[2] : ""});
                ids.push_back(parts.back());
            } else if ((operation == "PUB" || operation == "HPUB") && parts.size() >= 3) {
                read_publish(parts);
            } else if (operation == "PING") {
                write("PONG\r\n");
                // The one behind the last SUB tells that the client is ready.
                if (!streamed && ids.size() == session.subscriptions.size()) {
                    streamed = true;
                    for (const auto& piece : pieces(session, ids))
                        write(piece);
                }
            } else if (operation != "CONNECT" && operation != "UNSUB") {
                throw std::runtime_error{"the client sent '" + line + "'"};
            }
        }
    }

    void read_publish(const std::vector<std::string>& parts) {
        const bool with_headers = parts[0] == "HPUB";
        const auto sizes = with_headers ? 2U : 1U;
        Letter letter{.subject = parts[1], .reply = parts.size() > 2 + sizes ? parts[2] : ""};
        auto body = read(std::stoul(parts.back()) + 2);
        if (!body.ends_with("\r\n"))
            throw std::runtime_error{"no line end behind a payload"};
        body.resize(body.size() - 2);
        if (with_headers) {
            const auto size = std::stoul(parts[parts.size() - 2]);
            read_headers(body.substr(0, size), letter);
            body.erase(0, size);
        }
        letter.payload = std::move(body);
        record.published.push_back(std::move(letter));
    }

    void write(std::string_view bytes) { asio::write(socket, asio::buffer(bytes)); }

    // False: the client has closed.
    bool read_line(std::string& line) {
        boost::system::error_code failed;
        const auto size = asio::read_until(socket, asio::dynamic_buffer(received), "\r\n", failed);
        if (failed == asio::error::eof || failed == asio::error::connection_reset)
            return false;
        if (failed)
            throw boost::system::system_error{failed, "reading a line"};
        line = received.substr(0, size - 2);
        received.erase(0, size);
        return true;
    }

    std::string read(std::size_t size) {
        if (received.size() < size)
            asio::read(socket, asio::dynamic_buffer(received),
                       asio::transfer_exactly(size - received.size()));
        auto bytes = received.substr(0, size);
        received.erase(0, size);
        return bytes;
    }

    const Session& session;
    asio::io_context io;
    tcp::acceptor acceptor;
    tcp::socket socket;
    std::string received; // and not yet taken
    std::vector<std::string> ids;
    Record record;
    std::exception_ptr thrown;
    std::thread thread;
};

SessionServer::SessionServer(const Session& session) : state_{std::make_unique<State>(session)} {}

SessionServer::~SessionServer() {
    if (state_->thread.joinable())
        state_->thread.join();
}

std::string SessionServer::url() const {
    return "nats://127.0.0.1:" + std::to_string(state_->acceptor.local_endpoint().port());
}

Record SessionServer::finish() {
    state_->thread.join();
    if (state_->thrown)
        std::rethrow_exception(state_->thrown);
    return std::move(state_->record);
}

} // namespace fluxmq::test
