// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/config.hpp>
#include <fluxlib/task.hpp>
#include <fluxmq/clock.hpp>
#include <fluxmq/payload.hpp>
#include <fluxmq/transport.hpp>

#include <boost/json/value.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fluxlib::testing {

/// How the service is written, and how long it takes where the real one's time is up to chance.
struct GoServiceOptions {
    /// It has OnNodeTick: an entry without a timer is the end of the process.
    bool ticks = true;
    /// It has OnServiceError: the process ends after READY, with the exit code 0 of one that has done its work.
    bool hears_errors = false;
    /// It asks for a config before it listens: one that comes at once is lost. So did the real one once in 20 times.
    bool asks_early = false;
    /// Between CONNECTED and the subscription to `set_config`: the real one opens another connection then.
    std::chrono::milliseconds config_delay{5};
    /// Between READY and the subscriptions of the router. What is sent meanwhile is lost; with the real one it may be.
    std::chrono::milliseconds router_delay{5};
    /// Awaited in place of `router_delay`, for a test that says itself when the router is there.
    std::function<Task<>()> before_router = {};
    /// Of the delays, LOCAL timers, until() and how long an acknowledgement waits. A transport has one of its own.
    std::shared_ptr<fluxmq::Clock> clock = fluxmq::Clock::real();
    /// Called with each line of GoService::log().
    std::function<void(std::string_view)> tells = {};
};

/// A node as its behaviour sees it. Thread safety: as GoService.
class GoNode {
public:
    using Send = std::function<void(const std::string& topic, const boost::json::value& data)>;
    GoNode(DataNode entry, Send send);

    const std::string& id() const noexcept { return entry_.id; }
    const std::string& type() const noexcept { return entry_.type; }
    /// Of the config, or the last `set_settings` in place of it.
    const boost::json::value& settings() const noexcept { return settings_; }
    /// What the config says of it.
    const DataNode& entry() const noexcept { return entry_; }

    /// Node.Push: publishes JSON (a string has quotes then) on `node/<id>/<port>`, whatever the config says of outputs.
    void push(std::string_view port, const boost::json::value& data);
    /// As GoService does with the body of `set_settings`.
    void replace(boost::json::value settings) { settings_ = std::move(settings); }

private:
    DataNode entry_;
    boost::json::value settings_;
    Send send_;
};

/// What the nodes of one type do. All are optional. What throws is an error of the handler: `-NAK`, and it goes on.
struct GoBehaviour {
    /// For each message of an input, from the router's start on. It sees the payload alone: no topic, no reply subject.
    std::function<void(GoNode&, std::string_view port, std::string_view payload)> on_input = {};
    /// For each tick of the timer, whether the node was told to start or not.
    std::function<void(GoNode&)> on_tick = {};
    std::function<void(GoNode&)> on_start = {}; ///< for `node/<id>/event/start`
    std::function<void(GoNode&)> on_stop = {};  ///< for `node/<id>/event/stop`
};

/// A service of the Go SDK as others see it on the wire, for tests: flux_go de456b4 with watermill-nats 2.1.2. With its
/// faults:
///
/// - CONNECTED comes before it listens to `set_config`; then it asks with `get_config`. READY comes before the router's
///   subscriptions, so that a start sent at once is lost. Start gives READY, stop PAUSED, restart PAUSED and READY,
///   whatever they name; there is no other status, and none of nodes. `request_status` is answered on the status topic.
/// - Each config replaces: all subscriptions but that to `set_config` are dropped and made anew, what comes meanwhile
///   is lost. A config that is no array, an entry without a timer (`ticks`), an id that occurs twice, or two inputs
///   with one topic are the end of the process.
/// - A handled message with a reply subject is acknowledged by `+ACK`, as a request that waits 5 s for an answer while
///   the next message of that subscription waits. Without a reply subject of its own comes `-NAK`.
/// - A message with two values of one header is discarded. Every message it publishes has `_watermill_message_uuid`.
/// - GLOBAL nodes tick on `service/tick` only; LOCAL ones by themselves from the config on, and on after the next one.
///
/// One difference: it hears starts all the time, to count those that are lost; so a request on that topic never fails
/// with `no_responders`. Thread safety: the event loop that awaited run(), on any transport. Destroy it before that loop.
class GoService {
public:
    /// An acknowledgement that was sent.
    struct Acknowledgement {
        std::string topic;                ///< of the message
        bool answered;                    ///< false: nobody listens, or no answer in 5 s
        std::chrono::milliseconds waited; ///< until then
    };

    GoService(std::string id, std::shared_ptr<fluxmq::Transport> transport, GoServiceOptions options = {});
    /// Nothing is heard or said any more; the transport stays connected for whoever has it.
    ~GoService();
    GoService(const GoService&) = delete;
    GoService& operator=(const GoService&) = delete;

    /// What nodes of `type` do; nothing without it. For configs that come after it.
    void on(std::string type, GoBehaviour behaviour);

    /// Connects unless connected, announces CONNECTED, subscribes to configs, asks for one, and returns.
    /// Errors: those of the transport.
    Task<> run();
    /// Node.Push of the node with that id: `data` on `node/<node_id>/<port>`.
    void push(std::string_view node_id, std::string_view port, const boost::json::value& data);
    /// Publishes as it stands, with an id as every message has.
    void publish(const std::string& topic, const fluxmq::Payload& payload);
    /// The process dies: nothing is said, and the connection is closed.
    void kill();
    /// The process ends: that says nothing either. Completes when the connection is closed.
    Task<> close();

    /// The configs, as they came.
    const std::vector<std::string>& configs() const noexcept;
    /// The ids of the present nodes, in the order of the config.
    std::vector<std::string> nodes() const;
    /// The payloads of the starts that were handled.
    const std::vector<std::string>& starts() const noexcept;
    /// Starts that came while the router was not there.
    std::size_t starts_lost() const;
    // Of all nodes with that id, earlier ones included.
    std::size_t ticks(std::string_view node_id) const;
    /// What its inputs have handled.
    std::vector<std::string> messages(std::string_view node_id) const;
    /// Of the present node. Throws Error{unknown_node}.
    const boost::json::value& settings(std::string_view node_id) const;
    const std::vector<Acknowledgement>& acknowledgements() const noexcept;
    /// Messages discarded for a header, by topic.
    const std::vector<std::string>& discarded() const noexcept;
    /// What handlers threw: `topic: text`.
    const std::vector<std::string>& failures() const noexcept;
    /// Why the process ended by itself; empty: it did not.
    const std::string& death() const noexcept;
    /// What happened, a line each: `config 2 nodes`, `start *`, `stop a`, `restart`, `start event a`,
    /// `router runs`, `dead: ...`.
    const std::vector<std::string>& log() const noexcept;

    /// Waits until `found()`, which is asked whenever a record has changed. One wait at a time.
    /// Errors: timeout after 10 s, with `what` and the log.
    Task<> until(std::string what, std::function<bool()> found);

private:
    class Core;
    std::shared_ptr<Core> core_;
};

} // namespace fluxlib::testing
