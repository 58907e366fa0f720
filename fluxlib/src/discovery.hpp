// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/ports.hpp>
#include <fluxlib/task.hpp>
#include <fluxmq/mailbox.hpp>
#include <fluxmq/transport.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fluxlib {

class NodeRuntime;
class ServiceRuntime;

/// Answers the requests of NATS's service protocol (ADR-32), so that stock tools find a service and read the statistics
/// of its nodes.
///
/// It has a mailbox and a loop of its own: a service whose hook hangs can still be looked at, and many requests cost
/// its commands nothing. Thread safety: the service's own event loop.
class Discovery {
public:
    /// Throws Error{invalid_config} for a version that is not a semantic one.
    explicit Discovery(const ServiceRuntime& service);
    ~Discovery();

    /// Subscribes and begins to answer. A broker that does not permit it is no error: it is logged. Errors: the others
    /// of Transport::subscribe().
    Task<> open();
    /// Ends the answers. Idempotent.
    void close() noexcept;

private:
    struct Verb;
    static const Verb verbs[];

    Task<> subscribe();
    Task<> loop(std::shared_ptr<fluxmq::Mailbox> mailbox);
    void answer(const Message& request, const Verb& verb);
    std::string fitting(boost::json::object answer);

    boost::json::object ping() const;
    boost::json::object info() const;
    boost::json::object stats() const;
    boost::json::object response(std::string_view kind) const;

    const ServiceRuntime& service_;
    const std::string name_;
    const std::string id_; // of this instance
    std::string started_;
    std::shared_ptr<fluxmq::Mailbox> mailbox_;
    std::vector<fluxmq::Subscription> subscriptions_;
    bool told_too_large_ = false;
};

} // namespace fluxlib
