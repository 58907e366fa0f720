// SPDX-License-Identifier: MIT
#include <fluxlib/service.hpp>
#include <fluxlib/task.hpp>
#include <fluxmq/nats.hpp>

#include <chrono>
#include <iostream>

/// A service that has nothing to do: `fluxlib_bench` starts this program and watches it from outside. It is a
/// program of its own, so that the peers' libraries do not count in its memory.
namespace {

using Clock = std::chrono::steady_clock;

class Idle final : public fluxlib::Service {
public:
    explicit Idle(Clock::time_point began) : Service{"bench-idle"}, began_{began} {}

private:
    // CONNECTED is on its way; the server has it when it answers the flush behind it.
    fluxlib::Task<> on_connected() override {
        co_await transport().flush();
        const std::chrono::duration<double, std::milli> took = Clock::now() - began_;
        std::cout << took.count() << std::endl;
    }

    const Clock::time_point began_;
};

fluxlib::Task<> app(std::string url) {
    const auto began = Clock::now();
    const auto transport = std::make_shared<fluxmq::Nats>();
    co_await transport->connect(url);
    Idle service{began};
    service.logger().set_level(spdlog::level::err);
    service.attach(transport);
    co_await service.run();
    co_await service.wait();
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: fluxlib_bench_idle URL\n";
        return 2;
    }
    return fluxlib::run(app(argv[1]));
}
