// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/wakeup.hpp>

#include "../events.hpp"
#include "../loop.hpp"
#include "../request_table.hpp"
#include "../slow_consumers.hpp"
#include "bus.hpp"

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>

namespace fluxmq {

/// One publisher and subscriber on a bus. Thread safety: all members.
class InProc::Connection final : public Subscription::Source,
                                 public std::enable_shared_from_this<Connection> {
public:
    explicit Connection(std::shared_ptr<InProcBus::Core> core);

    void connect(const boost::asio::any_io_executor& executor);
    void close() noexcept;
    Task<DrainReport> drain_all(std::chrono::milliseconds timeout);
    bool connected() const noexcept { return state_ == State::connected; }

    void publish(std::string_view topic, const Payload& payload, const Headers& headers,
                 std::string_view reply);
    std::unique_ptr<Publisher> publisher(std::string topic);
    Subscription subscribe(std::string pattern, std::shared_ptr<Receiver> receiver,
                           const SubscribeOptions& options);
    void unsubscribe(std::uint64_t id) noexcept override;
    bool redirect(std::uint64_t id, std::shared_ptr<Receiver> receiver) override;
    Task<DrainReport> drain(std::uint64_t id, std::chrono::milliseconds timeout) override;
    Task<Message> request(std::string topic, Bytes payload, std::chrono::milliseconds timeout,
                          Headers headers);
    Task<> flush(std::chrono::milliseconds timeout);

    void on_event(std::function<void(const ConnectionEvent&)> handler) { events_.set(std::move(handler)); }
    /// The handle goes: what its handler refers to may be going, too.
    void abandon() noexcept;
    TransportCounters counters() const;

private:
    using Target = inproc::Target;
    enum class State { fresh, connected, closed };

    // Messages that wait for room in one target's blocking mailbox, in order.
    struct Backlog {
        struct Entry {
            std::uint64_t number; // counts all waiting messages of the connection, for flush()
            Message message;
        };
        std::shared_ptr<Target> target;
        std::deque<Entry> entries;
    };

    class TopicPublisher;
    class InboxReceiver;

    void check_open(std::string_view topic) const;
    void check(std::string_view topic, const Payload& payload, const Headers& headers,
               std::string_view reply) const;
    template <class MakeTopic>
    void pass_on(const inproc::Route& route, MakeTopic make_topic, const Payload& payload,
                 const Headers& headers, std::string_view reply);
    void send(const inproc::Route& route, Message&& message);
    void deliver(const std::shared_ptr<Target>& target, Message&& message);
    Target::Offered offer(Target& target, Message& message);
    void resume_when_ready(Target& target);
    void deliver_to_group(const inproc::Route::Group& group, Message message);
    void retry(Target* key);
    void wake_flushers() noexcept;
    bool leave_flushers(const std::shared_ptr<Wakeup>& wakeup) noexcept;
    std::uint64_t oldest_waiting() const noexcept;
    void end(std::uint64_t id, const std::shared_ptr<Target>& target) noexcept;
    void open_inbox();
    void answer_empty(std::string_view topic);
    Task<DrainReport> drained(std::vector<std::shared_ptr<Target>> targets, Clock::time_point deadline);

    const std::shared_ptr<InProcBus::Core> core_;
    const std::shared_ptr<RequestTable> requests_;
    Events events_;
    std::atomic<State> state_{State::fresh};
    std::atomic<bool> draining_{false};

    mutable std::mutex mutex_; // guards what follows
    std::uint64_t last_id_ = 0;
    std::map<std::uint64_t, std::shared_ptr<Target>> targets_;
    std::vector<const TopicPublisher*> publishers_;
    TransportCounters retired_; // of targets and publishers that are gone
    std::map<Target*, Backlog> backlogs_;
    std::uint64_t last_number_ = 0;
    struct Flusher {
        std::uint64_t until;
        std::shared_ptr<Wakeup> wakeup;
    };
    std::vector<Flusher> flushers_;
    Subscription inbox_;
    std::shared_ptr<Loop> loop_; // of connect()
    std::shared_ptr<SlowConsumers> slow_;

    std::atomic<std::uint64_t> waiting_{0}; // messages in all backlogs
    std::atomic<std::uint64_t> published_{0};
    std::atomic<std::uint64_t> published_bytes_{0};
    std::atomic<std::uint64_t> rejected_{0};
    std::atomic<std::uint64_t> lost_{0};
};

} // namespace fluxmq
