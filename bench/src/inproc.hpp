// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/inproc.hpp>

#include "drive.hpp"
#include "nodes.hpp"

namespace bench {

/// Connected, on a bus of its own or on one that others are on too.
inline Task<std::shared_ptr<fluxmq::InProc>>
connect_inproc(std::shared_ptr<fluxmq::InProcBus> bus = nullptr) {
    auto transport =
        bus ? std::make_shared<fluxmq::InProc>(std::move(bus)) : std::make_shared<fluxmq::InProc>();
    co_await transport->connect();
    co_return transport;
}

/// A case whose one process does everything, on an event loop.
template <class Measure>
Case inproc_case(std::string path, std::string side, std::uint64_t messages, Measure measure) {
    return {
        .path = std::move(path),
        .side = std::move(side),
        .messages = messages,
        .drive = alone,
        .run = [measure](const Job& job) { return on_event_loop([&] { return measure(job.messages); }); }};
}

} // namespace bench
