// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/lifecycle.hpp>
#include <fluxmq/clock.hpp>
#include <fluxmq/status.hpp>
#include <fluxmq/topic.hpp>

#include "flow/flow.hpp"
#include "up/actions.hpp"
#include "up/crew.hpp"

#include <boost/json/object.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace fluxctl::up {

/// What was heard, and what it tells about who has said it.
struct Heard {
    std::string_view text;
    std::string_view replica = {}; ///< of the header Flux-Replica
    bool from_go = false;          ///< flux_go marks each of its messages
};

/// The manager's side of the protocol for one service: when it gets its config, when it is started, and when its
/// processes come and go. No I/O: each function takes what has happened and adds what is to happen to `actions`.
///
/// SDKs differ in what a second config does, in what they announce, and in what they answer (docs/other-sdks.md). Which one a
/// service is written with is read from what it says, unless the flow file tells.
class ManagedService {
public:
    using TimePoint = fluxmq::Clock::time_point;

    using Length = std::chrono::milliseconds;
    static constexpr Length config_patience{200};        ///< after CONNECTED, for a request
    static constexpr Length naming_patience{1'000};      ///< for READY, before the service is named
    static constexpr Length ready_patience{3'000};       ///< for READY, before nodes start without it
    static constexpr Length nodes_patience{300};         ///< for nodes that come after READY
    static constexpr Length go_patience{100};            ///< for Go to listen, after READY
    static constexpr Length remade_patience{1'000};      ///< for a new node to say that it runs
    static constexpr Length first_repeat{300};           ///< of a start; doubles up to the next one
    static constexpr Length longest_repeat{2'000};       ///< of a start
    static constexpr Length question_interval{1'000};    ///< between status requests that nobody has answered
    static constexpr Length stop_patience{5'000};        ///< for nodes to stop
    static constexpr Length silent_stop_patience{1'000}; ///< the same where nothing is announced
    static constexpr Length break_window{5'000};         ///< what was sent so long before a break has arrived
    static constexpr int most_repeats = 6;               ///< of what a Go service does not confirm
    static constexpr int ping_patience = 3;              ///< pings in a row that may stay unanswered
    static constexpr int kill_patience = 10;             ///< the same, where the process is started again

    /// Answers to its status requests come on the topic `answers`.
    ManagedService(flow::Service spec, std::string answers);

    const std::string& id() const noexcept { return spec_.id; }
    const flow::Service& spec() const noexcept { return spec_; }
    const std::string& answers() const noexcept { return answers_; }

    /// The manager has come: processes are launched, and who is there already is asked how it is.
    void begin(TimePoint now, Actions& actions);

    // --- What is heard of it ---

    void on_status(const Heard& heard, TimePoint now, Actions& actions);
    void on_node_status(const std::string& node, const Heard& heard, TimePoint now, Actions& actions);
    void on_config_request(const Heard& heard, TimePoint now, Actions& actions);
    /// Something came on answers().
    void on_answer(const Heard& heard, TimePoint now, Actions& actions);
    /// An instance has answered a ping. When it was gone, it is back.
    void on_pong(const std::string& instance, const std::string& replica, TimePoint now, Actions& actions);
    /// Another ping goes to all services. An instance that has left the last ones unanswered is gone; one that has never
    /// answered any is never gone.
    void pinged(Actions& actions);

    // --- Its processes ---

    void on_process_end(int replica, const Ending& ending, TimePoint now, Actions& actions);

    // --- What happens to all ---

    /// The flow has changed. Says whether this service is concerned; unchanged nodes and processes are not touched.
    bool change(flow::Service spec, TimePoint now, Actions& actions);
    /// It has refused the change: it has the nodes of `before` still, and starts nothing.
    void take_back(const flow::Service& before);
    /// The connection is back. `lost_at`: when it was lost.
    void reconnected(TimePoint lost_at, TimePoint now, Actions& actions);

    /// It has left the flow: end(), and one that was started by somebody else loses its nodes.
    void leave(TimePoint now, Actions& actions);
    /// Begins its end: its nodes stop, then its processes end. ended() tells when.
    void end(TimePoint now, Actions& actions);
    /// After end(): it is to go on with new processes, when the old ones have ended.
    void stay() noexcept;
    /// Like end(), without waiting for nodes.
    void end_at_once(Actions& actions);
    bool ended() const noexcept { return end_ == End::done; }

    void due(TimePoint now, Actions& actions);
    TimePoint next_due() const noexcept;

    // --- What is known of it ---

    /// Whether it should be heard, and was not since begin() or reconnected(): a process that does not run is silent for
    /// another reason.
    bool silent() const noexcept { return !heard_of_ && (crew_.empty() || crew_.running() > 0); }
    /// It has a config, and says whether it takes another one: READY, or an error.
    bool can_refuse() const noexcept { return configured_ && by_difference(); }
    /// Whether a status means that a config is applied.
    static bool is_ready(std::string_view status);
    /// Its SDK, states, processes and nodes, for other commands.
    boost::json::object describe() const;

private:
    enum class Phase {
        away,       ///< not heard of, or ended
        connected,  ///< it has come; its config goes out when it asks, or soon
        configured, ///< its config is sent
        started,    ///< its nodes were told to start
        leaving     ///< it has said that it ends
    };
    enum class End { none, nodes, processes, done };

    struct Instance {
        std::string replica;
        int unanswered = 0;
        bool gone = false;
    };

    std::optional<flow::Sdk> sdk() const noexcept { return spec_.sdk ? spec_.sdk : seen_; }
    bool by_difference() const noexcept { return sdk() == flow::Sdk::cpp; }
    // A second config doubles its nodes. Nothing tells it from a service that was not recognised.
    bool appends() const noexcept { return !by_difference() && sdk() != flow::Sdk::go; }
    bool ending() const noexcept { return end_ != End::none; }

    void learn(const Heard& heard, std::optional<flow::Sdk> sdk = {});
    void came(const Heard& heard, TimePoint now);
    void present(TimePoint now, Actions& actions);
    void ready(TimePoint now, Actions& actions);
    void runs() noexcept;
    void left(Actions& actions);
    void forget() noexcept;
    void call_off() noexcept;
    std::string name_of(const Instance& instance) const;
    bool all_created() const;
    int expected() const noexcept;

    Outgoing config() const;
    Outgoing status_request() const;
    void ask(TimePoint now, Actions& actions);
    void configure_when_all_have_come(TimePoint now);
    void configure(TimePoint now, Actions& actions);
    void start(TimePoint now, Actions& actions);
    void start_late(TimePoint now, Actions& actions);
    void repeat_start(TimePoint now, Actions& actions);
    void start_remade(TimePoint now, Actions& actions);
    void change_nodes(const std::vector<fluxlib::DataNode>& before, TimePoint now, Actions& actions);
    void restart_or_tell(TimePoint now, Actions& actions);
    void restart(TimePoint now, Actions& actions);
    void end_processes(Actions& actions);
    void finish_end(Actions& actions);

    flow::Service spec_;
    const std::string answers_;
    const fluxmq::Topic topic_{};
    const fluxmq::Status status_{};
    const fluxlib::NodeStatus node_status_{};
    std::optional<flow::Sdk> seen_;
    bool heard_of_ = false;

    Phase phase_ = Phase::away;
    bool configured_ = false;
    bool runs_ = false;
    bool answered_ = false;              // that it is CONNECTED, when it was asked
    int left_ = 0;                       // how often it has said since end() that nothing runs
    int came_ = 0;                       // processes that have said CONNECTED since all were launched
    std::set<std::string> to_start_;     // nodes, or `*`
    std::map<std::string, int> created_; // nodes: how often since the config was sent
    std::set<std::string> running_;      // nodes that have said so
    std::optional<TimePoint> ask_at_;    // how it is, again
    int questions_ = 0;
    std::optional<TimePoint> config_at_;
    std::optional<TimePoint> name_at_;
    std::optional<TimePoint> start_at_;
    std::optional<TimePoint> repeat_at_;
    int repeats_ = 0;
    std::map<std::string, TimePoint> remade_; // nodes that are new, and when they get a start of their own
    TimePoint sent_at_ = TimePoint::min();    // of a config or start that nothing has confirmed

    std::map<std::string, std::string> statuses_;      // by replica, as it said
    std::map<std::string, std::string> node_statuses_; // by node
    std::map<std::string, Instance> instances_;        // by the id in answers to pings

    Crew crew_;
    End end_ = End::none;
    bool launch_again_ = false; // when the end is done
    std::optional<TimePoint> stop_by_;
};

} // namespace fluxctl::up
