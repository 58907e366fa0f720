// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/clock.hpp>
#include <fluxmq/transport.hpp>

#include <cstddef>
#include <memory>

namespace fluxmq {

struct InProcOptions {
    /// Bytes a payload may have; the default is that of a NATS server, so that what works here works there.
    std::size_t max_payload = std::size_t{1} << 20;
    /// Messages of one connection that may wait for room in blocking mailboxes before publish() throws
    /// buffer_full.
    std::size_t max_waiting = 65'536;
    /// Source of time for request and flush timeouts.
    std::shared_ptr<Clock> clock = Clock::real();
};

/// An embedded message bus with the semantics of NATS core: wildcards, queue groups, requests with
/// no-responders, headers, order per publisher. Payloads are shared, never copied on their way to receivers.
///
/// Any number of InProc transports connect to it, from any threads. Thread safety: all members.
class InProcBus {
public:
    explicit InProcBus(InProcOptions options = {});
    ~InProcBus();
    InProcBus(const InProcBus&) = delete;
    InProcBus& operator=(const InProcBus&) = delete;

private:
    friend class InProc;
    class Core;
    std::shared_ptr<Core> core_;
};

/// One connection to an InProcBus. Its coroutines may be awaited on any executor.
class InProc final : public Transport {
public:
    /// With a bus of its own; bus() connects others to it.
    InProc();
    explicit InProc(std::shared_ptr<InProcBus> bus);
    ~InProc() override;

    const std::shared_ptr<InProcBus>& bus() const noexcept { return bus_; }

    Task<> connect() override;
    Task<> close() override;
    Task<DrainReport> drain(std::chrono::milliseconds timeout = default_drain_timeout) override;
    void publish(std::string_view topic, const Payload& payload, const Headers& headers = {},
                 std::string_view reply = {}) override;
    std::unique_ptr<Publisher> publisher(std::string topic) override;
    Task<Subscription> subscribe(std::string topic, std::shared_ptr<Receiver> receiver,
                                 SubscribeOptions options = {}) override;
    Task<> flush(std::chrono::milliseconds timeout = default_flush_timeout) override;
    void on_event(std::function<void(const ConnectionEvent&)> handler) override;
    bool connected() const noexcept override;
    std::size_t max_payload() const noexcept override;
    TransportCounters counters() const override;

protected:
    Task<Message> do_request(std::string topic, Bytes payload, std::chrono::milliseconds timeout,
                             Headers headers) override;

private:
    class Connection;
    std::shared_ptr<InProcBus> bus_;
    std::shared_ptr<Connection> connection_;
};

} // namespace fluxmq
