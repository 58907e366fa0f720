// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/clock.hpp>
#include <fluxmq/error.hpp>
#include <fluxmq/message.hpp>
#include <fluxmq/wakeup.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace fluxmq {

/// The requests of one connection that await their answers: all of them share one inbox, `<prefix>*`, and the
/// last token of the answer's topic tells which it is for. No I/O in it. Thread safety: all members.
///
/// Internal. Its owner calls fail_all() before it lets go of it, which ends every wait.
class RequestTable : public std::enable_shared_from_this<RequestTable> {
    struct Pending {
        Wakeup wakeup;
        std::optional<Message> answer;
        std::optional<Error> failure;
    };

public:
    /// `prefix` ends with a dot.
    RequestTable(std::string prefix, std::shared_ptr<Clock> clock);

    /// The topic to subscribe to for the answers.
    std::string inbox() const { return prefix_ + "*"; }

    /// One request: open until it is destroyed.
    class Call {
    public:
        Call(std::shared_ptr<RequestTable> table, std::uint64_t token, std::shared_ptr<Pending> pending);
        ~Call();
        Call(const Call&) = delete;
        Call& operator=(const Call&) = delete;

        /// Where the answer must be sent to.
        std::string reply_topic() const;

        /// Awaits the answer of `topic`. Errors: timeout, no_responders, and what fail_all() gave.
        Task<Message> answer(std::string topic, std::chrono::milliseconds timeout);

    private:
        std::shared_ptr<RequestTable> table_;
        std::uint64_t token_;
        std::shared_ptr<Pending> pending_;
    };

    Call open();

    /// Hands an answer to the request that it is for. Late ones, and acknowledgements, are passed over. Gives back an
    /// acknowledgement that asks for an answer itself, which the owner must send: an empty message.
    [[nodiscard]] std::optional<Message> deliver(Message&& message);

    /// Ends every open request with `error`.
    void fail_all(const Error& error);

private:
    void fail(std::uint64_t token, const Error& error);

    const std::string prefix_;
    const std::shared_ptr<Clock> clock_;
    std::mutex mutex_;
    std::uint64_t last_token_ = 0;
    std::unordered_map<std::uint64_t, std::shared_ptr<Pending>> pending_;
};

} // namespace fluxmq
