// The node in a service on a bus of its own, in virtual time: no broker, no waiting, and the same at every run.
#include <fluxlib/service.hpp>
#include <fluxlib/testing/fake_manager.hpp>
#include <fluxmq/inproc.hpp>
#include <fluxmq/testing/virtual_loop.hpp>

#include "my_counter.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace {

using namespace std::chrono_literals;
using fluxlib::Task;

class MyCounterTest : public ::testing::Test {
protected:
    using Story = std::function<Task<>(fluxlib::Service&)>;

    /// Tells `story` beside a node that ticks each second.
    void run(Story story) { loop.run(live(std::move(story))); }

    Task<> live(Story story) {
        fluxlib::ServiceOptions service_options;
        service_options.clock = loop.clock();
        service_options.handle_signals = false;
        fluxlib::Service service{"test", service_options};
        service.attach(std::make_shared<fluxmq::InProc>(bus));

        fluxlib::NodeOptions options;
        options.node.inputs = {{.alias = "in", .topics = {"in"}}};
        options.node.outputs = {{.alias = "out", .topics = {"out"}}};
        options.timer = fluxlib::DataTimer{fluxlib::TimerType::local, 1s};
        service.append_node<MyCounter>("counter", options);
        co_await service.run();
        co_await story(service);
        service.shutdown();
        co_await service.wait();
    }

    fluxmq::testing::VirtualLoop loop;
    std::shared_ptr<fluxmq::InProcBus> bus =
        std::make_shared<fluxmq::InProcBus>(fluxmq::InProcOptions{.clock = loop.clock()});
};

TEST_F(MyCounterTest, publishes_each_second_how_many_have_come) {
    run([](fluxlib::Service& service) -> Task<> {
        const auto counts = co_await service.subscribe("out");
        for (int i = 0; i < 3; ++i)
            service.publish("in", "a message");
        const auto first = co_await counts->get();
        EXPECT_EQ(first.text(), R"({"count":3})");
        const auto second = co_await counts->get();
        EXPECT_EQ(second.text(), R"({"count":3})");
    });
}

TEST_F(MyCounterTest, takes_new_settings_and_refuses_wrong_ones) {
    run([this](fluxlib::Service& service) -> Task<> {
        fluxlib::testing::FakeManager manager{std::make_shared<fluxmq::InProc>(bus), fluxmq::Topic{},
                                              loop.clock()};
        co_await manager.attach();
        manager.set_node_settings("counter", {{"step", 10}});
        manager.set_node_settings("counter", {{"step", "big"}});
        co_await manager.wait_for_error("test", "step");

        const auto counts = co_await service.subscribe("out");
        service.publish("in", "a message");
        const auto count = co_await counts->get();
        EXPECT_EQ(count.text(), R"({"count":10})");
    });
}

} // namespace
