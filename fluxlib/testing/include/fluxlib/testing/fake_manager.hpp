// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/config.hpp>
#include <fluxlib/task.hpp>
#include <fluxmq/clock.hpp>
#include <fluxmq/payload.hpp>
#include <fluxmq/topic.hpp>
#include <fluxmq/transport.hpp>

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fluxlib::testing {

/// The other side of a service, for tests and demos: serves configs, sends commands, and records what services
/// and nodes announce. Thread safety: the event loop that awaited attach().
class FakeManager {
public:
    /// Something that was announced: `topic` and the text on it.
    struct Seen {
        std::string topic;
        std::string text;
        friend bool operator==(const Seen&, const Seen&) = default;
    };

    explicit FakeManager(std::shared_ptr<fluxmq::Transport> transport, fluxmq::Topic topic = fluxmq::Topic{},
                         std::shared_ptr<fluxmq::Clock> clock = fluxmq::Clock::real());
    ~FakeManager();

    /// Connects unless connected, and listens to the statuses, errors and config requests of every service.
    Task<> attach();

    /// What `get_config` of `service_id` is answered with from now on: JSON text, sent as it is.
    void serve_config(std::string service_id, std::string json);
    void serve_config(std::string service_id, std::span<const DataNode> nodes);
    /// Sends that config without being asked.
    void send_config(const std::string& service_id);

    /// Commands. `ids` is a node id, `*`, or empty for all.
    void start(std::string_view service_id, std::string_view ids = "*");
    void stop(std::string_view service_id, std::string_view ids = "*");
    void restart(std::string_view service_id, std::string_view ids = "*");
    void set_node_settings(std::string_view node_id, const fluxmq::Payload& settings);
    void set_service_settings(std::string_view service_id, const fluxmq::Payload& settings);
    void request_status(std::string_view service_id);
    /// One tick of the clock that GLOBAL nodes share.
    void tick();

    /// Everything announced so far, in order of arrival.
    const std::vector<Seen>& seen() const noexcept { return seen_; }
    /// The statuses of one service or node, in order.
    std::vector<std::string> service_statuses(std::string_view service_id) const;
    std::vector<std::string> node_statuses(std::string_view node_id) const;
    /// The texts on one service's error topic, in order.
    std::vector<std::string> errors(std::string_view service_id) const;
    std::size_t config_requests(std::string_view service_id) const;

    /// Waits until `text` was announced `times` times on `topic`; at once when it was. One wait at a time.
    /// Errors: timeout after 10 s, with everything that was announced.
    Task<> wait_for(std::string topic, std::string text, std::size_t times = 1);
    Task<> wait_for_service(std::string_view service_id, std::string status, std::size_t times = 1);
    Task<> wait_for_node(std::string_view node_id, std::string status, std::size_t times = 1);
    /// Waits until an error of the service contains `part`.
    Task<> wait_for_error(std::string_view service_id, std::string part);

private:
    class Inbox;
    using Found = std::function<bool(const Seen&)>;

    Task<> wait_until(std::string what, Found found, std::size_t times);
    Task<> serve(std::shared_ptr<Inbox> inbox);
    std::vector<std::string> texts_on(const std::string& topic) const;

    std::shared_ptr<fluxmq::Transport> transport_;
    fluxmq::Topic topic_;
    std::shared_ptr<fluxmq::Clock> clock_;
    std::shared_ptr<Inbox> inbox_;
    std::vector<Seen> seen_;
    std::map<std::string, std::string, std::less<>> configs_;
};

} // namespace fluxlib::testing
