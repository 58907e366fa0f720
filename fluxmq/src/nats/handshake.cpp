// SPDX-License-Identifier: MIT
#include "auth.hpp"
#include "link.hpp"
#include "text.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>

namespace fluxmq::nats {

namespace {

using Failure = std::optional<Error>;

bool says(std::string_view text, std::string_view what) noexcept {
    return std::search(text.begin(), text.end(), what.begin(), what.end(), same_letter) != text.end();
}

Error refused(const std::string& address, std::string_view text, const std::string& hint) {
    const bool late = says(text, "authentication timeout"); // we were too slow, not wrong
    if (late || !(says(text, "authorization") || says(text, "authentication")))
        return Error{errc::connect_failed, address + ": refused", "", std::string{text}};
    return Error{errc::authorization_failed,
                 address + ": the server refuses the credentials" + (hint.empty() ? "" : ", " + hint), "",
                 std::string{text}};
}

// One run of it.
class Handshake {
public:
    Handshake(Link& link, const NatsOptions& options)
        : link_{link}, options_{options}, address_{link.server.address()} {}

    Task<Failure> run() {
        if (const auto failed = co_await link_.stream.connect(link_.server.host, link_.server.port))
            co_return failure(failed.message());
        reached_ = true;
        if (options_.tls.handshake_first)
            if (auto failed = co_await secure())
                co_return failed;
        if (auto failed = co_await greet())
            co_return failed;
        if (auto failed = co_await introduce())
            co_return failed;
        co_return co_await welcome();
    }

    /// Whether a server has accepted the connection.
    bool reached() const noexcept { return reached_; }

private:
    Error failure(const std::string& why, errc kind = errc::connect_failed) const {
        return Error{kind, address_ + ": " + why};
    }

    Task<Failure> secure() {
        const auto& wanted = options_.tls.server_name;
        const auto& known = link_.server.tls_name.empty() ? link_.server.host : link_.server.tls_name;
        const auto& name = wanted.empty() ? known : wanted;
        const auto problem = co_await link_.stream.secure(options_.tls, name);
        if (problem && options_.tls.handshake_first)
            co_return failure(*problem + "; does the server begin with TLS, as handshake_first says?",
                              errc::tls_failed);
        if (problem)
            co_return failure(*problem, errc::tls_failed);
        co_return std::nullopt;
    }

    // INFO, and TLS behind it.
    Task<Failure> greet() {
        Frame frame;
        if (auto failed = co_await expect(frame))
            co_return failed;
        if (frame.kind == Frame::Kind::error)
            co_return refused(address_, frame.text, {});
        if (frame.kind != Frame::Kind::info)
            co_return failure("the server does not begin with INFO", errc::protocol_error);
        try {
            link_.info = parse_info(frame.text);
        } catch (const Error& error) {
            co_return failure(error.detail(), error.kind());
        }
        link_.in.consume(frame.size);
        const bool wanted = link_.server.tls || options_.tls.wanted();
        if (link_.stream.secured() || !(wanted || link_.info.tls_required))
            co_return std::nullopt;
        if (!link_.info.tls_required && !link_.info.tls_available)
            co_return failure("the server does not offer TLS, and it is required", errc::tls_failed);
        // What stands before TLS in clear could be anybody's.
        if (!link_.in.unread().empty())
            co_return failure("there is more than INFO before TLS", errc::protocol_error);
        co_return co_await secure();
    }

    Task<Failure> introduce() {
        if (link_.abandoned)
            co_return failure("given up", errc::closed);
        std::optional<Hello> hello;
        try {
            hello = make_hello(options_, link_.server, link_.info, link_.stream.secured());
        } catch (const Error& error) {
            co_return failure(error.detail(), error.kind());
        }
        hint_ = hello->hint;
        hello->frame.append("PING\r\n");
        const auto failed = co_await link_.stream.write(hello->frame.view());
        if (failed)
            co_return failure(failed.message());
        co_return std::nullopt;
    }

    Task<Failure> welcome() {
        Frame frame;
        for (;;) {
            if (auto failed = co_await expect(frame))
                co_return failed;
            switch (frame.kind) {
            case Frame::Kind::pong: link_.in.consume(frame.size); co_return std::nullopt;
            case Frame::Kind::error: co_return refused(address_, frame.text, hint_);
            case Frame::Kind::ok: link_.in.consume(frame.size); break;
            case Frame::Kind::info:
                link_.info = parse_info(frame.text);
                link_.in.consume(frame.size);
                break;
            case Frame::Kind::ping:
                link_.in.consume(frame.size);
                if (const auto failed = co_await link_.stream.write("PONG\r\n"))
                    co_return failure(failed.message());
                break;
            default: co_return failure("the server does not answer CONNECT with PONG", errc::protocol_error);
            }
        }
    }

    // The next frame, which is not taken from the buffer.
    Task<Failure> expect(Frame& frame) {
        for (;;) {
            const auto kind = parse(link_.in.unread(), frame);
            if (kind == Frame::Kind::malformed)
                co_return failure("not a NATS server: " + explain(frame), errc::protocol_error);
            if (kind != Frame::Kind::incomplete)
                co_return std::nullopt;
            const auto [room, size] = link_.in.prepare(frame.size);
            boost::system::error_code failed;
            const auto count = co_await link_.stream.read_some(room, size, failed);
            if (failed == boost::asio::error::eof)
                co_return failure("the server closed the connection in the handshake");
            if (failed) // a server that does not like our certificate says so only now
                co_return failure(failed.message(), is_tls(failed) ? errc::tls_failed : errc::connect_failed);
            link_.in.commit(count);
        }
    }

    Link& link_;
    const NatsOptions& options_;
    const std::string address_;
    std::string hint_;
    bool reached_ = false;
};

} // namespace

Task<Failure> open(std::shared_ptr<Link> link, const NatsOptions& options) {
    bool timed_out = false;
    const auto expire = [&] {
        timed_out = true;
        link->stream.close();
    };
    auto& clock = *options.clock;
    const auto timer = clock.call_at(clock.now() + options.connect_timeout, link->executor, expire);

    Handshake handshake{*link, options};
    Failure failure;
    try {
        failure = co_await handshake.run();
    } catch (const Error& error) {
        failure = error;
    }
    if (link->abandoned)
        failure.emplace(errc::closed, link->server.address() + ": given up before it was connected");
    else if (failure && timed_out)
        failure.emplace(errc::connect_timeout,
                        link->server.address() +
                            (handshake.reached() ? ": connected, but no NATS handshake within "
                                                 : ": no connection within ") +
                            std::to_string(options.connect_timeout.count()) + " ms");
    if (failure)
        link->stream.close();
    co_return failure;
}

} // namespace fluxmq::nats
