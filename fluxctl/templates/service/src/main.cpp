#include <fluxlib/service.hpp>
#include <fluxmq/nats.hpp>

#include "my_counter.hpp"

#include <memory>

fluxlib::Task<> app() {
    fluxlib::Service service{"my-counter"};
    service.attach(std::make_shared<fluxmq::Nats>()); // on NATS_URL, or nats://localhost:4222
    service.register_node<MyCounter>("my-counter");   // the type that a flow file names
    co_await service.run();                           // its nodes come with the config of a manager
    co_await service.wait();                          // until Ctrl-C
}

int main() { return fluxlib::run(app()); }
