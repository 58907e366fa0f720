// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/config.hpp>
#include <fluxlib/task.hpp>
#include <fluxmq/mailbox.hpp>
#include <fluxmq/message.hpp>
#include <fluxmq/payload.hpp>
#include <fluxmq/transport.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace fluxlib {

using fluxmq::Message;
using fluxmq::Payload;

class NodeRuntime;

/// What handles a message: a plain function or a coroutine, of `Message` or `const Message&`.
class Handler {
public:
    template <class F>
        requires std::is_invocable_v<F&, const Message&>
    Handler(F function) {
        if constexpr (std::is_same_v<std::invoke_result_t<F&, const Message&>, Task<>>)
            coroutine_ = std::move(function);
        else
            plain_ = std::move(function);
    }

    Task<> operator()(Message message) const;

private:
    std::function<void(const Message&)> plain_;
    std::function<Task<>(const Message&)> coroutine_;
};

/// A named way into a node, bound to topics. What comes in waits in the node's mailbox and is handled one
/// message at a time.
///
/// A topic with `/` is also heard in its dotted form; a message that several topics of the input cover is
/// handled once. Thread safety: the node's event loop.
class Input {
public:
    Input(NodeRuntime& node, DataInput data, fluxmq::MailboxLimits limits);
    ~Input();
    Input(const Input&) = delete;
    Input& operator=(const Input&) = delete;

    const std::string& alias() const noexcept { return data_.alias; }
    const std::vector<std::string>& topics() const noexcept { return data_.topics; }

    /// Subscribes to the input's topics: from then on each message is stored as the latest value and goes to
    /// Node::on_input. A node's init() does this for all inputs unless NodeOptions::auto_listen is off;
    /// repeating it has no effect. Completes when the broker routes to it. Errors: as Transport::subscribe().
    Task<> listen();

    /// Also hands every message of the input's topics to `handler`, before on_input. Listens if need be.
    Task<> subscribe(Handler handler);

    /// Also subscribes to `topic` and hands its messages to `handler` alone; they wait within limits of their
    /// own, equal to those of this input. Errors: as Transport::subscribe().
    Task<> subscribe_one(std::string topic, Handler handler);

    /// Replaces the latest value. It is copied where it would keep a larger buffer alive.
    void store_value(const Message& value);
    void store_value(const Payload& value);

    /// The latest value: the last message that came in, or what store_value() put there; nothing before that.
    const std::optional<Message>& read() const noexcept { return latest_; }

    /// Bounds of what may wait, and what happens beyond; applies from the next message on.
    void set_limits(fluxmq::MailboxLimits limits) noexcept;

    /// Thread safety: any thread.
    fluxmq::MailboxCounters counters() const;

private:
    friend class NodeRuntime;
    friend class Rewiring;
    struct Route;

    Route& add_route(std::vector<std::string> patterns, std::optional<Handler> only);
    void set_gate(fluxmq::Inlet::Gate gate) noexcept;
    void unsubscribe() noexcept;
    // Lets go of larger buffers that the latest value keeps alive; called when the node has nothing to do.
    void compact_latest();

    NodeRuntime& node_;
    DataInput data_;
    const std::string* const lasting_alias_; // outlives the node, as its messages may
    fluxmq::MailboxLimits limits_;
    fluxmq::Inlet::Gate gate_ = fluxmq::Inlet::Gate::not_started;
    std::vector<std::unique_ptr<Route>> routes_; // the first one is that of the input's own topics
    std::vector<Handler> handlers_;
    std::optional<Message> latest_;
    bool is_new_ = false;       // there was a message since the node last had nothing to do
    Input* next_new_ = nullptr; // the next one of which that is so
};

/// A named way out of a node, bound to topics. A topic with `/` is published as it is written, unless
/// Profile::port_topics says otherwise. Thread safety: the node's event loop.
class Output {
public:
    Output(NodeRuntime& node, DataOutput data);
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    const std::string& alias() const noexcept { return data_.alias; }
    const std::vector<std::string>& topics() const noexcept { return data_.topics; }

    /// Publishes to every topic of the output, with the headers of the message that the node handles now;
    /// `headers` win. Throws as Transport::publish().
    void publish(const Payload& payload, const fluxmq::Headers& headers = {});

    /// Sends a request to the topic `path`, written as publish() writes topics, and hands the answer to `callback`.
    /// Errors: as Transport::request().
    Task<> call(std::string path, Handler callback, const Payload& payload = Payload(),
                std::chrono::milliseconds timeout = fluxmq::Transport::default_request_timeout);

    /// Messages published, one a topic. Thread safety: any thread.
    std::uint64_t published() const noexcept { return published_.load(std::memory_order_relaxed); }

private:
    friend class NodeRuntime;

    void set_topics(std::vector<std::string> topics);
    std::string wire_form(const std::string& topic) const;
    Task<> do_call(std::string topic, Handler callback, fluxmq::Bytes payload,
                   std::chrono::milliseconds timeout);

    NodeRuntime& node_;
    DataOutput data_;
    std::vector<std::string> wire_topics_;
    std::vector<std::unique_ptr<fluxmq::Publisher>> publishers_; // of each, from the first publish() on
    std::atomic<std::uint64_t> published_{0};
};

} // namespace fluxlib
