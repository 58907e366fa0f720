// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>
#include <vector>

/// The development manager, `fluxctl up`: what it does, as data. Manager decides, the command carries out.
namespace fluxctl::up {

/// A message to publish.
struct Outgoing {
    std::string topic;
    std::string payload;
    std::string reply = {}; ///< where an answer is heard; empty: none is asked for
    friend bool operator==(const Outgoing&, const Outgoing&) = default;
};

/// What a service, or a node of it, has announced: a status or an error.
struct Event {
    std::string service;
    std::string replica = {}; ///< as the service says; empty where it does not
    std::string node = {};    ///< empty: the service itself
    std::string status = {};
    std::string error = {};
    friend bool operator==(const Event&, const Event&) = default;
};

/// What the manager itself has done or found, such as `changed`, and whom it is about.
struct Notice {
    std::string what;
    std::vector<std::string> services = {};
    std::string detail = {};
    friend bool operator==(const Notice&, const Notice&) = default;
};

/// What is to happen to one process of a service.
struct Order {
    enum class Kind {
        launch,
        terminate, ///< SIGTERM, and SIGKILL for what is left after a while
        kill       ///< SIGKILL
    };
    Kind kind;
    std::string service;
    int replica = 1;
    friend bool operator==(const Order&, const Order&) = default;
};

/// All that is to happen, in this order: events are shown, messages sent, notices shown, orders obeyed.
struct Actions {
    std::vector<Event> events = {};
    std::vector<Outgoing> send = {};
    std::vector<Notice> notices = {};
    std::vector<Order> orders = {};
    bool new_topics = false; ///< Manager::topics() gives others than before
    friend bool operator==(const Actions&, const Actions&) = default;

    /// Says `what` about one service.
    void notice(std::string what, const std::string& service, std::string detail = {}) {
        notices.push_back({std::move(what), std::vector<std::string>(1, service), std::move(detail)});
    }
};

} // namespace fluxctl::up
