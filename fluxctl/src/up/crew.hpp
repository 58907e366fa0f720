// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/supervisor.hpp>
#include <fluxmq/clock.hpp>

#include "flow/flow.hpp"
#include "up/actions.hpp"

#include <boost/json/array.hpp>

#include <list>
#include <optional>
#include <string>

namespace fluxctl::up {

/// How a process has ended, or why it did not begin.
struct Ending {
    int code = 0;             ///< exit code; not used with a signal
    int signal = 0;           ///< that ended it; 0: none
    std::string error = {};   ///< why it could not be started; empty: it was
    bool left_others = false; ///< processes of its group, which were killed then
    bool failed() const noexcept { return code != 0 || signal != 0 || !error.empty(); }
};

/// `exit code 1`, `signal 9 (Killed)`, or the error.
std::string to_string(const Ending& ending);

/// Decides when the processes of one service are launched and launched again; no I/O. A service without a command has an
/// empty one.
class Crew {
public:
    using TimePoint = fluxmq::Clock::time_point;

    Crew(std::string service, const flow::Command& command);

    /// Launches all that do not run.
    void launch(Actions& actions);
    /// What has failed before does not count any more.
    void forgive() noexcept;
    /// Tells those that run to end. They are not launched again before launch().
    void terminate(Actions& actions);
    /// The number of replicas or the policy is another one now: launches and ends the difference.
    void change(const flow::Command& command, bool launch_new, Actions& actions);

    /// One has ended. Where it may, it is launched again by the policy, at a time of its own.
    void on_end(int replica, const Ending& ending, bool may_restart, TimePoint now, Actions& actions);

    /// Those that wait to be launched again are not.
    void call_off() noexcept;

    void due(TimePoint now, Actions& actions);
    TimePoint next_due() const noexcept;

    /// A process that runs and does not react: it is killed where the policy starts it again.
    void kill_hung(int replica, Actions& actions) const;

    bool empty() const noexcept { return members_.empty(); }
    int size() const noexcept { return static_cast<int>(members_.size()); }
    /// How many processes run.
    int running() const noexcept;

private:
    struct Member {
        Member(int n, const fluxlib::Supervision& policy) : number{n}, restarts{policy} {}
        int number;
        bool runs = false;
        bool told_to_end = false;
        bool wanted_again = false; // when it has ended
        std::optional<TimePoint> launch_at = {};
        fluxlib::Supervisor restarts;
    };

    void launch(Member& member, Actions& actions) const;
    void terminate(Member& member, Actions& actions) const;
    std::string name_of(const Member& member) const;

    std::string service_;
    fluxlib::Supervision policy_;
    std::list<Member> members_; // they do not move; surplus ones stay until they have ended
    int wanted_ = 0;
};

} // namespace fluxctl::up
