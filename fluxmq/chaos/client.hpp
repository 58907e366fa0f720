// SPDX-License-Identifier: MIT
// The connections of a run, and what is done over them.
#pragma once

#include <fluxmq/error.hpp>
#include <fluxmq/nats.hpp>

#include "account.hpp"
#include "tap.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace fluxmq::chaos {

/// A connection that keeps its own books beside those of the transport. Thread safety: all members.
class Client {
public:
    Client(std::string name, NatsOptions options);

    const std::string& name() const noexcept { return name_; }
    Nats& nats() noexcept { return nats_; }
    Number breaks() const noexcept { return breaks_; }
    /// Of the breaks, those by which the transport gave up a server that said nothing.
    Number silences() const noexcept { return silences_; }

    /// `call` runs at every break, before anything else can be published over the next connection.
    void on_break(std::function<void()> call);

    /// Publishes, and books it; says whether it was accepted. An error other than a full buffer is booked as wrong.
    bool publish(std::string_view topic, const std::string& payload, const Message* answered = nullptr);

    /// A tap for a subscription of this connection, into `mailbox`; it stays until the end.
    std::shared_ptr<Tap> add_tap(Mailbox& mailbox, MailboxLimits limits);

    /// Of a request that was accepted, or that was refused; and what came back for requests.
    void book_request(const std::string& payload, bool accepted);
    void book_answer(std::size_t bytes);

    /// What holds at any moment, from any thread: sent messages never become fewer, and what a mailbox received was
    /// delivered, dropped, or waits.
    void sample();
    /// What holds at rest. `late_answers`: answers at most that nobody waited for any more.
    Violations judge(std::uint64_t late_answers, std::uint64_t lost);
    void complain(std::string what);

    std::string state();

private:
    void hear(const ConnectionEvent& event);

    const std::string name_;
    std::mutex mutex_;
    Traffic booked_;
    std::vector<std::shared_ptr<Tap>> taps_;
    std::vector<std::string> events_;
    std::uint64_t sent_ = 0;
    std::function<void()> on_break_;
    Violations wrong_;
    std::atomic<Number> breaks_{0};
    std::atomic<Number> silences_{0};
    std::atomic<Number> reconnects_{0};
    Nats nats_; // its handler uses the others
};

/// Answers requests.
class Echo final : public Receiver {
public:
    explicit Echo(Client& client) : client_{client} {}
    bool offer(Message&& message) noexcept override;
    void when_ready(std::function<void()> resume) override { resume(); }
    std::uint64_t received() const noexcept { return received_; }

private:
    Client& client_;
    std::atomic<std::uint64_t> received_{0};
};

/// A thread that publishes numbered messages to the topics of one publisher: one for each beat, which the event loop
/// counts, so that a slow machine gets no more load than it can carry. Thread safety: what is const; the rest is for one.
class Publisher {
public:
    Publisher(Client& client, std::size_t number, const std::atomic<std::uint64_t>& beat);
    ~Publisher() { stop(); }

    Client& client() const noexcept { return client_; }
    /// How many messages of its topic were accepted.
    Number published(std::size_t topic) const noexcept { return published_[topic]; }
    /// The first number that was surely published after the last break: 0 when there was none.
    Number after_last_break(std::size_t topic) const noexcept { return after_last_break_[topic]; }
    void start();
    void stop();
    void publish_one(std::size_t topic);

private:
    void publish_all();

    Client& client_;
    const std::size_t number_;
    const std::atomic<std::uint64_t>& beat_;
    std::array<std::atomic<Number>, topics> published_{};
    std::array<std::atomic<Number>, topics> after_last_break_{};
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

} // namespace fluxmq::chaos
