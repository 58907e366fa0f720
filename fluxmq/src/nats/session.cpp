// SPDX-License-Identifier: MIT
#include "connection.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace fluxmq {

namespace asio = boost::asio;

Nats::Session::Session(std::shared_ptr<Impl> owner, asio::any_io_executor on, std::vector<nats::Server> all)
    : impl{std::move(owner)}, executor{std::move(on)}, pool{std::move(all)},
      signal_{executor, asio::steady_timer::time_point::max()} {
    impl->session_ = this;
    impl->loop_.attach(executor);
}

Nats::Session::~Session() {
    stop();
    impl->ended();
}

Task<> Nats::Session::wait() {
    if (!signalled_) {
        boost::system::error_code ignored;
        co_await signal_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    signalled_ = false;
}

void Nats::Session::notify() noexcept {
    signalled_ = true;
    signal_.cancel();
}

Task<> Nats::Session::pause(Clock::duration length) {
    bool over = false;
    const auto& clock = *impl->options_.clock;
    const auto timer = impl->options_.clock->call_at(clock.now() + length, executor, [&] {
        over = true;
        notify();
    });
    while (!over && !stopping && !late)
        co_await wait();
}

void Nats::Session::stop() noexcept {
    stopping = true;
    for (const auto& each : {link, opening, moving, successor})
        if (each)
            each->abandon();
    notify();
}

void Nats::Session::lose(std::string why) noexcept {
    lost_reason = std::move(why);
    link->stream.close();
    notify();
}

void Nats::Session::expire() noexcept {
    late = true;
    if (opening)
        opening->abandon();
    notify();
}

} // namespace fluxmq
