// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/inproc.hpp>

#include "../count.hpp"
#include "../intake.hpp"
#include "subject_tree.hpp"

#include <boost/container/small_vector.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fluxmq::inproc {

/// One subscription of one connection. Thread safety: all members.
class Target : public std::enable_shared_from_this<Target> {
public:
    Target(std::string pattern, std::shared_ptr<Receiver> receiver, const SubscribeOptions& options);

    const std::string& pattern() const noexcept { return pattern_; }
    const std::string& queue() const noexcept { return queue_; }

    using Offered = Receiver::Offered;

    /// Offers `message` to the receiver. After the last message of a limited subscription, and after end(),
    /// says `ended`.
    Offered offer(Message& message) noexcept {
        const auto offered = receiver_->offer_through(intake_, std::move(message));
        return offered == Offered::ended ? offer_to_successor(message) : offered;
    }

    /// After a `full`: calls `resume` once, on any thread, when the receiver has room again or the target has
    /// ended.
    void when_ready(std::function<void()> resume);

    /// After it returns, no offer runs any more.
    void end() noexcept;

    /// Ends it in favour of `successor`, which takes what comes by routes that still lead here.
    void hand_on(std::shared_ptr<Target> successor) noexcept;
    bool limited() const noexcept { return intake_.limited(); }

    const std::shared_ptr<Receiver>& receiver() const noexcept { return receiver_; }

    std::uint64_t number = 0; ///< on its bus, in the order of subscription

    /// Messages that wait with their publishers until the receiver has room.
    std::atomic<std::uint64_t> waiting{0};

    /// Adds received and received_bytes.
    void add_to(TransportCounters& counters) const noexcept {
        counters.received += intake_.messages();
        counters.received_bytes += intake_.bytes();
    }

    /// Whether the limit of a limited subscription is used up.
    bool exhausted() const noexcept { return intake_.exhausted(); }

private:
    void resume_blocked();
    Offered offer_to_successor(Message& message) noexcept;

    // What each message needs lies together.
    const std::shared_ptr<Receiver> receiver_;
    Intake intake_;
    const std::string pattern_;
    const std::string queue_;

    std::mutex mutex_;                           // guards what follows
    std::vector<std::function<void()>> blocked_; // publishers that wait for room
    bool asked_ = false;                         // the receiver will tell when it has some
    std::shared_ptr<Target> successor_;
};

/// Where messages of one topic go: everyone who subscribed alone, and one member of each queue group.
struct Route {
    struct Group {
        std::vector<std::shared_ptr<Target>> members;
        mutable std::atomic<std::uint32_t> next{0}; // members take turns
        explicit Group(std::vector<std::shared_ptr<Target>> m) : members{std::move(m)} {}
    };

    Bytes topic;                                                         // shared by all messages on it
    boost::container::small_vector<std::shared_ptr<Target>, 1> everyone; // mostly it is one
    std::vector<std::unique_ptr<Group>> groups;

    bool empty() const noexcept { return everyone.empty() && groups.empty(); }
};

} // namespace fluxmq::inproc

namespace fluxmq {

/// The routing table that all connections of a bus share. Thread safety: all members.
class InProcBus::Core {
public:
    explicit Core(InProcOptions options) : options{std::move(options)} {}

    const InProcOptions options;

    void add(const std::shared_ptr<inproc::Target>& target);
    void remove(const std::shared_ptr<inproc::Target>& target) noexcept;
    /// `to` takes the place of `from`, which has the same pattern.
    void replace(const std::shared_ptr<inproc::Target>& from, const std::shared_ptr<inproc::Target>& to);

    /// Throws Error{invalid_topic} for a topic that cannot be published on.
    std::shared_ptr<const inproc::Route> route(std::string_view topic);

    /// Grows whenever the answer of route() may change.
    std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }

    std::uint64_t next_connection_number() noexcept { return ++last_connection_; }

private:
    using TargetPtr = std::shared_ptr<inproc::Target>;
    std::shared_ptr<const inproc::Route> make_route(std::string_view topic) const;
    void put_in(const TargetPtr& target);
    void take_out(const TargetPtr& target) noexcept;
    void forget_routes(std::string_view pattern) noexcept;

    std::shared_mutex mutex_;
    // By their patterns, which are topics, and the others, whose patterns have wildcards.
    std::unordered_multimap<std::string_view, TargetPtr> exact_;
    inproc::SubjectTree<TargetPtr> wild_;
    std::uint64_t last_number_ = 0;
    // Routes that were looked up, by the topics that lie in them, until the next change: topics repeat.
    std::unordered_map<std::string_view, std::shared_ptr<const inproc::Route>> routes_;
    std::atomic<std::uint64_t> generation_{1};
    std::atomic<std::uint64_t> last_connection_{0};
};

} // namespace fluxmq
