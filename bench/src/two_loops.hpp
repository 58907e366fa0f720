// SPDX-License-Identifier: MIT
#pragma once

#include "inproc.hpp"

#include <atomic>
#include <thread>

/// Two event loops, each with a thread and a connection of its own to one bus.
namespace bench {

struct Shared {
    std::shared_ptr<fluxmq::InProcBus> bus = std::make_shared<fluxmq::InProcBus>();
    std::atomic<std::uint64_t> wanted{0}; // of the other loop: messages to publish; 0: it ends
    fluxmq::Wakeup go;                    // waited for by the other loop
    fluxmq::Wakeup ready;                 // waited for by the loop that measures
};

/// `there` lives on a thread of its own, and ends when `here` has ended, well or not.
template <class There, class Here>
Sample on_two_loops(Shared& shared, There there, Here here) {
    struct End {
        ~End() { shared.go.notify(); }
        Shared& shared;
    };
    const std::jthread thread{[&] { fluxlib::run(there()); }};
    const End end{shared};
    return on_event_loop(here);
}

} // namespace bench
