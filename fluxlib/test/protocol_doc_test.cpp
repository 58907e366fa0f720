// SPDX-License-Identifier: MIT
// docs/protocol.md, the lifecycle in docs/architecture.md, and the conformance suite in docs/testing.md say what the
// code does.
#include <fluxlib/service.hpp>
#include <fluxmq/error.hpp>
#include <fluxmq/inproc.hpp>
#include <fluxmq/testing/virtual_loop.hpp>

#include "pages.hpp"
#include "service_runtime.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/logger.h>

#include <map>
#include <regex>
#include <set>

namespace fluxlib::test {
namespace {

namespace json = boost::json;
using fluxmq::Error;
using fluxmq::Topic;
using ::testing::HasSubstr;

using Names = std::set<std::string>;

const std::string& page() {
    static const std::string text = read_file("docs/protocol.md");
    return text;
}

std::string filled_in(std::string topic, const std::string& id) {
    return std::regex_replace(topic, std::regex{"<(id|uuid)>"}, id);
}

// Every `virtual std::string name(` of a class in a header.
Names virtual_functions(const std::string& header, const std::string& of_class) {
    auto text = read_file(header);
    text = text.substr(text.find("class " + of_class + " {"));
    text = text.substr(0, text.find("\n};"));
    const std::regex function{R"(virtual std::string (\w+)\()"};
    Names names;
    for (std::sregex_iterator at{text.begin(), text.end(), function}, end; at != end; ++at)
        names.insert((*at)[1]);
    return names;
}

template <class Table>
Names keys(const Table& table) {
    Names names;
    for (const auto& [name, rest] : table)
        names.insert(name);
    return names;
}

// A row of the table of topics.
struct Row {
    std::string topic;
    std::string direction;
    std::string use;
};

std::map<std::string, Row> topic_rows() {
    std::map<std::string, Row> rows;
    for (const auto& cells : table_of(page(), "`Topic` function"))
        rows.emplace(code_in(cells.at(0)).at(0), Row{code_in(cells.at(1)).at(0), cells.at(2), cells.at(4)});
    return rows;
}

using Name = std::function<std::string(const Topic&, const std::string&)>;

Name of(std::string (Topic::*function)(std::string_view) const) {
    return [function](const Topic& topic, const std::string& id) { return (topic.*function)(id); };
}
Name of(std::string (Topic::*function)() const) {
    return [function](const Topic& topic, const std::string&) { return (topic.*function)(); };
}

const std::map<std::string, Name> topic_functions{
    {"status", of(&Topic::status)},
    {"status_request", of(&Topic::status_request)},
    {"configuration", of(&Topic::configuration)},
    {"configuration_request", of(&Topic::configuration_request)},
    {"service_settings", of(&Topic::service_settings)},
    {"start", of(&Topic::start)},
    {"stop", of(&Topic::stop)},
    {"restart", of(&Topic::restart)},
    {"error", of(&Topic::error)},
    {"get_common_data", of(&Topic::get_common_data)},
    {"set_common_data", of(&Topic::set_common_data)},
    {"get_service_state", of(&Topic::get_service_state)},
    {"set_service_state", of(&Topic::set_service_state)},
    {"dev_mode", of(&Topic::dev_mode)},
    {"node_status", of(&Topic::node_status)},
    {"node_settings", of(&Topic::node_settings)},
    {"node_created", of(&Topic::node_created)},
    {"node_state_request", of(&Topic::node_state_request)},
    {"restart_node", of(&Topic::restart_node)},
    {"node_start_event", of(&Topic::node_start_event)},
    {"node_stop_event", of(&Topic::node_stop_event)},
    {"time", of(&Topic::time)},
    {"node_time", of(&Topic::node_time)},
    {"ide_status", of(&Topic::ide_status)},
};

TEST(protocol_doc, the_table_of_topics_has_every_function_with_its_topic) {
    const auto rows = topic_rows();
    const auto declared = virtual_functions("fluxmq/include/fluxmq/topic.hpp", "Topic");
    EXPECT_EQ(keys(rows), declared);
    EXPECT_EQ(keys(topic_functions), declared);
    for (const auto& [function, row] : rows)
        for (const std::string prefix : {"", "plant1"})
            EXPECT_EQ((prefix.empty() ? "" : prefix + ".") + filled_in(row.topic, "some-id"),
                      topic_functions.at(function)(Topic{prefix}, "some-id"))
                << function;
}

TEST(protocol_doc, the_tables_of_statuses_have_every_function_with_its_string) {
    const fluxmq::Status service;
    std::map<std::string, std::string> strings;
    for (const auto& cells : table_of(page(), "`Status` function"))
        strings.emplace(code_in(cells.at(0)).at(0), code_in(cells.at(1)).at(0));
    EXPECT_EQ(strings, (std::map<std::string, std::string>{{"starting", service.starting()},
                                                           {"connected", service.connected()},
                                                           {"ready", service.ready()},
                                                           {"active", service.active()},
                                                           {"paused", service.paused()},
                                                           {"error", service.error()},
                                                           {"stopping", service.stopping()},
                                                           {"stopped", service.stopped()}}));
    EXPECT_EQ(keys(strings), virtual_functions("fluxmq/include/fluxmq/status.hpp", "Status"));

    const NodeStatus node;
    strings.clear();
    for (const auto& cells : table_of(page(), "`NodeStatus` function"))
        strings.emplace(code_in(cells.at(0)).at(0), code_in(cells.at(1)).at(0));
    EXPECT_EQ(strings, (std::map<std::string, std::string>{{"created", node.created()},
                                                           {"started", node.started()},
                                                           {"stopped", node.stopped()},
                                                           {"destroyed", node.destroyed()},
                                                           {"error", node.error()}}));
    EXPECT_EQ(keys(strings), virtual_functions("fluxlib/include/fluxlib/lifecycle.hpp", "NodeStatus"));
}

const Block& sample(const std::string& name) {
    static const auto blocks = blocks_of(page());
    for (const auto& block : blocks)
        if (block.comment == "sample: " + name)
            return block;
    throw std::runtime_error{"the page has no sample '" + name + "'"};
}

TEST(protocol_doc, the_sample_config_means_what_the_page_says) {
    const auto nodes = parse_config(sample("config").text());
    EXPECT_EQ(to_json(nodes), json::parse(sample("means").text()));
    EXPECT_EQ(parse_config(sample("means").text()), nodes);
    for (const auto& block : blocks_of(page())) // none is left unchecked; vectors_test.cpp has the vectors
        EXPECT_THAT(block.comment, ::testing::ContainsRegex("^(sample|vector): "))
            << "line " << block.line_number;
}

TEST(protocol_doc, each_bad_config_gives_the_error_that_the_page_says) {
    for (const auto& cells : table_of(page(), "config")) {
        std::string said = "it was accepted";
        try {
            parse_config(code_in(cells.at(0)).at(0));
        } catch (const Error& error) {
            said = error.what();
        }
        EXPECT_EQ(said, code_in(cells.at(1)).at(0)) << cells.at(0);
    }
}

TEST(protocol_doc, the_payload_of_a_command_names_the_nodes_that_the_page_says) {
    for (const auto& cells : table_of(page(), "payload")) {
        const auto payload = cells.at(0) == "(empty)" ? std::string{} : code_in(cells.at(0)).at(0);
        EXPECT_EQ(ServiceRuntime::ids_in(Message{{}, fluxmq::Bytes::copy(payload)}), code_in(cells.at(1)))
            << cells.at(0);
    }
}

// A transition as docs/architecture.md writes it.
std::string shown(const Transition& t) {
    if (t.kind != Transition::Kind::run)
        return t.kind == Transition::Kind::illegal ? "illegal" : "nothing";
    std::string hooks;
    for (const auto& [runs, name] :
         {std::pair{t.runs_create, "on_create"}, std::pair{t.runs_start, "on_start"},
          std::pair{t.runs_stop, "on_stop"}, std::pair{t.runs_destroy, "on_destroy"}})
        if (runs)
            hooks += (hooks.empty() ? "`" : ", `") + std::string{name} + "`";
    return hooks + (hooks.empty() ? "" : " ") + "→ " + std::string{to_string(t.to)};
}

// The first group of every match in a text.
Names found(const std::string& text, const std::string& pattern) {
    const std::regex expression{pattern};
    Names names;
    for (std::sregex_iterator at{text.begin(), text.end(), expression}, end; at != end; ++at)
        names.insert((*at)[1]);
    return names;
}

TEST(testing_doc, the_table_of_capabilities_is_that_of_the_conformance_suite) {
    auto text = read_file("fluxmq/testing/include/fluxmq/testing/conformance.hpp");
    text = text.substr(text.find("enum class Capability {"));
    text = text.substr(0, text.find("};"));
    Names listed;
    for (const auto& row : table_of(read_file("docs/testing.md"), "capability"))
        listed.insert(code_in(row[0]).front());
    EXPECT_EQ(listed, found(text, R"((\w+),? +///<)"));
}

TEST(testing_doc, every_case_that_stands_for_one_of_watermill_exists) {
    std::string cases;
    for (const auto& file :
         std::filesystem::directory_iterator{project_root() / "fluxmq/testing/src/conformance"})
        cases += read_file(file.path());
    const auto names = found(cases, R"(TEST_P\(\w+, (\w+)\))");
    const auto table = table_of(read_file("docs/testing.md"), "Watermill");
    EXPECT_EQ(table.size(), 16u);
    for (const auto& row : table)
        for (const auto& name : code_in(row[1]))
            EXPECT_TRUE(names.contains(name)) << name;
}

TEST(architecture_doc, the_table_of_the_lifecycle_is_that_of_the_code) {
    std::map<std::string, std::vector<std::string>> wanted;
    const auto add = [&](NodeState state, bool was_created, const std::string& suffix) {
        auto& row = wanted["`" + std::string{to_string(state)} + "`" + suffix];
        for (const auto command :
             {NodeCommand::init, NodeCommand::start, NodeCommand::stop, NodeCommand::destroy})
            row.push_back(shown(transition(state, command, was_created)));
    };
    for (int state = 0; state <= static_cast<int>(NodeState::error); ++state)
        add(static_cast<NodeState>(state), true, "");
    add(NodeState::error, false, ", never created");

    std::map<std::string, std::vector<std::string>> written;
    for (const auto& cells : table_of(read_file("docs/architecture.md"), "state"))
        written.emplace(cells.at(0), std::vector(cells.begin() + 1, cells.end()));
    EXPECT_EQ(written, wanted);
}

// --- A service that runs, on the embedded bus -----------------------------------------------------------------

class RunningService : public ::testing::Test {
protected:
    fluxmq::testing::VirtualLoop loop;
    std::shared_ptr<fluxmq::InProcBus> bus =
        std::make_shared<fluxmq::InProcBus>(fluxmq::InProcOptions{.clock = loop.clock()});
    std::shared_ptr<fluxmq::InProc> peer = std::make_shared<fluxmq::InProc>(bus);

    // Runs `body` with a service and its node, both of them `demo`, and a peer on the same bus.
    void with_service(json::object settings, std::function<Task<>(Service&)> before,
                      std::function<Task<>(Service&)> body) {
        loop.run([&]() -> Task<> {
            co_await peer->connect();
            ServiceOptions options;
            options.clock = loop.clock();
            options.handle_signals = false;
            options.logger = std::make_shared<spdlog::logger>("silent");
            Service service{"demo", options};
            service.attach(std::make_shared<fluxmq::InProc>(bus));
            service.register_node<Node>("node");
            co_await before(service);
            co_await service.run();
            DataNode node;
            node.id = "demo";
            node.type = "node";
            node.settings = std::move(settings);
            const auto config = json::serialize(to_json(std::vector(1, node)));
            co_await service.apply_config(config);
            co_await body(service);
            service.shutdown();
            co_await service.wait();
        }());
    }

    static Task<> nothing(Service&) { co_return; }
};

TEST_F(RunningService, publishes_what_the_page_says_and_nothing_else) {
    const auto mailbox = fluxmq::Mailbox::create();
    const auto inlet = mailbox->add_inlet({});
    std::vector<Message> seen;
    fluxmq::Subscription everything;
    with_service(
        {}, [&](Service&) -> Task<> { everything = co_await peer->subscribe(">", inlet); },
        [&](Service& service) -> Task<> {
            peer->publish(service.topic().configuration("demo"), "[x", {}, "our.own");
            co_await loop.clock()->sleep_for(std::chrono::milliseconds{1});
            while (auto delivery = mailbox->pop_message())
                if (delivery->message.reply() != "our.own")
                    seen.push_back(delivery->message);
        });
    const Topic topic;
    std::map<std::string, std::string> published;
    for (const auto& message : seen)
        published.insert_or_assign(std::string{message.topic()}, std::string{message.text()});
    Names expected;
    for (const auto& [function, row] : topic_rows())
        if (row.use.find("publishes") != std::string::npos) {
            expected.insert(filled_in(row.topic, "demo"));
            EXPECT_THAT(row.direction, ::testing::AnyOf("out", "both")) << function;
        }
    EXPECT_EQ(keys(published), expected);
    EXPECT_EQ(published[topic.error("demo")] + '\n', sample("error").text());
    EXPECT_EQ(published[topic.configuration_request("demo")], "demo");
}

TEST_F(RunningService, handles_the_topics_that_the_page_says_and_no_others) {
    with_service({}, nothing, [&](Service&) -> Task<> {
        for (const auto& [function, row] : topic_rows()) {
            bool heard = true;
            try {
                const std::string name = filled_in(row.topic, "demo");
                co_await peer->request(name, "nobody", std::chrono::milliseconds{1});
            } catch (const Error& error) {
                heard = error.kind() != fluxmq::errc::no_responders;
            }
            EXPECT_EQ(heard, row.use.find("handles") != std::string::npos) << function;
            EXPECT_TRUE(!heard || row.direction == "in" || row.direction == "both") << function;
        }
    });
}

TEST_F(RunningService, merges_settings_as_the_page_says) {
    for (const auto& cells : table_of(page(), "settings")) {
        const auto before = json::parse(code_in(cells.at(0)).at(0)).as_object();
        with_service(before, nothing, [&](Service& service) -> Task<> {
            peer->publish(service.topic().node_settings("demo"), code_in(cells.at(1)).at(0));
            co_await loop.clock()->sleep_for(std::chrono::milliseconds{1});
            EXPECT_EQ(json::value(service.node("demo").settings()), json::parse(code_in(cells.at(2)).at(0)))
                << cells.at(1);
        });
    }
}

// A service that has what the samples of the page have.
TEST_F(RunningService, answers_discovery_as_the_page_says) {
    struct Detector : Node {
        using Node::Node;
        Task<> on_input(Message message) override {
            co_await clock().sleep_for(std::chrono::milliseconds{2});
            if (message.text().empty())
                throw std::runtime_error{"no picture"};
        }
    };
    loop.run([&]() -> Task<> {
        co_await peer->connect();
        ServiceOptions options;
        options.clock = loop.clock();
        options.handle_signals = false;
        options.auto_start = false;
        options.logger = std::make_shared<spdlog::logger>("silent");
        Service service{"demo", options};
        service.attach(std::make_shared<fluxmq::InProc>(bus));
        NodeOptions node;
        node.node.type = "detector";
        node.node.inputs = {{"frames", {"plant.*.frames"}}};
        service.append_node<Detector>("detector", node);
        co_await service.run();
        peer->publish("plant.camera-1.frames", "too early");
        co_await service.start_node("detector");
        for (const auto* picture : {"one", "two", ""})
            peer->publish("plant.camera-1.frames", picture);
        co_await loop.clock()->sleep_for(std::chrono::milliseconds{10});

        std::map<std::string, json::object> answers;
        for (const auto& cells : table_of(page(), "request")) {
            const auto subject = code_in(cells.at(0)).at(0);
            const auto answer = co_await peer->request(subject, "");
            answers[subject] = answer.json().as_object();
            EXPECT_EQ(answers[subject].at("type").as_string(), code_in(cells.at(1)).at(0));
        }
        EXPECT_EQ(answers.size(), 3u);
        auto info = json::parse(sample("info").text()).as_object();
        auto stats = json::parse(sample("stats").text()).as_object();
        for (auto* written : {&info, &stats}) // random
            written->at("id") = answers["$SRV.PING"].at("id");
        stats.at("started") = answers["$SRV.STATS"].at("started");
        EXPECT_EQ(answers["$SRV.INFO"], info);
        EXPECT_EQ(answers["$SRV.STATS"], stats);
        service.shutdown();
        co_await service.wait();
    }());
}

} // namespace
} // namespace fluxlib::test
