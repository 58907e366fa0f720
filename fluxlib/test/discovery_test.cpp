// SPDX-License-Identifier: MIT
// What tools of NATS's service protocol (ADR-32) learn of a service, on both brokers, and the statistics of nodes.
#include "support.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <atomic>
#include <map>
#include <regex>
#include <set>

namespace fluxlib::test {
namespace {

namespace json = boost::json;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

/// Does what a message says: "fail", "wait", anything else.
struct Worker : Recorder {
    using Recorder::Recorder;

protected:
    Task<> on_input(Message message) override {
        if (message.text() == "wait")
            co_await clock().sleep_for(2ms);
        co_await Recorder::on_input(message);
        if (message.text() == "fail")
            throw std::runtime_error{"told to fail"};
    }
};

NodeOptions with_input(std::string alias, std::vector<std::string> topics) {
    NodeOptions options;
    options.node.type = "worker";
    options.node.inputs = {{std::move(alias), std::move(topics)}};
    return options;
}

Task<json::object> ask(std::shared_ptr<fluxmq::Transport> peer, std::string subject) {
    const auto answer = co_await peer->request(std::move(subject), "", 10s);
    co_return answer.json().as_object();
}

/// Whether anybody listens to `subject`.
Task<bool> heard(std::shared_ptr<fluxmq::Transport> peer, std::string subject) {
    const auto failure = co_await error_of([](auto transport, auto name) -> Task<> {
        co_await transport->request(name, "", 10s);
    }(std::move(peer), std::move(subject)));
    co_return failure != errc::no_responders;
}

std::vector<std::string> names_of(const json::object& answer) {
    std::vector<std::string> names;
    for (const auto& endpoint : answer.at("endpoints").as_array())
        names.emplace_back(endpoint.at("name").as_string());
    return names;
}

json::object endpoint_of(const json::object& answer, std::string_view name) {
    for (const auto& endpoint : answer.at("endpoints").as_array())
        if (endpoint.at("name").as_string() == name)
            return endpoint.as_object();
    ADD_FAILURE() << name << " is not in " << json::serialize(answer);
    return {};
}

std::vector<std::string> keys_of(const json::object& object) {
    std::vector<std::string> keys;
    for (const auto& member : object)
        keys.emplace_back(member.key());
    return keys;
}

class DiscoveryOn : public ::testing::TestWithParam<Broker> {
protected:
    Mesh mesh{GetParam()};
    Log log;
    std::shared_ptr<fluxmq::Transport> peer;

    Worker& add_worker(Service& service, std::string id, NodeOptions options) {
        auto made = std::make_unique<Worker>(service, std::move(id), std::move(options), log);
        auto& worker = *made;
        service.append_node(std::move(made));
        return worker;
    }

    // Runs `body` with `service` after `prepare`, from run() to wait(), and a peer.
    void with(std::string id, ServiceOptions options, std::function<void(Service&)> prepare,
              std::function<Task<>(Service&)> body) {
        mesh.run([&]() -> Task<> {
            peer = co_await mesh.connect();
            Service service{std::move(id), std::move(options)};
            service.attach(mesh.transport());
            prepare(service);
            co_await service.run();
            co_await body(service);
            service.shutdown();
            co_await service.wait();
        }());
    }
};

INSTANTIATE_TEST_SUITE_P(, DiscoveryOn, ::testing::Values(Broker::inproc, Broker::nats),
                         ::testing::PrintToStringParamName());

TEST_P(DiscoveryOn, every_verb_is_answered_on_each_form_of_its_subject) {
    auto options = mesh.options();
    options.version = "1.2.3-rc.1+build.7";
    with(
        "svc", options, [](Service&) {},
        [&](Service&) -> Task<> {
            const auto first = co_await ask(peer, "$SRV.PING");
            const std::string id{first.at("id").as_string()};
            EXPECT_THAT(id, MatchesRegex("[0-9A-Za-z]{22}"));
            const std::map<std::string, std::vector<std::string>> fields{
                {"PING", {"type", "name", "id", "version", "metadata"}},
                {"INFO", {"type", "name", "id", "version", "metadata", "description", "endpoints"}},
                {"STATS", {"type", "name", "id", "version", "metadata", "started", "endpoints", "nodes"}}};
            const std::map<std::string, std::string> types{{"PING", "io.nats.micro.v1.ping_response"},
                                                           {"INFO", "io.nats.micro.v1.info_response"},
                                                           {"STATS", "io.nats.micro.v1.stats_response"}};
            const std::vector<std::string> forms{"", ".svc", ".svc." + id};
            for (const auto& [verb, type] : types)
                for (const auto& rest : forms) {
                    const auto answer = co_await ask(peer, "$SRV." + verb + rest);
                    EXPECT_EQ(keys_of(answer), fields.at(verb)) << verb << rest;
                    EXPECT_EQ(answer.at("type").as_string(), type);
                    EXPECT_EQ(answer.at("name").as_string(), "svc");
                    EXPECT_EQ(answer.at("id").as_string(), id);
                    EXPECT_EQ(answer.at("version").as_string(), "1.2.3-rc.1+build.7");
                    EXPECT_EQ(json::serialize(answer.at("metadata")), R"({"service":"svc"})");
                }
            EXPECT_FALSE(co_await heard(peer, "$SRV.PING.other"));
            EXPECT_FALSE(co_await heard(peer, "$SRV.PING.svc.other"));
            EXPECT_FALSE(co_await heard(peer, "$SRV.OTHER"));
        });
}

TEST_P(DiscoveryOn, info_has_an_endpoint_for_each_topic_of_each_input) {
    auto options = mesh.options();
    options.description = "Finds cars";
    with(
        "svc", options,
        [&](Service& service) {
            add_worker(service, "a", with_input("frames", {"plant/1/frames", "plant.*.frames"}));
            NodeOptions source;
            source.node.outputs = {{"out", {"elsewhere"}}};
            add_worker(service, "source", source);
        },
        [&](Service&) -> Task<> {
            const auto answer = co_await ask(peer, "$SRV.INFO.svc");
            EXPECT_EQ(answer.at("description").as_string(), "Finds cars");
            EXPECT_EQ(answer.at("endpoints"), json::parse(R"([
                {"name": "a-frames", "subject": "plant/1/frames", "queue_group": "",
                 "metadata": {"node": "a", "input": "frames", "type": "worker"}},
                {"name": "a-frames", "subject": "plant.*.frames", "queue_group": "",
                 "metadata": {"node": "a", "input": "frames", "type": "worker"}}])"));
        });
}

TEST_P(DiscoveryOn, stats_count_messages_errors_and_drops) {
    with(
        "svc", mesh.options(),
        [&](Service& service) {
            auto options = with_input("in", {"data"});
            options.node.outputs = {{"out", {"results"}}};
            options.node.inputs.push_back({"unused", {"nothing"}});
            add_worker(service, "a", options);
        },
        [&](Service& service) -> Task<> {
            for (const auto* text : {"one", "fail", "three"})
                peer->publish("data", text);
            co_await log.wait_for("a on_input in=three");
            service.node("a").output("out").publish("result");
            auto answer = co_await ask(peer, "$SRV.STATS");
            EXPECT_THAT(std::string{answer.at("started").as_string()},
                        MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"));
            auto endpoint = endpoint_of(answer, "a-in");
            EXPECT_THAT(keys_of(endpoint),
                        ElementsAre("name", "subject", "queue_group", "num_requests", "num_errors",
                                    "last_error", "processing_time", "average_processing_time", "data"));
            EXPECT_EQ(endpoint.at("subject").as_string(), "data");
            EXPECT_EQ(endpoint.at("queue_group").as_string(), "");
            EXPECT_EQ(endpoint.at("num_requests").as_int64(), 3);
            EXPECT_EQ(endpoint.at("num_errors").as_int64(), 1);
            EXPECT_EQ(endpoint.at("last_error").as_string(),
                      "hook failed: node 'a', on_input: told to fail (topic 'data')");
            EXPECT_EQ(endpoint.at("average_processing_time").as_int64(),
                      endpoint.at("processing_time").as_int64() / 3);
            EXPECT_EQ(endpoint.at("data"), json::parse(R"({"node": "a", "input": "in"})"));
            auto node = answer.at("nodes").at(0).as_object();
            EXPECT_GE(node["message_time"].as_int64(), 0);
            EXPECT_GE(node["control_time"].as_int64(), 0);
            node.erase("message_time");
            node.erase("control_time");
            EXPECT_EQ(node["last_error"].as_string(), endpoint.at("last_error").as_string());
            node.erase("last_error");
            EXPECT_EQ(json::value(node), json::parse(R"({"node": "a", "type": "worker", "status": "started",
                "delivered": 3, "published": 1, "pending": 0, "pending_bytes": 0, "dropped": {}, "errors": 1,
                "restarts": 0})"));
            endpoint = endpoint_of(answer, "a-unused");
            EXPECT_EQ(endpoint.at("num_requests").as_int64(), 0);
            EXPECT_EQ(endpoint.at("num_errors").as_int64(), 0);
            EXPECT_EQ(endpoint.at("last_error").as_string(), "");
            EXPECT_EQ(endpoint.at("processing_time").as_int64(), 0);
            EXPECT_EQ(endpoint.at("average_processing_time").as_int64(), 0);

            co_await service.stop_node("a");
            service.node("a").set_status("parked");
            peer->publish("data", "too late");
            co_await peer->flush();
            answer = co_await ask(peer, "$SRV.STATS");
            node = answer.at("nodes").at(0).as_object();
            EXPECT_EQ(node.at("status").as_string(), "parked");
            EXPECT_EQ(json::serialize(node.at("dropped")), R"({"not_started":1})");
        });
}

TEST_P(DiscoveryOn, stats_count_a_message_once_where_an_input_has_several_topics) {
    with(
        "svc", mesh.options(),
        [&](Service& service) { add_worker(service, "a", with_input("in", {"x", "y/z", "w.*"})); },
        [&](Service&) -> Task<> {
            for (const auto* topic : {"x", "y/z", "y.z", "w.1"})
                peer->publish(topic, topic);
            peer->publish("x", "last");
            co_await log.wait_for("a on_input in=last");
            const auto answer = co_await ask(peer, "$SRV.STATS");
            std::int64_t sum = 0;
            for (const auto& endpoint : answer.at("endpoints").as_array())
                sum += endpoint.at("num_requests").as_int64();
            EXPECT_EQ(sum, 5);
            EXPECT_THAT(names_of(answer), ElementsAre("a-in"));
            EXPECT_EQ(endpoint_of(answer, "a-in").at("subject").as_string(), "x");
            EXPECT_EQ(endpoint_of(answer, "a-in").at("num_requests").as_int64(), 5);
            const auto info = co_await ask(peer, "$SRV.INFO");
            EXPECT_THAT(names_of(info), ElementsAre("a-in", "a-in", "a-in"));
        });
}

TEST_P(DiscoveryOn, handlers_of_the_service_are_endpoints_and_queues_are_not) {
    with(
        "svc", mesh.options(),
        [&](Service& service) { add_worker(service, "a", with_input("in", {"data"})); },
        [&](Service& service) -> Task<> {
            co_await service.subscribe_handler("weather.today", [&](const Message& question) {
                if (question.text() == "Atlantis")
                    throw std::runtime_error{"no such place"};
                service.respond(question, "sunny");
            });
            const auto queue = co_await service.subscribe("other");
            const auto info = co_await ask(peer, "$SRV.INFO");
            EXPECT_EQ(info.at("endpoints"), json::parse(R"([
                {"name": "a-in", "subject": "data", "queue_group": "",
                 "metadata": {"node": "a", "input": "in", "type": "worker"}},
                {"name": "weather_today", "subject": "weather.today", "queue_group": "", "metadata": {}}])"));
            peer->publish("weather.today", "Atlantis");
            for (const auto* place : {"Paris", "Berlin"})
                co_await peer->request("weather.today", place, 10s);
            auto answer = co_await ask(peer, "$SRV.STATS");
            EXPECT_THAT(names_of(answer), ElementsAre("a-in", "weather_today"));
            auto endpoint = endpoint_of(answer, "weather_today");
            EXPECT_THAT(keys_of(endpoint),
                        ElementsAre("name", "subject", "queue_group", "num_requests", "num_errors",
                                    "last_error", "processing_time", "average_processing_time", "data"));
            EXPECT_EQ(endpoint.at("subject").as_string(), "weather.today");
            EXPECT_EQ(endpoint.at("num_requests").as_int64(), 3);
            EXPECT_EQ(endpoint.at("num_errors").as_int64(), 1);
            EXPECT_EQ(endpoint.at("last_error").as_string(),
                      "service 'svc', handler: no such place (topic 'weather.today')");
            service.unsubscribe("weather.today");
            answer = co_await ask(peer, "$SRV.STATS");
            EXPECT_THAT(names_of(answer), ElementsAre("a-in"));
        });
}

TEST_P(DiscoveryOn, each_instance_of_a_name_answers_for_itself) {
    with(
        "svc", mesh.options(), [](Service&) {},
        [&](Service&) -> Task<> {
            Service second{"svc", mesh.options()};
            second.attach(mesh.transport());
            co_await second.run();
            const auto mailbox = fluxmq::Mailbox::create();
            const auto answers = co_await peer->subscribe("answers", mailbox->add_inlet({}));
            peer->publish("$SRV.PING.svc", "", {}, "answers");
            std::set<std::string> ids;
            while (ids.size() < 2) {
                EXPECT_TRUE(co_await mailbox->wait());
                const auto body = mailbox->pop_message()->message.json();
                EXPECT_TRUE(ids.emplace(body.at("id").as_string()).second);
            }
            for (const auto& id : ids) {
                const auto answer = co_await ask(peer, "$SRV.STATS.svc." + id);
                EXPECT_EQ(answer.at("id").as_string(), id);
            }
            second.shutdown();
            co_await second.wait();
        });
}

TEST_P(DiscoveryOn, a_request_without_a_reply_topic_is_passed_over) {
    with(
        "svc", mesh.options(), [](Service&) {},
        [&](Service& service) -> Task<> {
            peer->publish("$SRV.STATS", "");
            co_await peer->flush();
            const auto before = service.transport().counters().published;
            co_await ask(peer, "$SRV.PING");
            EXPECT_EQ(service.transport().counters().published, before + 1);
        });
}

TEST_P(DiscoveryOn, nobody_answers_after_the_end_or_when_it_is_switched_off) {
    auto options = mesh.options();
    options.discovery = false;
    options.version = "not looked at";
    with(
        "svc", options, [](Service&) {},
        [&](Service&) -> Task<> { EXPECT_FALSE(co_await heard(peer, "$SRV.PING")); });
    mesh.run([&]() -> Task<> {
        peer = co_await mesh.connect();
        Service service{"svc", mesh.options()};
        service.attach(mesh.transport());
        EXPECT_FALSE(co_await heard(peer, "$SRV.PING"));
        co_await service.run();
        EXPECT_TRUE(co_await heard(peer, "$SRV.PING"));
        service.shutdown();
        co_await service.wait();
        EXPECT_FALSE(co_await heard(peer, "$SRV.PING"));
    }());
}

TEST_P(DiscoveryOn, names_are_made_to_fit) {
    with(
        "plant.1/café", mesh.options(),
        [&](Service& service) { add_worker(service, "a.b", with_input("über 1", {"data"})); },
        [&](Service&) -> Task<> {
            const auto answer = co_await ask(peer, "$SRV.INFO.plant_1_caf_");
            EXPECT_EQ(answer.at("name").as_string(), "plant_1_caf_");
            EXPECT_EQ(answer.at("metadata").at("service").as_string(), "plant.1/café");
            EXPECT_THAT(names_of(answer), ElementsAre("a_b-_ber_1"));
            const auto metadata = endpoint_of(answer, "a_b-_ber_1").at("metadata");
            EXPECT_EQ(metadata.at("node").as_string(), "a.b");
            EXPECT_EQ(metadata.at("input").as_string(), "über 1");
        });
}

TEST_P(DiscoveryOn, nodes_come_and_go_with_configs) {
    struct Plain : Node {
        using Node::Node;
    };
    with(
        "svc", mesh.options(), [](Service& service) { service.register_node<Plain>("plain"); },
        [&](Service& service) -> Task<> {
            auto answer = co_await ask(peer, "$SRV.STATS");
            EXPECT_THAT(names_of(answer), IsEmpty());
            co_await service.apply_config(
                R"([{"id": "a", "type": "plain", "inputs": [{"alias": "in", "topics": ["x"]}]},
                    {"id": "b", "type": "plain", "inputs": [{"alias": "in", "topics": ["x"]}]}])");
            answer = co_await ask(peer, "$SRV.STATS");
            EXPECT_THAT(names_of(answer), ElementsAre("a-in", "b-in"));
            co_await service.apply_config(
                R"([{"id": "b", "type": "plain", "inputs": [{"alias": "in", "topics": ["x"]}]}])");
            answer = co_await ask(peer, "$SRV.STATS");
            EXPECT_THAT(names_of(answer), ElementsAre("b-in"));
            answer = co_await ask(peer, "$SRV.INFO");
            EXPECT_THAT(names_of(answer), ElementsAre("b-in"));
        });
}

// --- In virtual time, on the embedded bus ---------------------------------------------------------------------

class Discovered : public DiscoveryOn {};
INSTANTIATE_TEST_SUITE_P(, Discovered, ::testing::Values(Broker::inproc),
                         ::testing::PrintToStringParamName());

TEST_P(Discovered, the_time_of_a_node_is_shared_out_by_the_messages_of_its_inputs) {
    with(
        "svc", mesh.options(),
        [&](Service& service) {
            auto options = with_input("often", {"often"});
            options.node.inputs.push_back({"seldom", {"seldom"}});
            add_worker(service, "a", options);
        },
        [&](Service& service) -> Task<> {
            for (const auto* topic : {"often", "seldom", "often", "often"})
                peer->publish(topic, "wait");
            co_await log.wait_for_count(2 + 4); // on_create, on_start
            const auto statistics = service.node("a").statistics();
            EXPECT_EQ(statistics.message_time, 8ms);
            EXPECT_EQ(statistics.control_time, 0ms);
            EXPECT_EQ(statistics.inputs.delivered, 4u);
            const auto answer = co_await ask(peer, "$SRV.STATS");
            auto endpoint = endpoint_of(answer, "a-often");
            EXPECT_EQ(endpoint.at("processing_time").as_int64(), 6'000'000);
            EXPECT_EQ(endpoint.at("average_processing_time").as_int64(), 2'000'000);
            endpoint = endpoint_of(answer, "a-seldom");
            EXPECT_EQ(endpoint.at("processing_time").as_int64(), 2'000'000);
            EXPECT_EQ(endpoint.at("average_processing_time").as_int64(), 2'000'000);
        });
}

TEST_P(Discovered, the_time_of_a_handler_is_that_of_its_messages) {
    with(
        "svc", mesh.options(), [](Service&) {},
        [&](Service& service) -> Task<> {
            co_await service.subscribe_handler("slow", [&](const Message& message) -> Task<> {
                co_await mesh.sleep(2ms);
                if (!message.reply().empty())
                    service.respond(message, "done");
            });
            co_await mesh.sleep(5ms); // nothing to do
            peer->publish("slow", "");
            co_await peer->request("slow", "", 10s);
            const auto answer = co_await ask(peer, "$SRV.STATS");
            const auto endpoint = endpoint_of(answer, "slow");
            EXPECT_EQ(endpoint.at("processing_time").as_int64(), 4'000'000);
            EXPECT_EQ(endpoint.at("average_processing_time").as_int64(), 2'000'000);
        });
}

TEST_P(Discovered, ticks_and_commands_are_no_time_with_messages) {
    struct Slow : Node {
        using Node::Node;
        fluxmq::Wakeup ticked;
        Task<> on_start() override { return clock().sleep_for(5ms); }
        Task<> on_tick(const Tick&) override {
            co_await clock().sleep_for(1ms);
            ticked.notify();
        }
    };
    Slow* node = nullptr;
    with(
        "svc", mesh.options(),
        [&](Service& service) {
            NodeOptions options;
            options.timer = DataTimer{TimerType::local, 10ms};
            node = &service.append_node<Slow>("a", options);
        },
        [&](Service&) -> Task<> {
            EXPECT_EQ(node->statistics().control_time, 5ms);
            co_await node->ticked.wait();
            co_await node->ticked.wait();
            EXPECT_EQ(node->statistics().control_time, 7ms);
            EXPECT_EQ(node->statistics().message_time, 0ms);
        });
}

TEST_P(Discovered, an_error_counts_for_the_node_and_for_the_input_that_it_came_from) {
    auto once = mesh.options();
    once.auto_start = false; // a start would create it again
    with(
        "svc", once,
        [&](Service& service) {
            auto options = with_input("in", {"data"});
            options.node.inputs.push_back({"handled", {"other"}});
            auto& worker = add_worker(service, "a", options);
            worker.throws_in = "on_create";
        },
        [&](Service& service) -> Task<> {
            auto& worker = static_cast<Worker&>(service.node("a"));
            EXPECT_EQ(worker.statistics().errors, 1u);
            EXPECT_THAT(worker.statistics().last_error, HasSubstr("on_create"));
            auto answer = co_await ask(peer, "$SRV.STATS");
            EXPECT_EQ(endpoint_of(answer, "a-in").at("num_errors").as_int64(), 0);
            worker.throws_in.clear();
            co_await service.start_node("a");
            co_await worker.input("handled").subscribe(
                [](const Message&) { throw std::runtime_error{"from a handler"}; });
            peer->publish("data", "fail");
            peer->publish("other", "fail"); // the handler throws, and on_input does
            co_await log.wait_for("a on_input handled=fail");
            answer = co_await ask(peer, "$SRV.STATS");
            EXPECT_EQ(endpoint_of(answer, "a-in").at("num_errors").as_int64(), 1);
            EXPECT_EQ(endpoint_of(answer, "a-handled").at("num_errors").as_int64(), 2);
            EXPECT_EQ(worker.statistics().errors, 4u);
        });
}

TEST_P(Discovered, an_error_of_any_bytes_gives_json_that_strict_readers_take) {
    struct Throwing : Node {
        using Node::Node;
        fluxmq::Wakeup failed;
        Task<> on_input(Message message) override {
            failed.notify();
            throw std::runtime_error{std::string{message.text()}};
        }
    };
    Throwing* node = nullptr;
    with(
        "svc", mesh.options(),
        [&](Service& service) { node = &service.append_node<Throwing>("a", with_input("in", {"data"})); },
        [&](Service&) -> Task<> {
            // Half a character, what is no character, a longer spelling, half a pair, and one that is well.
            peer->publish("data",
                          "\xD0 \xFF\xC0\x80 \xE0\x80\x80 \xED\xA0\x80 \xF4\x90\x80\x80 \xF0\x9F\x98\x80");
            co_await node->failed.wait();
            auto answer = co_await ask(peer, "$SRV.STATS"); // throws when it is not valid
            EXPECT_EQ(endpoint_of(answer, "a-in").at("last_error").as_string(),
                      "hook failed: node 'a', on_input: ? ??? ??? ??? ???? \xF0\x9F\x98\x80 (topic 'data')");
            peer->publish("data", std::string(10'000, 'x'));
            co_await node->failed.wait();
            answer = co_await ask(peer, "$SRV.STATS");
            EXPECT_THAT(endpoint_of(answer, "a-in").at("last_error").as_string(), SizeIs(500));
        });
}

TEST_P(Discovered, it_answers_while_a_hook_of_the_service_waits) {
    struct Waiting : Service {
        using Service::Service;
        fluxmq::Wakeup entered;
        fluxmq::Wakeup go_on;
        Task<> on_settings(const Message&) override {
            entered.notify();
            co_await go_on.wait();
        }
    };
    mesh.run([&]() -> Task<> {
        peer = co_await mesh.connect();
        Waiting service{"svc", mesh.options()};
        service.attach(mesh.transport());
        co_await service.run();
        peer->publish("service.svc.set_settings", "{}");
        co_await service.entered.wait();
        const auto answer = co_await ask(peer, "$SRV.PING");
        EXPECT_EQ(answer.at("name").as_string(), "svc");
        service.go_on.notify();
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(Discovered, requests_beyond_the_bound_are_dropped_and_it_goes_on) {
    with(
        "svc", mesh.options(), [](Service&) {},
        [&](Service& service) -> Task<> {
            const auto mailbox = fluxmq::Mailbox::create();
            const auto answers = co_await peer->subscribe("answers", mailbox->add_inlet({}));
            const auto before = service.transport().counters().published;
            for (int i = 0; i < 1000; ++i) // before the service has its turn
                peer->publish("$SRV.PING", "", {}, "answers");
            co_await ask(peer, "$SRV.INFO"); // has a bound of its own
            for (int i = 0; i < 64; ++i) {
                EXPECT_TRUE(co_await mailbox->wait());
                mailbox->pop_message();
            }
            co_await ask(peer, "$SRV.PING");
            EXPECT_EQ(service.transport().counters().published, before + 64 + 2);
        });
}

TEST_P(Discovered, an_answer_that_is_too_long_leaves_endpoints_out) {
    fluxmq::testing::VirtualLoop loop;
    const auto bus = std::make_shared<fluxmq::InProcBus>(
        fluxmq::InProcOptions{.max_payload = 4000, .clock = loop.clock()});
    loop.run([&]() -> Task<> {
        peer = std::make_shared<fluxmq::InProc>(bus);
        co_await peer->connect();
        ServiceOptions options;
        options.clock = loop.clock();
        options.handle_signals = false;
        Service service{"svc", options};
        service.attach(std::make_shared<fluxmq::InProc>(bus));
        NodeOptions inputs;
        for (int i = 0; i < 100; ++i) {
            const auto number = std::to_string(i);
            inputs.node.inputs.push_back({"in" + number, {"topic." + number}});
        }
        add_worker(service, "a", inputs);
        co_await service.run();
        for (const std::string verb : {"INFO", "STATS"}) {
            const auto answer = co_await ask(peer, "$SRV." + verb);
            const auto left = names_of(answer).size();
            EXPECT_GT(left, 5u) << verb;
            EXPECT_LT(left, 100u) << verb;
        }
        service.shutdown();
        co_await service.wait();
    }());
}

TEST(Discovery, the_version_is_a_semantic_one) {
    for (const std::string good : {"0.0.0", "10.20.30", "1.0.0-alpha", "1.0.0-0.x-y.7+build.001"}) {
        ServiceOptions options;
        options.version = good;
        EXPECT_NO_THROW((Service{"svc", options})) << good;
    }
    for (const std::string bad :
         {"", "1", "1.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "1.0.0 "}) {
        ServiceOptions options;
        options.version = bad;
        EXPECT_EQ(message_of([&] { Service service{"svc", options}; }),
                  "invalid config: service 'svc': ServiceOptions::version is '" + bad +
                      "', and must be a semantic version such as 1.0.0");
    }
}

TEST(Discovery, a_broker_that_does_not_permit_it_keeps_no_service_from_running) {
    const fluxmq::testing::NatsServer server{{.config = R"(
        authorization { users: [ { user: u, password: p, permissions: { subscribe: { deny: "$SRV.>" } } } ] })"}};
    const auto app = [&]() -> Task<> {
        ServiceOptions options;
        options.handle_signals = false;
        Service service{"svc", options};
        service.attach(std::make_shared<fluxmq::Nats>(fluxmq::NatsOptions{.servers = {server.url("u:p")}}));
        co_await service.run();
        EXPECT_EQ(service.current_status(), "READY");
        service.shutdown();
        co_await service.wait();
    };
    EXPECT_EQ(fluxlib::run(app()), 0);
}

// Statistics are read on the service's loop while nodes work on theirs.
TEST(Discovery, nodes_on_several_loops_are_read_while_they_work) {
    constexpr int loops = 3;
    constexpr int messages = 3000;
    struct Counting : Node {
        using Node::Node;
        Task<> on_input(Message message) override {
            if (message.text() == "0")
                throw std::runtime_error{"zero"};
            set_status(std::string{message.text()});
            co_return;
        }
    };
    const auto bus = std::make_shared<fluxmq::InProcBus>();
    const auto app = [&]() -> Task<> {
        const std::shared_ptr<fluxmq::Transport> peer = std::make_shared<fluxmq::InProc>(bus);
        co_await peer->connect();
        ServiceOptions options;
        options.threads = loops;
        options.handle_signals = false;
        options.logger = std::make_shared<spdlog::logger>("quiet");
        Service service{"svc", options};
        service.attach(std::make_shared<fluxmq::InProc>(bus));
        for (int i = 0; i < loops; ++i)
            service.append_node<Counting>("n" + std::to_string(i), with_input("in", {"data"}));
        co_await service.run();
        for (int i = 0; i < messages; ++i)
            peer->publish("data", std::to_string(i % 100));
        for (std::int64_t handled = 0; handled < std::int64_t{loops} * messages;) {
            const auto answer = co_await ask(peer, "$SRV.STATS");
            handled = 0;
            for (const auto& endpoint : answer.at("endpoints").as_array()) {
                handled += endpoint.at("num_requests").as_int64();
                EXPECT_LE(endpoint.at("num_errors").as_int64(), messages / 100);
            }
        }
        service.shutdown();
        co_await service.wait();
        for (int i = 0; i < loops; ++i) { // they stay, destroyed
            const auto statistics = service.node("n" + std::to_string(i)).statistics();
            EXPECT_EQ(statistics.errors, std::uint64_t{messages / 100});
            EXPECT_GT(statistics.message_time.count(), 0);
        }
    };
    EXPECT_EQ(fluxlib::run(app()), 0);
}

} // namespace
} // namespace fluxlib::test
