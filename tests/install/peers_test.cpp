// SPDX-License-Identifier: MIT
// Uses the installed test kits: a service of our own hears a node of the Python SDK, in virtual time.
#include <fluxlib/node.hpp>
#include <fluxlib/service.hpp>
#include <fluxlib/testing/fake_manager.hpp>
#include <fluxlib/testing/go_service.hpp>
#include <fluxlib/testing/python_service.hpp>
#include <fluxmq/inproc.hpp>
#include <fluxmq/testing/virtual_loop.hpp>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace {

using fluxlib::testing::FakeManager;
using fluxlib::testing::GoService;
using fluxlib::testing::PythonNode;
using fluxlib::testing::PythonService;

std::vector<std::string> heard;

class Sink : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_input(fluxlib::Message message) override {
        heard.emplace_back(message.text());
        service().shutdown();
        co_return;
    }
};

fluxlib::Task<> meet(fluxmq::testing::VirtualLoop& loop, std::shared_ptr<fluxmq::InProcBus> bus) {
    FakeManager manager{std::make_shared<fluxmq::InProc>(bus), fluxmq::Topic{}, loop.clock()};
    co_await manager.attach();

    PythonService camera{"camera", std::make_shared<fluxmq::InProc>(bus), {.clock = loop.clock()}};
    camera.on("lens", {.on_tick = [](PythonNode& node) { node.publish("out", "a picture"); }});
    co_await camera.run();
    manager.serve_config("camera", R"([{"id": "lens", "type": "lens",
        "timer": {"type": "LOCAL", "interval": 40}, "outputs": [{"alias": "out", "topics": ["plant/pictures"]}]}])");
    manager.send_config("camera");
    co_await manager.wait_for_node("lens", "created");

    GoService door{"door", std::make_shared<fluxmq::InProc>(bus), {.clock = loop.clock()}};
    manager.serve_config("door", "[]");
    co_await door.run();
    co_await manager.wait_for_service("door", "READY");

    fluxlib::ServiceOptions options;
    options.clock = loop.clock();
    options.handle_signals = false;
    fluxlib::Service service{"ours", options};
    service.attach(std::make_shared<fluxmq::InProc>(bus));
    fluxlib::NodeOptions sink;
    sink.node.inputs = {{.alias = "in", .topics = {"plant.pictures"}}};
    service.append_node<Sink>("sink", sink);
    co_await service.run();
    manager.start("camera");
    co_await service.wait();
}

} // namespace

int main() {
    fluxmq::testing::VirtualLoop loop;
    const auto bus = std::make_shared<fluxmq::InProcBus>(fluxmq::InProcOptions{.clock = loop.clock()});
    loop.run(meet(loop, bus));
    std::cout << "heard " << heard.at(0) << '\n';
    return heard.size() == 1 ? 0 : 1;
}
