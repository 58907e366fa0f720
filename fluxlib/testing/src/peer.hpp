// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/config.hpp>
#include <fluxlib/task.hpp>
#include <fluxmq/clock.hpp>
#include <fluxmq/mailbox.hpp>
#include <fluxmq/transport.hpp>
#include <fluxmq/wakeup.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/json/object.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fluxlib::testing {

/// A subscription with a queue of its own, which one coroutine reads.
class Ear {
public:
    /// Unsubscribes; what waits is lost, and the reader ends, also while its handler waits. Idempotent.
    void drop();

    std::shared_ptr<fluxmq::Mailbox> mailbox = fluxmq::Mailbox::create();
    std::shared_ptr<fluxmq::Inlet> inlet = mailbox->add_inlet({});
    fluxmq::Subscription subscription;
    boost::asio::cancellation_signal end;
};

/// What the scripted services of other SDKs share: a connection, its subscriptions with their readers, the list of
/// what happened, and the end. Its coroutines keep it alive; whoever made it calls drop() or kill() in the end.
///
/// Thread safety: the event loop that awaited open().
class Peer : public std::enable_shared_from_this<Peer> {
public:
    using Handler = std::function<Task<>(const fluxmq::Message&)>;
    using Tells = std::function<void(std::string_view)>;

    Peer(std::shared_ptr<fluxmq::Transport> transport, std::shared_ptr<fluxmq::Clock> clock, Tells tells);
    virtual ~Peer() = default;

    /// Nothing is heard or said any more; the connection stays.
    void drop();
    /// drop(), and the connection is closed at the next turn of the loop.
    void kill();
    /// drop(), and closes the connection.
    Task<> close();
    bool alive() const noexcept { return open_; }

    /// What happened, in order.
    const std::vector<std::string>& log() const noexcept { return log_; }
    /// What a handler threw, with its topic.
    const std::vector<std::string>& failures() const noexcept { return failures_; }

    /// Waits until `found()`, which is asked whenever something has happened. One wait at a time.
    /// Errors: timeout after 10 s, with what has happened.
    Task<> until(std::string what, std::function<bool()> found);

protected:
    /// Connects unless connected.
    Task<> open();
    /// Subscribes, and handles what comes one message at a time. A handler that throws ends the reading, not the
    /// subscription.
    Task<std::shared_ptr<Ear>> listen(std::string topic, Handler handler);
    /// Runs `task`, which keeps this object alive, beside the others.
    void spawn(Task<> task);

    void note(std::string what);
    void fail(std::string_view topic, const std::exception& error);
    /// Wakes until().
    void changed();

    fluxmq::Transport& transport() const noexcept { return *transport_; }
    fluxmq::Clock& clock() const noexcept { return *clock_; }

private:
    Task<> read(std::shared_ptr<Peer> self, std::shared_ptr<Ear> ear, Handler handler);

    std::shared_ptr<fluxmq::Transport> transport_;
    std::shared_ptr<fluxmq::Clock> clock_;
    Tells tells_;
    boost::asio::any_io_executor executor_;
    std::vector<std::shared_ptr<Ear>> ears_;
    std::vector<std::string> log_;
    std::vector<std::string> failures_;
    std::shared_ptr<fluxmq::Wakeup> waiting_; // of until()
    bool open_ = true;
};

/// An entry of a config without its timer, read as loosely as the other SDKs do: what is missing or null is empty.
/// Throws std::exception where a field has the wrong type.
DataNode read_entry(const boost::json::object& entry);

} // namespace fluxlib::testing
