// SPDX-License-Identifier: MIT
#pragma once

#include "node_runtime.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace fluxlib {

/// Moves the inputs of a service's nodes from the topics that they hear to those that they are to hear, so that a message
/// that arrives meanwhile is handled, and once: a topic that goes from one input to another takes its subscription
/// along, one that an input keeps is not touched, and what is new is subscribed before anything changes.
///
/// Used on the service's loop; inputs of all loops. Nothing of it happens before commit().
class Rewiring {
public:
    explicit Rewiring(fluxmq::Transport& transport) : transport_{transport} {}
    Rewiring(const Rewiring&) = delete;
    Rewiring& operator=(const Rewiring&) = delete;

    /// `input` is to hear these topics, once it listens.
    void change(Input& input, const std::vector<std::string>& topics);
    /// It hears nothing yet, and its init() will subscribe whatever nobody hands over. Before prepare().
    void arrive(Input& input);
    /// It goes.
    void leave(Input& input);

    /// Subscribes what is new. Errors: as Transport::subscribe().
    fluxmq::Task<> prepare();
    /// From now on every input hears what it is to hear.
    void commit() noexcept;
    /// Or it never comes to that.
    void undo() noexcept;
    /// `node` is about to be deleted.
    void forget(const NodeRuntime& node) noexcept;
    /// Whether something is subscribed that is not wanted any more. It is still heard by whom it was: what was
    /// published before everybody had changed may be on its way.
    bool has_left() const noexcept { return !left_.empty(); }
    /// Whether `node` hears one of these topics that way.
    bool has_left(const NodeRuntime& node, const std::vector<std::string>& topics) const;
    void end_left() noexcept { left_.clear(); }
    void end_left(const NodeRuntime& node);
    /// The patterns of what is left, by who hears it.
    std::multimap<const NodeRuntime*, std::string> left_patterns() const;

private:
    class Later;
    // A pattern that an input is to hear, and has not heard so far.
    struct Gain {
        std::size_t index;             // in Move::wanted
        Input::Route* giver = nullptr; // who has it now
        std::shared_ptr<Later> later;  // where nobody has
        fluxmq::Subscription subscription;
    };
    struct Move {
        Input::Route* route; // null when it has gone meanwhile
        std::vector<std::string> wanted;
        bool arrives = false;
        bool listens = true;
        std::vector<Gain> gains = {};
    };

    // A subscription that is not wanted any more.
    struct Left {
        const NodeRuntime* node;
        std::string pattern;
        fluxmq::Subscription subscription;
    };

    void find_givers();
    Input::Route* take_giver(const std::string& pattern);
    std::vector<std::string> fresh_patterns() const;
    void take(Move& move, const std::vector<std::string>& fresh);

    fluxmq::Transport& transport_;
    std::vector<Move> moves_;
    std::multimap<std::string, Input::Route*> givers_; // who hears a pattern, and is not to hear it any more
    std::vector<Left> left_;
};

} // namespace fluxlib
