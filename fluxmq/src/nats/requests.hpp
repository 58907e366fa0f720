// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/clock.hpp>
#include <fluxmq/message.hpp>

#include "operation.hpp"
#include "slot_map.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxmq::nats {

/// One request that waits for its answer.
class PendingRequest : public Operation {
public:
    explicit PendingRequest(std::string_view topic) : topic_{topic} {}

    const std::string& topic() const noexcept { return topic_; }
    Message take_answer() noexcept { return std::move(answer_); }

private:
    friend class Requests;
    std::string topic_;
    Message answer_;
};

/// All requests of a transport: they share one wildcard inbox, and one timer for their deadlines.
class Requests {
public:
    Requests();

    /// The subject that all answers come on.
    std::string inbox_pattern() const { return inbox_ + '*'; }
    std::string reply_topic(std::uint64_t id) const { return inbox_ + std::to_string(id); }

    /// Where time comes from and timeouts are handled.
    void use(std::shared_ptr<Clock> clock, boost::asio::any_io_executor executor);

    std::uint64_t add(PendingRequest& request, Clock::time_point deadline);
    void remove(std::uint64_t id) noexcept { pending_.erase(id); }

    /// Gives `message` to the request whose reply topic it came on. Late ones, and acknowledgements, are passed over.
    /// Gives back an acknowledgement that asks for an answer itself, which the owner must send: an empty message.
    [[nodiscard]] std::optional<Message> answer(Message&& message);

    /// The server refuses `topic` to us.
    void refuse(std::string_view topic, const std::string& broker_text);
    void fail_all(const Error& failure);

    /// Fails all, and lets go of clock and executor.
    void stop(const Error& failure) noexcept;

private:
    using Deadline = std::pair<Clock::time_point, std::uint64_t>;

    void arm();
    void expire();

    std::string inbox_; // with its last dot
    SlotMap<PendingRequest*> pending_;
    std::shared_ptr<Clock> clock_;
    boost::asio::any_io_executor executor_;
    // Entries of answered requests stay until their time: taking them out would cost more.
    std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> deadlines_;
    Clock::time_point armed_for_ = Clock::time_point::max();
    Timer timer_;
};

} // namespace fluxmq::nats
