// SPDX-License-Identifier: MIT
#include "auth.hpp"
#include "connection.hpp"

#include <boost/asio/error.hpp>

namespace fluxmq {

namespace {

bool says(std::string_view text, std::string_view what) noexcept {
    const auto same = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
    return std::search(text.begin(), text.end(), what.begin(), what.end(), same) != text.end();
}

Error refused(const std::string& address, std::string_view text) {
    const bool credentials = says(text, "authorization") || says(text, "authentication");
    return Error{credentials ? errc::authorization_failed : errc::connect_failed,
                 credentials ? address + ": the server refuses the credentials" : address + ": refused", "",
                 std::string{text}};
}

} // namespace

Task<std::optional<Error>> Nats::Impl::open(Session& session, const nats::Server& server) {
    session.timed_out = false;
    session.in.reset();
    const auto deadline = options_.clock->now() + options_.connect_timeout;
    const auto timer = options_.clock->call_at(deadline, session.executor, [&session] {
        session.timed_out = true;
        session.stream.close();
    });

    std::optional<Error> failure;
    if (const auto failed = co_await session.stream.connect(server.host, server.port)) {
        failure.emplace(errc::connect_failed, server.address() + ": " + failed.message());
        if (session.timed_out)
            failure.emplace(errc::connect_timeout, server.address() + ": no connection within " +
                                                       std::to_string(options_.connect_timeout.count()) +
                                                       " ms");
    } else {
        failure = co_await shake_hands(session, server);
        if (failure && session.timed_out)
            failure.emplace(errc::connect_timeout,
                            server.address() + ": connected, but no NATS handshake within " +
                                std::to_string(options_.connect_timeout.count()) + " ms");
    }
    if (failure || session.stopping)
        session.stream.close();
    if (!failure && session.stopping)
        failure.emplace(errc::closed, "the connection was closed while it was made");
    co_return failure;
}

Task<std::optional<Error>> Nats::Impl::shake_hands(Session& session, const nats::Server& server) {
    const auto address = server.address();
    nats::Frame frame;
    if (auto failure = co_await expect(session, frame))
        co_return failure;
    if (frame.kind == nats::Frame::Kind::error)
        co_return refused(address, frame.text);
    if (frame.kind != nats::Frame::Kind::info)
        co_return Error{errc::protocol_error, address + ": the server does not begin with INFO"};
    try {
        session.info = nats::parse_info(frame.text);
    } catch (const Error& error) {
        co_return Error{error.kind(), address + ": " + error.detail()};
    }
    session.in.consume(frame.size);
    if (session.info.tls_required)
        co_return Error{errc::connect_failed,
                        address + ": the server requires TLS, which is not supported yet"};

    nats::OutBuffer hello;
    nats::append_connect(hello, nats::connect_json(options_, server, session.info));
    nats::append_ping(hello);
    if (const auto failed = co_await session.stream.write(hello.view()))
        co_return Error{errc::connect_failed, address + ": " + failed.message()};

    for (;;) {
        if (auto failure = co_await expect(session, frame))
            co_return failure;
        switch (frame.kind) {
        case nats::Frame::Kind::pong: session.in.consume(frame.size); co_return std::nullopt;
        case nats::Frame::Kind::error: co_return refused(address, frame.text);
        case nats::Frame::Kind::ok:
        case nats::Frame::Kind::info: session.in.consume(frame.size); break;
        case nats::Frame::Kind::ping:
            session.in.consume(frame.size);
            if (const auto failed = co_await session.stream.write("PONG\r\n"))
                co_return Error{errc::connect_failed, address + ": " + failed.message()};
            break;
        default:
            co_return Error{errc::protocol_error, address + ": the server does not answer CONNECT with PONG"};
        }
    }
}

// The next frame, which is not taken from the buffer.
Task<std::optional<Error>> Nats::Impl::expect(Session& session, nats::Frame& frame) {
    const auto address = session.servers[session.current].address();
    for (;;) {
        const auto kind = nats::parse(session.in.unread(), frame);
        if (kind == nats::Frame::Kind::malformed)
            co_return Error{errc::protocol_error, address + ": not a NATS server: " + nats::explain(frame)};
        if (kind != nats::Frame::Kind::incomplete)
            co_return std::nullopt;
        const auto [room, size] = session.in.prepare(frame.size);
        boost::system::error_code failed;
        const auto count = co_await session.stream.read_some(room, size, failed);
        if (failed == boost::asio::error::eof)
            co_return Error{errc::connect_failed,
                            address + ": the server closed the connection in the handshake"};
        if (failed)
            co_return Error{errc::connect_failed, address + ": " + failed.message()};
        session.in.commit(count);
    }
}

} // namespace fluxmq
