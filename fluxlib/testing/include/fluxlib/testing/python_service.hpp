// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/config.hpp>
#include <fluxlib/task.hpp>
#include <fluxmq/clock.hpp>
#include <fluxmq/message.hpp>
#include <fluxmq/payload.hpp>
#include <fluxmq/transport.hpp>

#include <boost/json/object.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fluxlib::testing {

/// How the service is written, as far as that shows on the wire. The default is the least that a service does.
struct PythonServiceOptions {
    /// It has fluxmq-py 0.15.0, which calls a handler with each message, in place of 15ccc86, which has queues: nodes see
    /// the headers of messages, headers are carried on, and a handler that throws goes on with the next message.
    bool callbacks = false;
    /// It has StandardTopic in place of NatsTopic: it is restarted on `node.<service id>.restart`, not on
    /// `service.<service id>.restart`.
    bool standard_topic = false;
    /// `connected` and so on, as StandardStatus says, in place of `CONNECTED`.
    bool lower_case = false;
    /// It calls request_config() when it is connected.
    bool asks_for_config = false;
    /// It announces READY when it has made the nodes of a config, before these say `created`. The SDK never does.
    bool says_ready = false;
    /// It announces ACTIVE after a start, before nodes say `started`, and PAUSED after a stop when no node runs any more
    /// (`says_stopped`), before nodes say `stopped`. The SDK never does.
    bool says_active = false;
    /// It reads the timer of each entry, so that a node whose entry has none is missing.
    bool reads_timer = true;
    /// It announces `stopped` for a node: its nodes have `input_topics`. Without that stop() of the first node throws.
    bool says_stopped = false;
    /// Of LOCAL timers and until(). A transport has one of its own.
    std::shared_ptr<fluxmq::Clock> clock = fluxmq::Clock::real();
    /// Called with each line of PythonService::log().
    std::function<void(std::string_view)> tells = {};
};

/// A node as its behaviour sees it. Thread safety: as PythonService.
class PythonNode {
public:
    using Send = std::function<void(const std::string& topic, const fluxmq::Payload& payload)>;
    PythonNode(DataNode entry, Send send);

    const std::string& id() const noexcept { return entry_.id; }
    const std::string& type() const noexcept { return entry_.type; }
    /// Of the config; from the first `set_settings` on what came by that, merged.
    const boost::json::object& settings() const noexcept { return settings_; }
    /// What the config says of it.
    const DataNode& entry() const noexcept { return entry_; }

    /// Publishes on every topic of the output, each `/` as `.`. Throws Error{unknown_port}.
    void publish(std::string_view alias, const fluxmq::Payload& payload);
    /// As PythonService does with the body of `set_settings`.
    void merge(const boost::json::object& settings);

private:
    DataNode entry_;
    boost::json::object settings_;
    bool has_own_settings_ = false; // those of the config are gone
    Send send_;
};

/// What the nodes of one type do. Both are optional. What throws ends the subscription of the message, without a word;
/// with PythonServiceOptions::callbacks it goes on with the next one.
struct PythonBehaviour {
    /// For each message of an input, once for every time that the node was started.
    std::function<void(PythonNode&, const fluxmq::Message&)> on_message = {};
    /// For each tick.
    std::function<void(PythonNode&)> on_tick = {};
};

/// A service of the Python SDK as others see it on the wire, for tests: fluxlib-py 3d92a42 with fluxmq-py 15ccc86 or
/// 0.15.0 (`callbacks`). With its faults:
///
/// - Each config appends its nodes; the ones before it stay. With a config that is not JSON the reading of configs
///   ends; with `callbacks` it goes on.
/// - It announces no READY by itself, answers nothing (neither `request_status` nor `$SRV`), and says nothing at its
///   end or after a reconnect.
/// - Start and stop take one id or `*`, with no look at the state: a node that is started twice handles each message
///   twice and ticks twice. A stop stops nothing, is not announced, and is the last one that is heard; with `callbacks`
///   the next ones are heard, too.
/// - Inputs subscribe literally, outputs publish each `/` as `.`. GLOBAL nodes tick on `service/tick` only.
/// - The first `set_settings` of a node drops the settings of its config, also where it is no object. Later ones are
///   merged.
/// - Nodes see no headers, and it sends none. With `callbacks` they see the last value of each, and what is published
///   meanwhile carries them on, statuses included; all that a LOCAL timer publishes has the headers of the start. A
///   message with a header that is not ASCII has none (nats.py 2.9.0).
///
/// Thread safety: the event loop that awaited run(), on any transport. Destroy it before that loop.
class PythonService {
public:
    PythonService(std::string id, std::shared_ptr<fluxmq::Transport> transport,
                  PythonServiceOptions options = {});
    /// Nothing is heard or said any more; the transport stays connected for whoever has it.
    ~PythonService();
    PythonService(const PythonService&) = delete;
    PythonService& operator=(const PythonService&) = delete;

    /// What nodes of `type` do; nothing without it. For configs that come after it.
    void on(std::string type, PythonBehaviour behaviour);

    /// Connects unless connected, subscribes, announces CONNECTED, and returns. Errors: those of the transport.
    Task<> run();
    /// Service.publish: on that topic as it is written, with the headers of the message that a behaviour handles.
    void publish(const std::string& topic, const fluxmq::Payload& payload);
    /// The process dies: nothing is said, and the connection is closed.
    void kill();
    /// The process ends: that says nothing either. Completes when the connection is closed.
    Task<> close();

    /// The configs that were read, as they came.
    const std::vector<std::string>& configs() const noexcept;
    /// The nodes made so far, in order: an id occurs as often as a config has made it.
    std::vector<std::string> nodes() const;
    // Of all nodes with that id together.
    std::size_t starts(std::string_view node_id) const;
    std::size_t ticks(std::string_view node_id) const;
    /// What it has handled.
    std::vector<std::string> messages(std::string_view node_id) const;
    /// Of the latest node of that id. Throws Error{unknown_node}.
    const boost::json::object& settings(std::string_view node_id) const;
    /// What handlers threw: `topic: text`.
    const std::vector<std::string>& failures() const noexcept;
    /// What happened, a line each: `config 2 nodes`, `start a`, `stop *`.
    const std::vector<std::string>& log() const noexcept;

    /// Waits until `found()`, which is asked whenever a record has changed. One wait at a time.
    /// Errors: timeout after 10 s, with `what` and the log.
    Task<> until(std::string what, std::function<bool()> found);

private:
    class Core;
    std::shared_ptr<Core> core_;
};

} // namespace fluxlib::testing
