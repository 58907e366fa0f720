// SPDX-License-Identifier: MIT
// Three nodes in a row that know nothing of each other: a manager's config connects their inputs and outputs.
#include <fluxlib/service.hpp>
#include <fluxlib/testing/fake_manager.hpp>
#include <fluxmq/inproc.hpp>

#include <boost/describe/class.hpp>

#include <iostream>

// Counts up, a number a tick.
class Counter : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_tick(const fluxlib::Tick& tick) override {
        output("numbers").publish(tick.count);
        co_return;
    }
};

// Raises what comes in to the power that its settings say.
class Power : public fluxlib::Node {
public:
    using Node::Node;

    struct Settings {
        int exponent = 1;
    };

protected:
    fluxlib::Task<> on_input(fluxlib::Message message) override {
        const auto number = message.as<std::int64_t>();
        std::int64_t result = 1;
        for (int i = 0; i < settings_as<Settings>().exponent; ++i)
            result *= number;
        output("results").publish({{"number", number}, {"result", result}});
        co_return;
    }
};
BOOST_DESCRIBE_STRUCT(Power::Settings, (), (exponent))

// Prints five results, then ends the service.
class Printer : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_input(fluxlib::Message message) override {
        if (++printed_ > 5)
            co_return;
        std::cout << message.input() << ": " << message.text() << '\n';
        if (printed_ == 5)
            service().shutdown();
    }

private:
    int printed_ = 0;
};

// What a manager would send. A topic may be written with slashes or dots.
constexpr const char* config = R"json([
  {"id": "counter", "type": "counter", "timer": {"type": "LOCAL", "intervalMs": 10},
   "outputs": [{"alias": "numbers", "topics": ["plant/numbers"]}]},
  {"id": "square", "type": "power", "settings": {"exponent": 2},
   "inputs": [{"alias": "numbers", "topics": ["plant/numbers"]}],
   "outputs": [{"alias": "results", "topics": ["plant/squares"]}]},
  {"id": "printer", "type": "printer",
   "inputs": [{"alias": "squares", "topics": ["plant/squares"]}]}
])json";

fluxlib::Task<> app() {
    // The service and its manager are two connections to one bus; with Nats they may be on two machines.
    const auto bus = std::make_shared<fluxmq::InProcBus>();
    fluxlib::testing::FakeManager manager{std::make_shared<fluxmq::InProc>(bus)};
    co_await manager.attach();
    manager.serve_config("plant", config);

    fluxlib::Service service{"plant"};
    service.attach(std::make_shared<fluxmq::InProc>(bus));
    service.register_node<Counter>("counter"); // the names that the config calls them by
    service.register_node<Power>("power");
    service.register_node<Printer>("printer");
    co_await service.run(); // asks for the config, and makes the nodes when it comes

    co_await manager.wait_for_node("printer", "created");
    manager.start("plant");
    const auto report = co_await service.wait();

    co_await manager.wait_for_service("plant", "STOPPED");
    std::cout << "statuses of square:";
    for (const auto& status : manager.node_statuses("square"))
        std::cout << ' ' << status;
    std::cout << '\n' << report.account.line() << '\n';
}

int main() { return fluxlib::run(app()); }
