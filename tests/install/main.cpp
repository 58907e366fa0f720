// SPDX-License-Identifier: MIT
// Uses both installed libraries, so that headers, flags and linking are all checked.
#include <fluxlib/node.hpp>
#include <fluxlib/service.hpp>
#include <fluxlib/task.hpp>
#include <fluxmq/inproc.hpp>

#include <iostream>
#include <memory>

class Hello : public fluxlib::Node {
public:
    using Node::Node;

    fluxlib::Task<> on_start() override {
        std::cout << "started\n";
        service().shutdown();
        co_return;
    }
};

fluxlib::Task<> app() {
    fluxlib::Service service{"outside"};
    service.attach(std::make_shared<fluxmq::InProc>(), fluxmq::Topic{}, fluxmq::Status{});
    service.append_node<Hello>("hello");
    co_await service.run();
    co_await service.wait();
}

int main() { return fluxlib::run(app()); }
