// SPDX-License-Identifier: MIT
// State: a store of JSON values that a service and its nodes share, each under a prefix of its own.
#include <fluxlib/service.hpp>
#include <fluxmq/inproc.hpp>

#include <iostream>

// A node's state() is a slice of the service's store under the node's id.
class Visitors : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_start() override {
        const auto count = state().get("count", 0).to_number<int>(); // 0 where there is none yet
        state().set("count", count + 1);
        state().set("last", {{"name", "Ada"}, {"floor", 3}}); // any JSON value
        co_return;
    }
};

fluxlib::Task<> with_a_service() {
    fluxlib::Service service{"house"};
    service.attach(std::make_shared<fluxmq::InProc>());
    service.append_node<Visitors>("door");
    co_await service.run();
    co_await service.stop_node("door");
    co_await service.start_node("door"); // the state stays
    std::cout << "door: " << service.state().slice("door").get_all_with_prefix() << '\n';
    service.shutdown();
    co_await service.wait();
}

int main() {
    // A slice with first values, which lie in the store as "counter/value" and "counter/step".
    fluxlib::StateSlice counter{{{"value", 0}, {"step", 5}}, "counter"};

    // A slice of the same store under another prefix; copies share the store as well.
    auto display = counter.slice("display");
    display.set("value", "dark");

    counter.set("value", 10);
    std::cout << "counter value: " << counter.get("value") << '\n';
    std::cout << "display value: " << display.get("value") << '\n';
    std::cout << "missing: " << counter.get("missing") << ", with a default: " << counter.get("missing", 42)
              << '\n';

    std::cout << "erased step: " << std::boolalpha << counter.erase("step") << '\n';
    std::cout << "erased step again: " << counter.erase("step") << '\n';
    std::cout << "counter: " << counter.get_all_with_prefix() << '\n';

    counter.reset(); // its own keys only, and it stays in use
    counter.set("value", 1);
    std::cout << "counter after reset: " << counter.get_all_with_prefix() << '\n';
    std::cout << "display after that: " << display.get_all_with_prefix() << '\n';

    return fluxlib::run(with_a_service());
}
