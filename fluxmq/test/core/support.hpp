// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/error.hpp>
#include <fluxmq/inproc.hpp>
#include <fluxmq/mailbox.hpp>
#include <fluxmq/testing/virtual_loop.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxmq::test {

using namespace std::chrono_literals;
using testing::VirtualClock;
using testing::VirtualLoop;

/// The Error that `call` throws. Anything else fails the test.
template <class Call>
Error error_of(Call&& call) {
    try {
        call();
    } catch (const Error& error) {
        return error;
    }
    throw std::logic_error{"no error was thrown"};
}

template <class Call>
errc kind_of(Call&& call) {
    return error_of(std::forward<Call>(call)).kind();
}

inline Message message(std::string_view text, std::string_view topic = "t") {
    return {Bytes::copy(topic), Bytes::copy(text)};
}

/// Offers a message; whether it was taken.
inline bool offer(Inlet& inlet, std::string_view text) { return inlet.offer(message(text)); }

/// Pops everything: the texts in order.
inline std::vector<std::string> drain(Mailbox& mailbox) {
    std::vector<std::string> texts;
    while (const auto delivery = mailbox.pop_message())
        texts.emplace_back(delivery->message.text());
    return texts;
}

inline MailboxLimits blocking(std::size_t messages) {
    return {.messages = messages, .overflow = Overflow::block};
}

inline bool balanced(const MailboxCounters& counters) {
    return counters.received == counters.delivered + counters.dropped.total() + counters.pending;
}

/// A mailbox with one inlet: what a test subscribes with.
struct Sink {
    std::shared_ptr<Mailbox> mailbox = Mailbox::create();
    std::shared_ptr<Inlet> inlet;

    explicit Sink(MailboxLimits limits = {}) : inlet{mailbox->add_inlet(limits)} {}
    std::vector<std::string> texts() { return drain(*mailbox); }
    Message pop() { return mailbox->pop_message()->message; }
    std::uint64_t pending() const { return inlet->counters().pending; }
};

/// Runs a task beside the test, cancels it, and keeps what came out of it.
class Cancellable {
public:
    Cancellable(VirtualLoop& loop, Task<> task) {
        boost::asio::co_spawn(
            loop.context(), std::move(task),
            boost::asio::bind_cancellation_slot(signal_.slot(), [this](std::exception_ptr thrown) {
                done = true;
                thrown_ = thrown;
            }));
    }
    void cancel() { signal_.emit(boost::asio::cancellation_type::terminal); }
    /// The kind of error that it ended with; nothing when it ended well or runs on.
    std::optional<errc> failure() const {
        if (!thrown_)
            return std::nullopt;
        return kind_of([this] { std::rethrow_exception(thrown_); });
    }
    bool done = false;

private:
    boost::asio::cancellation_signal signal_;
    std::exception_ptr thrown_;
};

} // namespace fluxmq::test
