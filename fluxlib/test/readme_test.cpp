// SPDX-License-Identifier: MIT
// The C++ of README.md and docs/ is code that is compiled and tested: each block names the file that it was taken
// from. What no example shows is in this file.
#include <fluxlib/service.hpp>
#include <fluxlib/testing/fake_manager.hpp>
#include <fluxmq/inproc.hpp>
#include <fluxmq/nats.hpp>
#include <fluxmq/testing/scripted_peer.hpp>
#include <fluxmq/testing/virtual_loop.hpp>
#include <fluxmq/wakeup.hpp>

#include "pages.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/describe/class.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <regex>

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// --- The blocks ------------------------------------------------------------------------------------------------

namespace fluxlib::test {
namespace {

// The lines without the indentation that all of them share.
std::vector<std::string> dedented(std::vector<std::string> lines) {
    auto common = std::string::npos;
    for (const auto& line : lines)
        common = std::min(common, line.find_first_not_of(' ')); // npos for a blank line
    for (auto& line : lines)
        line = line.substr(std::min(common, line.size()));
    return lines;
}

bool occurs(const std::vector<std::string>& block, const std::vector<std::string>& file) {
    for (std::size_t begin = 0; begin + block.size() <= file.size(); ++begin)
        if (dedented({file.begin() + begin, file.begin() + begin + block.size()}) == block)
            return true;
    return false;
}

TEST(readme, every_block_of_code_occurs_in_the_file_that_it_names) {
    const std::string from = "from ";
    for (const std::string page : {"README.md", "docs/architecture.md", "docs/other-sdks.md",
                                   "docs/protocol.md", "docs/reliability.md", "docs/testing.md"}) {
        for (const auto& block : blocks_of(read_file(page))) {
            const auto place = page + ":" + std::to_string(block.line_number);
            if (!block.comment.starts_with(from)) {
                EXPECT_NE(block.language, "cpp") << place << " does not say which file it is from";
                continue;
            }
            const auto source = block.comment.substr(from.size());
            EXPECT_TRUE(occurs(dedented(block.lines), lines_of(read_file(source))))
                << place << " is not in " << source;
        }
    }
}

TEST(readme, every_link_to_a_file_leads_to_one) {
    for (const std::string page :
         {"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/protocol.md", "docs/reliability.md",
          "docs/testing.md", "docs/getting-started.md", "docs/fluxctl.md", "docs/flow.md", "docs/nodes.md",
          "docs/other-sdks.md", "docs/performance.md"}) {
        const auto folder = project_root() / std::filesystem::path{page}.parent_path();
        std::string text; // without the code
        bool code = false;
        for (const auto& line : lines_of(read_file(page))) {
            code = line.starts_with("```") ? !code : code;
            text += code ? "" : line;
        }
        for (auto at = text.find("]("); at != std::string::npos; at = text.find("](", at + 1)) {
            const auto target = text.substr(at + 2, text.find_first_of("#)", at + 2) - at - 2);
            const bool is_file = !target.empty() && target.find("://") == std::string::npos;
            EXPECT_TRUE(!is_file || std::filesystem::exists(folder / target))
                << page << " links to " << target;
        }
    }
}

// Every error in the table of troubleshooting, as it comes when it is provoked; the address is that of the page.
TEST(readme, every_error_of_the_troubleshooting_table_is_real) {
    std::vector<std::string> real;
    const auto note = [&](const std::string& text, const std::string& address = "") {
        auto as_written = text;
        if (const auto at = text.find(address); !address.empty() && at != std::string::npos)
            as_written.replace(at, address.size(), "127.0.0.1:4222");
        real.push_back(std::regex_replace(as_written, std::regex{"within [0-9]+ ms"}, "within 2000 ms"));
    };
    const auto app = [&]() -> Task<> {
        const auto executor = co_await boost::asio::this_coro::executor;
        using Peer = fluxmq::testing::ScriptedPeer;
        // Connects to a peer that greets with `hello` and answers CONNECT with `answer`.
        fluxmq::TlsOptions tls;
        const auto connect = [&](std::string hello, std::string answer) -> Task<> {
            Peer peer{executor};
            const auto url = peer.url();
            const auto address = peer.address();
            const auto talk = [&]() -> Task<> {
                co_await peer.accept();
                co_await peer.send(hello);
                if (!answer.empty()) {
                    co_await peer.expect("CONNECT ");
                    co_await peer.send(answer);
                }
                co_await peer.read_to_end();
            };
            fluxmq::Wakeup talked;
            if (hello.empty()) {
                peer.stop_listening();
                talked.notify();
            } else {
                boost::asio::co_spawn(executor, talk(), [&](std::exception_ptr) { talked.notify(); });
            }
            fluxmq::NatsOptions options;
            options.connect_timeout = hello == "I" ? 20ms : 2000ms;
            options.tls = tls;
            const auto transport = std::make_shared<fluxmq::Nats>(options);
            try {
                co_await transport->connect(url);
            } catch (const fluxmq::Error& error) {
                note(error.what(), address);
            }
            co_await talked.wait();
        };
        co_await connect("", "");
        co_await connect("I", "");
        co_await connect("HTTP/1.1 400 Bad Request\r\n\r\n", "");
        co_await connect(Peer::info(), "-ERR 'Authorization Violation'\r\n");
        tls.required = true;
        co_await connect(Peer::info(), "");
        tls.ca_file = "/ca.pem";
        co_await connect(Peer::info(R"("tls_required":true)"), "");

        const auto transport = std::make_shared<fluxmq::Nats>();
        Service service{"my-service"};
        const auto bus_service = std::make_unique<Service>("other");
        bus_service->attach(std::make_shared<fluxmq::InProc>());
        co_await bus_service->transport().connect();
        const std::vector<std::function<Task<>()>> calls{
            [&]() -> Task<> { co_await transport->connect("http://localhost"); },
            [&]() -> Task<> { co_await transport->subscribe("orders", nullptr); },
            [&]() -> Task<> {
                service.publish("orders", "");
                co_return;
            },
            [&]() -> Task<> { co_await bus_service->request("orders", ""); }};
        for (const auto& call : calls)
            try {
                co_await call();
            } catch (const fluxmq::Error& error) {
                note(error.what());
            }
    };
    ASSERT_EQ(fluxlib::run(app()), 0);
    std::vector<std::string> written;
    for (const auto& cells : table_of(read_file("README.md"), "error"))
        written.push_back(code_in(cells.at(0)).at(0));
    EXPECT_THAT(written, ::testing::UnorderedElementsAreArray(real));
}

// --- What the tour shows ---------------------------------------------------------------------------------------

class Tour : public ::testing::Test {
protected:
    fluxmq::testing::VirtualLoop loop;
    std::shared_ptr<fluxmq::InProcBus> bus =
        std::make_shared<fluxmq::InProcBus>(fluxmq::InProcOptions{.clock = loop.clock()});

    ServiceOptions options() const {
        ServiceOptions options;
        options.clock = loop.clock();
        options.handle_signals = false;
        options.logger = std::make_shared<spdlog::logger>("silent");
        return options;
    }

    // Runs `body` with `service` after `prepare`, from run() to wait().
    void with(Service& service, std::function<void()> prepare, std::function<Task<>()> body) {
        loop.run([&]() -> Task<> {
            service.attach(std::make_shared<fluxmq::InProc>(bus));
            prepare();
            co_await service.run();
            co_await body();
            service.shutdown();
            co_await service.wait();
        }());
    }
    static void nothing() {}
};

TEST_F(Tour, a_service_is_made_with_options) {
    fluxlib::ServiceOptions options;
    options.logger = spdlog::default_logger()->clone("my-service-logger");
    options.has_global_tick = true; // on_tick, and nodes without a timer, follow the manager's clock
    fluxlib::Service service{"my-service", options};

    EXPECT_EQ(service.id(), "my-service");
    EXPECT_EQ(service.logger().name(), "my-service-logger");
}

class Worker : public Node {
public:
    using Node::Node;
};

Task<> manage(Service& service) {
    co_await service.stop_node("processor");
    co_await service.start_node("processor");
    co_await service.destroy_node("temporary");

    co_await service.stop_node_all(); // the same as stop_node("*")
    co_await service.start_node_all();
    co_await service.destroy_node_all();
}

TEST_F(Tour, nodes_are_managed_by_id_or_all_at_once) {
    Service service{"svc", options()};
    const auto prepare = [&] {
        service.append_node<Worker>("processor");
        service.append_node<Worker>("temporary");
    };
    with(service, prepare, [&]() -> Task<> {
        co_await manage(service);
        EXPECT_TRUE(service.node_ids().empty());
    });
}

class MyService : public fluxlib::Service {
public:
    using Service::Service;

protected:
    fluxlib::Task<> on_ready() override {
        logger().info("{} is ready, with {} nodes", id(), node_ids().size());
        co_return;
    }

    fluxlib::Task<> on_start(const fluxlib::Message& message) override {
        logger().info("a manager starts '{}'", message.text());
        co_await Service::on_start(message); // the base starts the nodes that the payload names
    }

    fluxlib::Task<> on_error(const fluxlib::Message& message) override {
        ++errors_;
        logger().warn("reported: {}", message.text());
        co_return;
    }

    fluxlib::Task<> on_shutdown(int signal) override {
        logger().info("ends by signal {}, after {} errors", signal, errors_);
        co_return;
    }

private:
    int errors_ = 0;
};

TEST_F(Tour, a_service_is_customised_by_deriving_from_it) {
    MyService service{"svc", options()};
    testing::FakeManager manager{std::make_shared<fluxmq::InProc>(bus), fluxmq::Topic{}, loop.clock()};
    with(
        service, [&] { service.append_node<Worker>("n"); },
        [&]() -> Task<> {
            co_await manager.attach();
            co_await service.stop_node("n");
            manager.start("svc", "n");
            co_await manager.wait_for_node("n", "started");
        });
}

void append_processor(Service& service) {
    fluxlib::NodeOptions options;
    options.node.type = "processor";
    options.node.settings = {{"batch_size", 100}};
    options.node.inputs = {{.alias = "input", .topics = {"raw-data"}}};
    options.node.outputs = {{.alias = "output", .topics = {"processed-data"}}};
    options.timer = fluxlib::DataTimer{fluxlib::TimerType::local, 1000ms};
    options.state = service.state().slice("processors/first"); // default: the node's id
    service.append_node<Worker>("processor-node", options);
}

TEST_F(Tour, a_node_is_made_with_options) {
    Service service{"svc", options()};
    append_processor(service);
    auto& node = service.node("processor-node");
    EXPECT_EQ(node.type(), "processor");
    EXPECT_EQ(node.settings().at("batch_size").as_int64(), 100);
    node.state().set("k", 1);
    EXPECT_EQ(service.state().get("processors/first/k"), boost::json::value(1));
}

} // namespace
} // namespace fluxlib::test

struct BatchSettings {
    std::size_t batch_size = 10;
};
BOOST_DESCRIBE_STRUCT(BatchSettings, (), (batch_size))

class ProcessorNode : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_create() override {
        settings_ = settings_as<BatchSettings>(); // a wrong type is an error that names the field
        co_return;
    }

    fluxlib::Task<> on_settings(fluxlib::Message) override {
        settings_ = settings_as<BatchSettings>();
        co_return;
    }

    fluxlib::Task<> on_input(fluxlib::Message message) override {
        sum_ += message.as<double>();
        if (++count_ >= settings_.batch_size)
            send();
        co_return;
    }

    fluxlib::Task<> on_tick(const fluxlib::Tick&) override { // what came in does not wait for ever
        send();
        co_return;
    }

    fluxlib::Task<> on_stop() override {
        send();
        co_return;
    }

    fluxlib::Task<> on_error(const fluxlib::HookError& error) override {
        set_status("degraded by " + error.hook()); // logged and published it is already
        co_return;
    }

private:
    void send() {
        if (count_ > 0)
            output("output").publish({{"mean", sum_ / static_cast<double>(count_)}, {"count", count_}});
        sum_ = 0;
        count_ = 0;
    }

    BatchSettings settings_;
    double sum_ = 0;
    std::size_t count_ = 0;
};

namespace fluxlib::test {
namespace {

TEST_F(Tour, a_processor_batches_by_number_and_by_time) {
    Service service{"svc", options()};
    const auto prepare = [&] {
        NodeOptions options;
        options.node.settings = {{"batch_size", 2}};
        options.node.inputs = {{"input", {"raw-data"}}};
        options.node.outputs = {{"output", {"processed-data"}}};
        options.timer = DataTimer{TimerType::local, 1000ms};
        service.append_node<ProcessorNode>("n", options);
    };
    with(service, prepare, [&]() -> Task<> {
        const auto results = co_await service.subscribe("processed-data");
        service.publish("raw-data", 1.0);
        service.publish("raw-data", 4.0);
        service.publish("raw-data", "no number");
        service.publish("raw-data", 7.0);
        const auto by_number = co_await results->get();
        const auto by_time = co_await results->get();
        EXPECT_EQ(by_number.json(), (boost::json::value{{"mean", 2.5}, {"count", 2}}));
        EXPECT_EQ(by_time.json(), (boost::json::value{{"mean", 7.0}, {"count", 1}}));
        EXPECT_EQ(service.node("n").status(), "degraded by on_input");
    });
}

// The one of docs/other-sdks.md.
class Filter : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_input(fluxlib::Message message) override {
        if (message.as<int>() % settings().at("every").as_int64() == 0)
            output("out").publish(message.payload());
        co_return;
    }
};

TEST_F(Tour, a_filter_passes_on_what_a_setting_chooses) {
    Service service{"svc", options()};
    const auto prepare = [&] {
        NodeOptions options;
        options.node.settings = {{"every", 10}};
        options.node.inputs = {{"in", {"mixed.numbers.out"}}};
        options.node.outputs = {{"out", {"mixed.tens.out"}}};
        service.append_node<Filter>("tens", options);
    };
    with(service, prepare, [&]() -> Task<> {
        const auto tens = co_await service.subscribe("mixed.tens.out");
        for (int number = 1; number <= 20; ++number)
            service.publish("mixed.numbers.out", std::to_string(number));
        const auto first = co_await tens->get();
        const auto second = co_await tens->get();
        EXPECT_EQ(first.text(), "10");
        EXPECT_EQ(second.text(), "20");
    });
}

class Ports : public Node {
public:
    using Node::Node;
    std::vector<std::string> heard;

    Task<> use_input() {
        auto& data = input("data"); // an unknown alias is an error that lists the known ones

        // Besides on_input: a handler, a plain function or a coroutine, for every message of the input.
        const auto note = [this](const fluxlib::Message& message) { heard.emplace_back(message.text()); };
        co_await data.subscribe(note);

        // And one for a further topic, whose messages go to it alone.
        co_await data.subscribe_one("alarms.*", note);

        if (const auto& latest = data.read()) // nothing before the first message
            logger().info("the latest is {}", latest->text());
        data.store_value({{"value", 42}}); // replaces it
    }

    Task<> use_output() {
        auto& results = output("results");

        results.publish({{"data", {1, 2, 3}}}); // to each of its topics; returns at once

        // A request to a topic; the answer goes to the callback. Without one in time: Error{timeout}.
        const auto print = [this](const fluxlib::Message& answer) { heard.emplace_back(answer.text()); };
        co_await results.call("process/complete", print, "all done", 500ms);
    }
};

TEST_F(Tour, inputs_and_outputs_are_used) {
    Service service{"svc", options()};
    const auto prepare = [&] {
        NodeOptions options;
        options.node.inputs = {{"data", {"t"}}};
        options.node.outputs = {{"results", {"results.1", "results.2"}}};
        service.append_node<Ports>("n", options);
    };
    with(service, prepare, [&]() -> Task<> {
        auto& node = dynamic_cast<Ports&>(service.node("n"));
        co_await service.subscribe_handler("process/complete",
                                           [&](const Message& m) { service.respond(m, "thanks"); });
        const auto results = co_await service.subscribe("results.*");
        co_await node.use_input();
        EXPECT_EQ(node.input("data").read()->json().at("value").as_int64(), 42);
        co_await node.use_output();
        EXPECT_EQ(results->counters().received, 2u);
        service.publish("t", "1");
        service.publish("alarms.fire", "2");
        co_await loop.clock()->sleep_for(1ms);
        EXPECT_THAT(node.heard, ElementsAre("thanks", "1", "2"));
    });
}

class Viewer : public Node {
public:
    using Node::Node;
};

void append_viewer(Service& service) {
    fluxlib::NodeOptions options;
    options.node.inputs = {{.alias = "frames", .topics = {"camera.frames"}}};
    // The two latest frames: older ones are of no use.
    options.input_limits = {.messages = 2, .overflow = fluxmq::Overflow::drop_oldest};
    service.append_node<Viewer>("viewer", options);
}

void show_counters(Service& service) {
    const auto counters = service.node("viewer").counters(); // or of one input
    service.logger().info("{} in, {} handled, {} dropped, {} waiting", counters.received, counters.delivered,
                          counters.dropped.total(), counters.pending);
    service.logger().info(service.account().line()); // of all nodes; so does the report of wait()
}

TEST_F(Tour, inputs_have_limits_and_counters) {
    Service service{"svc", options()};
    with(
        service, [&] { append_viewer(service); },
        [&]() -> Task<> {
            for (int i = 0; i < 5; ++i)
                service.publish("camera.frames", i);
            co_await loop.clock()->sleep_for(1ms);
            show_counters(service);
            EXPECT_EQ(service.node("viewer").counters().received, 5u);
            EXPECT_EQ(service.node("viewer").counters().dropped.oldest, 3u);
        });
}

Task<> ask(Service& service) {
    const boost::json::value question{{"query", "What's the weather?"}}; // named: no braces behind co_await
    const auto response = co_await service.request("weather", question, 500ms);
    service.logger().info("it is {}", response.text());
}

TEST_F(Tour, a_payload_has_a_name_before_it_is_awaited) {
    Service service{"svc", options()};
    with(service, nothing, [&]() -> Task<> {
        co_await service.subscribe_handler("weather",
                                           [&](const Message& m) { service.respond(m, m.payload()); });
        co_await ask(service);
    });
}

} // namespace
} // namespace fluxlib::test

// --- A mesh under test -----------------------------------------------------------------------------------------

class Heartbeat : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_tick(const fluxlib::Tick& tick) override {
        output("beats").publish(tick.count);
        co_return;
    }
};

constexpr const char* config = R"([
    {"id": "heart", "type": "heartbeat", "timer": {"type": "LOCAL", "intervalMs": 3600000},
     "outputs": [{"alias": "beats", "topics": ["beats"]}]}])";

TEST(Heartbeat, beats_once_an_hour) {
    fluxmq::testing::VirtualLoop loop;
    const auto bus = std::make_shared<fluxmq::InProcBus>(fluxmq::InProcOptions{.clock = loop.clock()});

    const auto day = [&]() -> fluxlib::Task<> {
        const auto connection = std::make_shared<fluxmq::InProc>(bus);
        fluxlib::testing::FakeManager manager{connection, fluxmq::Topic{}, loop.clock()};
        co_await manager.attach();
        manager.serve_config("clinic", config);

        fluxlib::ServiceOptions options;
        options.clock = loop.clock();
        options.handle_signals = false;
        fluxlib::Service service{"clinic", options};
        service.attach(std::make_shared<fluxmq::InProc>(bus));
        service.register_node<Heartbeat>("heartbeat");
        co_await service.run();
        const auto beats = co_await service.subscribe("beats");

        co_await manager.wait_for_node("heart", "created");
        manager.start("clinic");
        co_await manager.wait_for_service("clinic", "ACTIVE");
        co_await loop.clock()->sleep_for(24h + 30min); // passes at once
        EXPECT_EQ(beats->counters().received, 24u);

        service.shutdown();
        const auto report = co_await service.wait();
        EXPECT_TRUE(report.drained);
        EXPECT_TRUE(manager.errors("clinic").empty());
    };
    loop.run(day());
}
