// SPDX-License-Identifier: MIT
// Settings with types, changed by a manager while the node runs. Bad ones are refused, and nothing stops.
#include <fluxlib/service.hpp>
#include <fluxlib/testing/fake_manager.hpp>
#include <fluxmq/inproc.hpp>

#include <boost/describe/class.hpp>

#include <iostream>

struct CameraSettings {
    int width = 640;
    int height = 480;
    double gain = 1.0;
};
BOOST_DESCRIBE_STRUCT(CameraSettings, (), (width, height, gain))

class Camera : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_start() override {
        use();
        co_return;
    }

    // The new settings are in place: those sent, merged into those there were.
    fluxlib::Task<> on_settings(fluxlib::Message) override {
        use();
        co_return;
    }

    // Before that: throw, and they are not taken over.
    void check_settings(const boost::json::object& wanted) const override {
        const auto settings = fluxmq::from_json<CameraSettings>(wanted, fluxmq::Missing::keep_default);
        if (settings.gain <= 0)
            throw fluxmq::Error{fluxmq::errc::invalid_settings, "field 'gain' must be more than 0"};
    }

private:
    void use() {
        const auto now = settings_as<CameraSettings>(); // what the settings lack keeps its default
        std::cout << "camera: " << now.width << " x " << now.height << ", gain " << now.gain << '\n';
        set_status("gain " + std::to_string(now.gain).substr(0, 3)); // for the manager
    }
};

fluxlib::Task<> app() {
    const auto bus = std::make_shared<fluxmq::InProcBus>();
    fluxlib::testing::FakeManager manager{std::make_shared<fluxmq::InProc>(bus)};
    co_await manager.attach();

    fluxlib::Service service{"studio"};
    service.attach(std::make_shared<fluxmq::InProc>(bus));
    fluxlib::NodeOptions options;
    options.node.settings = {{"width", 1280}, {"height", 720}};
    service.append_node<Camera>("camera", options);
    co_await service.run();

    // Only what changes has to be sent.
    manager.set_node_settings("camera", {{"gain", 2.5}});
    co_await manager.wait_for_node("camera", "gain 2.5");

    // The wrong type, and a value that the node refuses: the error topic says which field.
    manager.set_node_settings("camera", {{"width", "wide"}});
    co_await manager.wait_for_error("studio", "width");
    manager.set_node_settings("camera", {{"gain", -1}});
    co_await manager.wait_for_error("studio", "gain");
    for (const auto& error : manager.errors("studio"))
        std::cout << "refused: " << error << '\n';

    // The node runs on as before.
    manager.set_node_settings("camera", {{"gain", 3.0}});
    co_await manager.wait_for_node("camera", "gain 3.0");

    service.shutdown();
    co_await service.wait();
}

int main() { return fluxlib::run(app()); }
