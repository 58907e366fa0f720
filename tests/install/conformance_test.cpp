// SPDX-License-Identifier: MIT
// The installed conformance suite over transports of somebody else: the embedded bus, and one that has nothing but
// the core of the contract.
#include <fluxmq/inproc.hpp>
#include <fluxmq/subject.hpp>
#include <fluxmq/testing/conformance.hpp>

#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

using fluxmq::testing::Capability;

namespace {

// What it does not have, it refuses: a case that needs more than it has declared fails.
class Plain final : public fluxmq::Transport {
public:
    explicit Plain(std::shared_ptr<fluxmq::InProcBus> bus) : inner_{std::move(bus)} {}

    fluxmq::Task<> connect() override { return inner_.connect(); }
    fluxmq::Task<> close() override { return inner_.close(); }
    fluxmq::Task<fluxmq::DrainReport> drain(std::chrono::milliseconds timeout) override {
        return inner_.drain(timeout);
    }
    void publish(std::string_view topic, const fluxmq::Payload& payload, const fluxmq::Headers& headers,
                 std::string_view reply) override {
        if (!headers.empty())
            throw std::logic_error{"headers"};
        inner_.publish(topic, payload, headers, reply);
    }
    fluxmq::Task<fluxmq::Subscription> subscribe(std::string topic,
                                                 std::shared_ptr<fluxmq::Receiver> receiver,
                                                 fluxmq::SubscribeOptions options) override {
        if (!options.queue.empty())
            throw std::logic_error{"a queue group"};
        if (fluxmq::subscribe_problem(topic).empty() && fluxmq::has_wildcard(topic))
            throw std::logic_error{"wildcards"};
        return inner_.subscribe(std::move(topic), std::move(receiver), options);
    }
    fluxmq::Task<> flush(std::chrono::milliseconds timeout) override { return inner_.flush(timeout); }
    void on_event(std::function<void(const fluxmq::ConnectionEvent&)> handler) override {
        inner_.on_event(std::move(handler));
    }
    bool connected() const noexcept override { return inner_.connected(); }
    std::size_t max_payload() const noexcept override { return std::numeric_limits<std::size_t>::max(); }
    fluxmq::TransportCounters counters() const override { return inner_.counters(); }

protected:
    fluxmq::Task<fluxmq::Message> do_request(std::string, fluxmq::Bytes, std::chrono::milliseconds,
                                             fluxmq::Headers) override {
        throw std::logic_error{"requests"};
    }

private:
    fluxmq::InProc inner_;
};

template <class Transport>
class World final : public fluxmq::testing::TransportWorld {
public:
    std::shared_ptr<fluxmq::Transport> make() override { return std::make_shared<Transport>(bus_); }

private:
    std::shared_ptr<fluxmq::InProcBus> bus_ = std::make_shared<fluxmq::InProcBus>();
};

fluxmq::testing::TransportKind inproc() {
    return {.name = "InProc",
            .make_world = [] { return std::make_unique<World<fluxmq::InProc>>(); },
            .capabilities = {Capability::wildcards, Capability::queue_groups, Capability::headers,
                             Capability::requests, Capability::no_responders, Capability::payload_limit,
                             Capability::connection_order, Capability::any_executor, Capability::redirect}};
}

fluxmq::testing::TransportKind plain() {
    return {.name = "Plain", .make_world = [] { return std::make_unique<World<Plain>>(); }, .divisor = 10};
}

} // namespace

FLUXMQ_CONFORMANCE(Outside, inproc(), plain())
