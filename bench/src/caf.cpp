// SPDX-License-Identifier: MIT
#include "bench.hpp"
#include "drive.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <chrono>
#include <semaphore>

/// A peer in one thread: event-based actors of the C++ Actor Framework on a scheduler with one worker.
namespace bench {

namespace {

// Messages before the writer waits for the reader. Without that the reader's mailbox grows to all of them, which is
// slower.
constexpr std::uint64_t turn = 64;

struct Count {
    std::uint64_t left = 0;
    std::binary_semaphore complete{0};
};

// Looks at each message without a copy of it, and tells the writer when it has them all.
caf::behavior sink(caf::event_based_actor* self, Count* count) {
    return {[count](const std::string& text) {
                if (text.size() == payload_size && --count->left == 0)
                    count->complete.release();
            },
            [self](std::uint64_t more) {
                self->send(caf::actor_cast<caf::actor>(self->current_sender()), more);
            }};
}

caf::behavior source(caf::event_based_actor* self, caf::actor to, bool shared) {
    const std::string text(payload_size, 'x');
    const auto message =
        caf::make_message(text); // counts references, so that sending it again copies nothing
    return {[=](std::uint64_t messages) {
        const auto now = std::min(messages, turn);
        for (std::uint64_t i = 0; i < now; ++i) {
            if (shared)
                self->send(to, message);
            else
                self->send(to, text);
        }
        if (messages > now)
            self->send(to, messages - now);
    }};
}

Sample actor_to_actor(const Job& job, bool shared) {
    caf::actor_system_config config;
    config.set("scheduler.max-threads", 1);
    Count count;
    caf::actor_system system{config};
    const auto reader = system.spawn(sink, &count);
    const auto writer = system.spawn(source, reader, shared);
    const auto send = [&](std::uint64_t messages) {
        count.left = messages;
        caf::anon_send(writer, messages);
        if (!count.complete.try_acquire_for(std::chrono::seconds{patience_seconds}))
            check_delivered(messages - count.left, messages);
    };
    send(job.messages / 10 + 1);
    const Meter meter;
    send(job.messages);
    const auto sample = meter.stop(job.messages);
    caf::anon_send_exit(writer, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(reader, caf::exit_reason::user_shutdown);
    return sample;
}

Case make(std::string side, bool shared) {
    return {.path = "inproc node to node",
            .side = std::move(side),
            .messages = 1'000'000,
            .drive = alone,
            .run = [shared](const Job& job) { return actor_to_actor(job, shared); }};
}

} // namespace

std::vector<Case> caf_cases() { return {make("CAF, text", false), make("CAF, shared message", true)}; }

} // namespace bench
