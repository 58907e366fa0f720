// SPDX-License-Identifier: MIT
#include "bench.hpp"
#include "drive.hpp"

#include <zmq.h>

#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>

/// A peer between threads: sockets of libzmq over inproc, without an I/O thread, which inproc does not need.
namespace bench {

namespace {

void check(bool ok) {
    if (!ok)
        throw std::runtime_error{std::string{"libzmq: "} + zmq_strerror(zmq_errno())};
}

struct Ending {
    void operator()(void* context) const noexcept { zmq_ctx_term(context); }
};
struct Closing {
    void operator()(void* socket) const noexcept { zmq_close(socket); }
};
using Context = std::unique_ptr<void, Ending>;
using Socket = std::unique_ptr<void, Closing>;

Context make_context() {
    Context context{zmq_ctx_new()};
    check(context != nullptr);
    check(zmq_ctx_set(context.get(), ZMQ_IO_THREADS, 0) == 0);
    return context;
}

Socket make_socket(const Context& context, int type) {
    Socket socket{zmq_socket(context.get(), type)};
    check(socket != nullptr);
    const int no_limit = 0; // as fast as it can be: neither side waits for the other's water mark
    check(zmq_setsockopt(socket.get(), ZMQ_SNDHWM, &no_limit, sizeof no_limit) == 0);
    check(zmq_setsockopt(socket.get(), ZMQ_RCVHWM, &no_limit, sizeof no_limit) == 0);
    const int patience = patience_seconds * 1000;
    check(zmq_setsockopt(socket.get(), ZMQ_RCVTIMEO, &patience, sizeof patience) == 0);
    return socket;
}

constexpr char address[] = "inproc://bench";

enum class Payload {
    copied, ///< into each message
    shared  ///< between messages that count references
};

void push(void* socket, Payload kind, std::uint64_t messages) {
    const std::string text(payload_size, 'x');
    zmq_msg_t original;
    check(zmq_msg_init_size(&original, payload_size) == 0);
    for (std::uint64_t i = 0; i < messages; ++i) {
        if (kind == Payload::copied) {
            check(zmq_send(socket, text.data(), text.size(), 0) >= 0);
        } else {
            zmq_msg_t message;
            check(zmq_msg_init(&message) == 0 && zmq_msg_copy(&message, &original) == 0);
            check(zmq_msg_send(&message, socket, 0) >= 0);
        }
    }
    zmq_msg_close(&original);
}

void pull(void* socket, std::uint64_t messages) {
    zmq_msg_t message;
    check(zmq_msg_init(&message) == 0);
    for (std::uint64_t i = 0; i < messages; ++i) {
        check(zmq_msg_recv(&message, socket, 0) >= 0);
        if (zmq_msg_size(&message) != payload_size)
            throw std::runtime_error{"libzmq: a message of another size"};
    }
    zmq_msg_close(&message);
}

Sample one_way(const Job& job, Payload kind) {
    const auto warm_up = job.messages / 10;
    std::binary_semaphore go{0};
    const auto context = make_context();
    const auto reader = make_socket(context, ZMQ_PULL);
    check(zmq_bind(reader.get(), address) == 0);
    const std::jthread thread{[&] {
        const auto writer = make_socket(context, ZMQ_PUSH);
        check(zmq_connect(writer.get(), address) == 0);
        push(writer.get(), kind, warm_up);
        go.acquire();
        push(writer.get(), kind, job.messages);
    }};
    pull(reader.get(), warm_up);
    const Meter meter;
    go.release();
    pull(reader.get(), job.messages);
    return meter.stop(job.messages);
}

Sample round_trip(const Job& job) {
    const auto context = make_context();
    const auto here = make_socket(context, ZMQ_PAIR);
    check(zmq_bind(here.get(), address) == 0);
    const std::jthread thread{[&] {
        const auto there = make_socket(context, ZMQ_PAIR);
        check(zmq_connect(there.get(), address) == 0);
        zmq_msg_t message;
        check(zmq_msg_init(&message) == 0);
        for (std::uint64_t i = 0; i < job.messages; ++i)
            check(zmq_msg_recv(&message, there.get(), 0) >= 0 && zmq_msg_send(&message, there.get(), 0) >= 0);
        zmq_msg_close(&message);
    }};
    const std::string text(payload_size, 'x');
    zmq_msg_t answer;
    check(zmq_msg_init(&answer) == 0);
    Latencies latencies{job.messages};
    const Meter meter;
    for (std::uint64_t i = 0; i < job.messages; ++i) {
        latencies.begin();
        check(zmq_send(here.get(), text.data(), text.size(), 0) >= 0);
        check(zmq_msg_recv(&answer, here.get(), 0) >= 0);
        latencies.end();
    }
    auto sample = meter.stop(job.messages);
    zmq_msg_close(&answer);
    latencies.add_to(sample);
    return sample;
}

Case one_way_case(std::string side, Payload kind) {
    return {.path = "inproc node to node, two threads",
            .side = std::move(side),
            .messages = 2'000'000,
            .drive = alone,
            .run = [kind](const Job& job) { return one_way(job, kind); }};
}

} // namespace

std::vector<Case> zeromq_cases() {
    return {one_way_case("ZeroMQ, copied", Payload::copied),
            one_way_case("ZeroMQ, shared", Payload::shared),
            {.path = "inproc round trip, two threads",
             .side = "ZeroMQ",
             .messages = 50'000,
             .drive = alone,
             .run = round_trip}};
}

} // namespace bench
