// SPDX-License-Identifier: MIT
// The program itself, as a shell would call it, against a server of its own.
#include <fluxmq/testing/nats_server.hpp>

#include "program.hpp"
#include "system.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

namespace fluxctl::test {
namespace {

namespace json = boost::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A server, and the program on it.
class Commands : public ::testing::Test {
protected:
    Result run(const std::string& arguments) const { return fluxctl("--server " + url() + " " + arguments); }
    std::string url() const { return server_.url(); }

    fluxmq::testing::NatsServer server_;
};

// One JSON value a line, and nothing else.
std::vector<json::object> values(const std::string& output) {
    std::vector<json::object> all;
    std::istringstream in{output};
    for (std::string line; std::getline(in, line);)
        all.push_back(json::parse(line).as_object());
    return all;
}

// Publishes again and again, as long as it lives.
class Talker {
public:
    Talker(const std::string& url, std::string topic, std::string payload, fluxmq::Headers headers = {})
        : peer_{url, {}}, thread_{[=, this](const std::stop_token& stop) {
              while (!stop.stop_requested()) {
                  peer_.transport().publish(topic, payload, headers);
                  std::this_thread::sleep_for(std::chrono::milliseconds{1}); // paces it, nobody waits for it
              }
          }} {}

private:
    Peer peer_;
    std::jthread thread_;
};

TEST(Fluxctl, help_names_the_commands) {
    const auto help = fluxctl("--help");
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.output, HasSubstr("pub"));
}

TEST(Fluxctl, an_unknown_command_is_a_usage_error_that_suggests_the_nearest) {
    const auto near = fluxctl("reqest a b");
    EXPECT_EQ(near.code, 2) << near.output;
    EXPECT_THAT(near.output, AllOf(HasSubstr("'reqest'"), HasSubstr("did you mean 'request'?")));
    const auto far = fluxctl("fly");
    EXPECT_EQ(far.code, 2) << far.output;
    EXPECT_THAT(far.output, AllOf(HasSubstr("'fly'"), HasSubstr("--help")));
}

TEST(Fluxctl, what_is_wrong_with_arguments_is_a_usage_error_that_names_them) {
    for (const auto* arguments :
         {"pub a b -H nocolon", "set camera nocolon", "request a b --timeout nocolon", "ls --nocolon",
          "completion nocolon", "set camera nocolon.=1", "--server 'x://nocolon' pub a b"}) {
        const auto wrong = fluxctl(arguments);
        EXPECT_EQ(wrong.code, 2) << arguments << ": " << wrong.output;
        EXPECT_THAT(wrong.output, HasSubstr("nocolon")) << arguments;
    }
}

TEST(Fluxctl, what_is_not_expected_is_named_in_its_order_with_a_suggestion) {
    const auto wrong = fluxctl("pub a b --conut 1");
    EXPECT_EQ(wrong.code, 2);
    EXPECT_THAT(wrong.output, AllOf(HasSubstr("not expected: --conut 1; did you mean '--count'?\n"),
                                    HasSubstr("fluxctl pub --help")));
    EXPECT_THAT(fluxctl("pub a b c d").output, HasSubstr("not expected: c d\n"));
}

TEST(Fluxctl, numbers_say_what_they_can_be) {
    for (const auto* arguments :
         {"pub a b -n 0", "sub a -n 0", "sub a -n x", "hz a -n 1.5", "bench --messages 0"}) {
        const auto wrong = fluxctl(arguments);
        EXPECT_EQ(wrong.code, 2) << arguments;
        EXPECT_THAT(wrong.output, HasSubstr("must be a whole number of at least 1, and is '")) << arguments;
    }
    EXPECT_THAT(fluxctl("bench --size -1").output, HasSubstr("at least 0"));
    EXPECT_THAT(fluxctl("bench --help").output, HasSubstr("100000"));
    EXPECT_THAT(fluxctl("run --help").output, AllOf(HasSubstr("--for DURATION "), Not(HasSubstr("0ns"))));
}

TEST(Fluxctl, without_a_broker_every_command_says_so) {
    for (const auto* command : {"pub a b", "sub a", "request a b", "hz a", "ls", "info x", "top", "status",
                                "start x", "stop x", "restart x", "set x a=1", "bench"}) {
        const auto lost = fluxctl(std::string{"--server nats://127.0.0.1:1 "} + command);
        EXPECT_EQ(lost.code, 3) << command << ": " << lost.output;
        EXPECT_THAT(lost.output, HasSubstr("127.0.0.1:1")) << command;
    }
}

TEST(Fluxctl, without_a_broker_nobody_has_to_type_a_payload) {
    const auto input =
        (std::filesystem::temp_directory_path() / ("fluxctl_input_" + std::to_string(getpid()))).string();
    for (const auto* command : {"pub a", "request a"}) {
        // Open for writing as well, it has no end.
        const auto lost = shell("mkfifo " + input + "; timeout 20 " + FLUXCTL + " -s nats://127.0.0.1:1 " +
                                command + " 0<>" + input + "; code=$?; rm " + input + "; exit $code");
        EXPECT_EQ(lost.code, 3) << command << ": " << lost.output;
    }
}

TEST_F(Commands, a_server_that_lets_nobody_in_is_as_good_as_none) {
    const auto plain = fluxctl("--server tls://" + server_.address() + " ls");
    EXPECT_EQ(plain.code, 3) << plain.output;
    EXPECT_THAT(plain.output, HasSubstr("does not offer TLS"));
    const fluxmq::testing::NatsServer closed{{.arguments = {"--user", "me", "--pass", "secret"}}};
    EXPECT_EQ(fluxctl("--server " + closed.url() + " ls").code, 3);
}

TEST_F(Commands, a_topic_that_cannot_be_one_is_a_usage_error) {
    const auto wrong = run("pub 'a b' x");
    EXPECT_EQ(wrong.code, 2) << wrong.output;
    EXPECT_THAT(wrong.output, HasSubstr("'a b'"));
}

TEST_F(Commands, a_server_that_says_nothing_is_an_error_too) {
    server_.freeze();
    EXPECT_EQ(run("ls").code, 3);
    server_.thaw();
}

TEST_F(Commands, sub_prints_topic_headers_and_payload) {
    const Talker talker{url(), "a.b", R"({"k":[1]})", {{"trace", "7"}}};
    const auto plain = run("sub 'a.*' -n 2");
    EXPECT_EQ(plain.code, 0);
    EXPECT_THAT(plain.output, HasSubstr("a.b  9 B\n  trace: 7\n{\"k\":[1]}\n"));
    EXPECT_THAT(plain.output, Not(HasSubstr("\x1b"))); // no colour: it is no terminal
    EXPECT_THAT(run("sub other 'a.>' -n 1 --pretty").output, HasSubstr("{\n  \"k\": [\n    1\n  ]\n}"));
    const auto lines = values(run("sub a.b -n 2 --json").output);
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(json::serialize(lines[0]),
              R"({"topic":"a.b","size":9,"headers":{"trace":["7"]},"json":{"k":[1]}})");
}

TEST_F(Commands, rates_and_gaps_of_a_topic) {
    const Talker talker{url(), "a", "12345"};
    EXPECT_THAT(run("sub a --rate -n 20").output, AllOf(HasSubstr("/s  "), HasSubstr("mean size 5 B")));
    const auto rate = values(run("sub a --rate -n 20 --json").output).at(0);
    EXPECT_EQ(rate.at("mean_size"), 5.0);
    EXPECT_GT(rate.at("messages_per_s").as_double(), 0);
    EXPECT_THAT(run("hz a -n 20").output, AllOf(HasSubstr("rate "), HasSubstr("stddev")));
    double messages = 0;
    for (const auto& line : values(run("hz a -n 20 --json").output))
        messages += line.at("messages").to_number<double>();
    EXPECT_EQ(messages, 20);
}

TEST_F(Commands, a_lost_connection_ends_it) {
    auto reading = std::async(std::launch::async, [&] { return run("sub a"); });
    while (run("request a x --timeout 100ms").output.find("no responders") != std::string::npos) {
    }
    server_.kill9();
    const auto lost = reading.get();
    EXPECT_EQ(lost.code, 3) << lost.output;
    EXPECT_THAT(lost.output, HasSubstr("disconnected"));
}

TEST_F(Commands, request_prints_the_answer) {
    const Peer peer{url(), {{"echo", [](auto& transport, const auto& message) {
                                 transport.respond(message, "+ACK"); // as Go services do first
                                 transport.respond(message, message.payload());
                             }}}};
    const auto answer = run("request echo hello --timeout 30s");
    EXPECT_EQ(answer.code, 0);
    EXPECT_EQ(answer.output, "hello\n");
    const auto line = values(run("request echo -H a:b '[1]' --json").output).at(0);
    EXPECT_EQ(line.at("json"), json::parse("[1]"));
    EXPECT_EQ(line.at("headers"), json::parse(R"({"a": ["b"]})"));
    EXPECT_EQ(shell("echo hi | " + std::string{FLUXCTL} + " -s " + url() + " request echo").code, 0);
    EXPECT_EQ(run("request nobody x").code, 4);
}

TEST_F(Commands, pub_sends_what_standard_input_has) {
    std::promise<std::string> heard;
    const Peer peer{
        url(), {{"a", [&](auto&, const auto& message) { heard.set_value(std::string{message.text()}); }}}};
    const auto sent = shell("printf hello | " + std::string{FLUXCTL} + " -s " + url() + " pub a -");
    EXPECT_EQ(sent.code, 0) << sent.output;
    EXPECT_EQ(heard.get_future().get(), "hello");
}

TEST_F(Commands, pub_sends_an_empty_payload_that_stands_there) {
    std::promise<std::string> heard;
    const Peer peer{
        url(), {{"a", [&](auto&, const auto& message) { heard.set_value(std::string{message.text()}); }}}};
    const auto sent = shell("printf hello | " + std::string{FLUXCTL} + " -s " + url() + " pub a ''");
    EXPECT_EQ(sent.code, 0) << sent.output;
    EXPECT_EQ(heard.get_future().get(), "");
}

// A stock service, of anyone, after ADR-32.
const std::map<std::string, Peer::Answer>& stock() {
    static const std::string ping = R"({"type":"io.nats.micro.v1.ping_response","name":"stock","id":"S1",
        "version":"1.2.3","metadata":{}})";
    static const std::string info = R"({"type":"io.nats.micro.v1.info_response","name":"stock","id":"S1",
        "version":"1.2.3","metadata":{"site":"north"},"description":"Adds numbers","endpoints":[
        {"name":"add","subject":"math.add","queue_group":"q","metadata":{"unit":"m"}}]})";
    static const std::map<std::string, Peer::Answer> answers{
        {"$SRV.PING", Peer::says(ping)},
        {"$SRV.INFO", Peer::says(info)},
        {"$SRV.INFO.stock", Peer::says(info)},
        {"$SRV.STATS", [requests = std::make_shared<int>(40)](auto& transport, const auto& message) {
             *requests += 2;
             transport.respond(message, "no JSON, so not an answer");
             transport.respond(
                 message,
                 R"({"type":"io.nats.micro.v1.stats_response","name":"stock","id":"S1","endpoints":[
                 {"name":"add","subject":"math.add","num_requests":)" +
                     std::to_string(*requests) +
                     R"(,"num_errors":3,"processing_time":105000,"average_processing_time":2500}]})");
             transport.respond(
                 message, R"({"name":"flux","id":"F1","endpoints":[{"name":"camera-in","num_requests":1}],
                 "nodes":[{"node":"camera","status":"started","delivered":0,"published":12,"errors":1,
                 "message_time":0,"pending":7,"dropped":{"oldest":5,"closed":3},"restarts":9}]})");
         }}};
    return answers;
}

TEST_F(Commands, ls_lists_what_answers) {
    EXPECT_EQ(run("ls").code, 4);
    const Peer peer{url(), stock()};
    const auto list = run("ls");
    EXPECT_EQ(list.code, 0);
    EXPECT_THAT(list.output, HasSubstr("NAME   ID  VERSION  DESCRIPTION   ENDPOINTS\n"
                                       "stock  S1  1.2.3    Adds numbers  add\n"));
    EXPECT_EQ(values(run("ls --json").output).at(0).at("description"), "Adds numbers");
}

TEST_F(Commands, info_shows_endpoints_and_metadata) {
    const Peer peer{url(), stock()};
    const auto info = run("info stock");
    EXPECT_EQ(info.code, 0);
    EXPECT_THAT(info.output, AllOf(HasSubstr("stock  1.2.3  S1\n  Adds numbers\n  site: north\n"),
                                   HasSubstr("endpoint add  on math.add  in queue group q\n    unit: m\n")));
    EXPECT_EQ(values(run("info stock --json").output).at(0).at("id"), "S1");
    const auto unknown = run("info ghost");
    EXPECT_EQ(unknown.code, 4);
    EXPECT_THAT(unknown.output, HasSubstr("'ghost'"));
}

TEST_F(Commands, info_takes_the_id_that_topics_have) {
    const Peer peer{url(),
                    {{"$SRV.INFO.plant_1",
                      Peer::says(R"({"name":"plant_1","id":"P","metadata":{"service":"plant.1"}})")}}};
    EXPECT_THAT(run("info plant.1").output, HasSubstr("service: plant.1"));
}

TEST_F(Commands, nobody_on_the_network_steers_the_terminal) {
    const auto evil = [](const std::string& more) {
        return Peer::says(R"({"name":"evil","id":"\u001b[2J","metadata":{"a":"b\r"})" + more + "}");
    };
    const auto info =
        evil(R"(,"description":"\u009b2J","endpoints":[{"name":"e\u001b","subject":"\u0007"}])");
    const Peer peer{url(),
                    {{"$SRV.PING", evil("")},
                     {"$SRV.INFO", info},
                     {"$SRV.INFO.evil", info},
                     {"$SRV.STATS", evil(R"(,"nodes":[{"node":"\u001b[2J","status":"\r"}])")},
                     {"service.evil.request_status", Peer::says("\x1b[2J")},
                     {"service.evil.start", [](auto& transport, const auto& message) {
                          transport.publish("service.evil.error", "\x1b[2J");
                          transport.publish("node.n.status", "\x1b[2J");
                          transport.respond(message, "+ACK");
                      }}}};
    for (const auto* command : {"ls", "info evil", "top --once", "status evil", "start evil"}) {
        const auto shown = run(command).output;
        EXPECT_THAT(shown, HasSubstr("evil")) << command;
        for (const auto* control : {"\x1b", "\r", "\a", "\xc2\x9b"})
            EXPECT_THAT(shown, Not(HasSubstr(control))) << command;
    }
    EXPECT_EQ(values(run("ls --json").output).at(0).at("id"), "\x1b[2J");
}

TEST_F(Commands, top_shows_requests_and_what_flux_services_add) {
    EXPECT_EQ(run("top --once").code, 4);
    const Peer peer{url(), stock()};
    const auto table = run("top --once");
    EXPECT_EQ(table.code, 0);
    EXPECT_THAT(
        table.output,
        HasSubstr("SERVICE  NODE    STATUS   IN  RATE  OUT  ERRORS  TIME   PENDING  DROPPED  RESTARTS\n"
                  "flux     camera  started  0   -     12   1       0ns    7        8        9\n"
                  "stock    add     -        42  -     -    3       2.5us  -        -        -\n"));
    const auto lines =
        values(shell(std::string{FLUXCTL} + " -s " + url() + " top --json | head -n 4").output);
    ASSERT_EQ(lines.size(), 4u);
    EXPECT_EQ(lines[0].at("published").as_double(), 12);
    EXPECT_EQ(lines[0].at("dropped").as_double(), 8);
    EXPECT_EQ(lines[0].at("dropped_by_reason"), json::parse(R"({"oldest": 5, "closed": 3})"));
    EXPECT_FALSE(lines[1].contains("published"));
    EXPECT_FALSE(lines[1].contains("dropped_by_reason"));
    EXPECT_FALSE(lines[1].contains("rate")); // there is nothing to compare with
    EXPECT_GT(lines[3].at("rate").as_double(), 0);
}

class Camera : public fluxlib::Node {
public:
    Camera(fluxlib::Service& service, std::string id, std::promise<std::string>& settings)
        : Node{service, std::move(id)}, settings_{settings} {}

protected:
    fluxlib::Task<> on_settings(fluxmq::Message) override {
        settings_.set_value(json::serialize(settings()));
        co_return;
    }

private:
    std::promise<std::string>& settings_;
};

class Choosy : public fluxlib::Node {
public:
    using Node::Node;

protected:
    void check_settings(const json::object&) const override {
        throw std::invalid_argument{"the width is too large"};
    }
};

class Broken : public fluxlib::Node {
public:
    using Node::Node;

protected:
    fluxlib::Task<> on_start() override {
        throw std::runtime_error{"the lens is dirty"};
        co_return;
    }
};

TEST_F(Commands, nodes_are_started_stopped_and_restarted) {
    std::promise<std::string> unused;
    const Vision vision{url(), [&](fluxlib::Service& service) {
                            service.append_node(std::make_unique<Camera>(service, "left", unused));
                            service.append_node(std::make_unique<Camera>(service, "right", unused));
                        }};
    const auto started = run("start vision left");
    EXPECT_EQ(started.code, 0) << started.output;
    EXPECT_THAT(started.output, HasSubstr("node left  started\n"));

    const auto again = run("start vision left");
    EXPECT_EQ(again.code, 1) << again.output;
    EXPECT_THAT(again.output, AllOf(HasSubstr("error"), HasSubstr("left")));

    const auto all = run("restart vision");
    EXPECT_EQ(all.code, 0) << all.output;
    EXPECT_THAT(all.output, AllOf(HasSubstr("node left  stopped\n"), HasSubstr("node left  started\n"),
                                  HasSubstr("service vision  ACTIVE\n")));

    const auto stopped = values(run("stop vision left --json").output);
    ASSERT_FALSE(stopped.empty());
    EXPECT_EQ(stopped[0], json::parse(R"({"node": "left", "status": "stopped"})"));

    const auto nothing = run("stop vision left");
    EXPECT_EQ(nothing.code, 0) << nothing.output;
    EXPECT_THAT(nothing.output, HasSubstr("node left  no change"));

    const auto restarted = run("restart vision right");
    EXPECT_THAT(restarted.output, Not(HasSubstr("no change"))) << restarted.output;
    EXPECT_EQ(run("stop vision --no-wait").output, "");
}

TEST_F(Commands, what_a_service_reports_as_an_error_fails_the_command) {
    const Vision vision{url(), [](fluxlib::Service& service) { service.append_node<Broken>("broken"); }};
    const auto failed = run("start vision broken");
    EXPECT_EQ(failed.code, 1) << failed.output;
    EXPECT_THAT(failed.output, AllOf(HasSubstr("node broken  error"), HasSubstr("the lens is dirty")));
    const auto unknown = run("start vision ghost phantom");
    EXPECT_EQ(unknown.code, 1) << unknown.output;
    EXPECT_THAT(unknown.output, AllOf(HasSubstr("'ghost'"), HasSubstr("'phantom'")));
}

TEST_F(Commands, services_of_other_kinds_are_steered_as_far_as_they_answer) {
    const auto started = [](auto& transport, const auto& message) {
        transport.publish(message.reply(), "+ACK", {}, "to.go"); // Go waits until somebody answers this
        transport.publish("node." + std::string{message.text()} + ".status", "started");
    };
    std::promise<std::string> answered;
    int answers = 0;
    const auto count = [&](auto&, const auto& message) {
        if (++answers == 2)
            answered.set_value(std::string{message.text()});
    };
    const Peer peer{url(),
                    {{"service.go.start", started},
                     {"to.go", count},
                     {"service.go.stop", Peer::says("-NAK")},
                     {"service.go.restart", Peer::hears()}}};
    const auto reported = run("start go a b");
    EXPECT_EQ(reported.code, 0) << reported.output;
    EXPECT_EQ(reported.output, "node a  started\nnode b  started\n");
    auto answer = answered.get_future();
    ASSERT_EQ(answer.wait_for(std::chrono::seconds{30}), std::future_status::ready);
    EXPECT_EQ(answer.get(), "");
    EXPECT_EQ(run("stop go a --wait 300ms").code, 1);
    const auto silent = run("restart go a --wait 300ms");
    EXPECT_EQ(silent.code, 4);
    EXPECT_THAT(silent.output, HasSubstr("node 'a' has not reported within 300ms"));
    const auto unheard = run("start ghost --wait 1m");
    EXPECT_EQ(unheard.code, 4);
    EXPECT_THAT(unheard.output, HasSubstr("'ghost'"));
}

TEST_F(Commands, status_asks_one_service_or_all) {
    EXPECT_EQ(run("status").code, 4);
    const Peer peer{url(), stock()};
    const Vision vision{url(), [](fluxlib::Service&) {}};
    const auto one = run("status vision --wait 30s");
    EXPECT_EQ(one.code, 0) << one.output;
    EXPECT_EQ(one.output, "SERVICE  STATUS\nvision   READY\n");
    EXPECT_EQ(run("status ghost").code, 4);
    const auto all = run("status"); // the stock one has none
    EXPECT_EQ(all.code, 0) << all.output;
    EXPECT_THAT(all.output, HasSubstr("stock"));
    EXPECT_THAT(run("status --json").output, HasSubstr(R"({"service":"stock","status":null})"));
}

TEST_F(Commands, status_asks_by_the_id_that_topics_have) {
    const Peer peer{
        url(),
        {{"$SRV.PING", Peer::says(R"({"name":"plant_1","id":"P","metadata":{"service":"plant.1"}})")},
         {"service.plant.1.request_status", Peer::says("PAUSED")}}};
    EXPECT_EQ(run("status").output, "SERVICE  STATUS\nplant.1  PAUSED\n");
}

TEST_F(Commands, status_is_also_heard_where_go_services_say_it) {
    const Peer peer{url(), {{"service.go.request_status", [](auto& transport, const auto& message) {
                                 transport.publish("service.go.status", "READY");
                                 transport.respond(message, "+ACK");
                             }}}};
    EXPECT_THAT(run("status go").output, HasSubstr("READY"));
}

TEST_F(Commands, set_changes_the_settings_of_a_node) {
    std::promise<std::string> settings;
    const Vision vision{url(), [&](fluxlib::Service& service) {
                            service.append_node(std::make_unique<Camera>(service, "left", settings));
                        }};
    const auto set = run("set left width=640 mode=night crop.left=1 crop.right=2 'list=[1, 2]'");
    EXPECT_EQ(set.code, 0) << set.output;
    EXPECT_EQ(settings.get_future().get(),
              R"({"width":640,"mode":"night","crop":{"left":1,"right":2},"list":[1,2]})");
    const auto nobody = run("set ghost a=1");
    EXPECT_EQ(nobody.code, 4);
    EXPECT_THAT(nobody.output, HasSubstr("ghost"));
}

TEST_F(Commands, set_tells_what_a_node_refuses) {
    const Vision vision{url(), [](fluxlib::Service& service) { service.append_node<Choosy>("choosy"); }};
    const auto refused = run("set choosy width=9 --wait 30s");
    EXPECT_EQ(refused.code, 1);
    EXPECT_THAT(refused.output, AllOf(HasSubstr("node 'choosy'"), HasSubstr("the width is too large")));
    const auto line = values(run("set choosy width=9 --wait 30s --json").output).at(0);
    EXPECT_THAT(std::string{line.at("error").as_string()}, HasSubstr("the width is too large"));
}

TEST_F(Commands, set_does_not_mind_errors_of_other_nodes) {
    const Peer peer{url(), {{"node.left.set_settings", [](auto& transport, const auto&) {
                                 transport.publish("service.vision.error",
                                                   "node 'left2', on_input: no light");
                             }}}};
    const auto set = run("set left width=9");
    EXPECT_EQ(set.code, 0) << set.output;
}

TEST_F(Commands, bench_measures_and_loses_nothing) {
    EXPECT_THAT(run("bench --messages 2000 --size 16").output,
                AllOf(HasSubstr("published"), HasSubstr("delivered"), HasSubstr("p99")));
    const auto line = values(run("bench --messages 2000 --size 16 --json").output).at(0);
    EXPECT_EQ(line.at("received"), 2000);
}

TEST_F(Commands, doctor_finds_a_healthy_broker) {
    const auto alone = run("doctor");
    EXPECT_EQ(alone.code, 0) << alone.output;
    EXPECT_THAT(alone.output, AllOf(HasSubstr("ok    broker"), HasSubstr(server_.address()),
                                    HasSubstr("nats-server 2."), HasSubstr("ok    round trip"),
                                    HasSubstr("max payload"), HasSubstr("UTC"), HasSubstr("warn  services")));
    const Peer peer{url(), stock()};
    EXPECT_THAT(run("doctor").output, HasSubstr("ok    services      1 answer"));
    EXPECT_EQ(values(run("doctor --json").output).at(0).at("state"), "ok");
}

TEST_F(Commands, doctor_knows_common_mistakes) {
    const auto nobody = fluxctl("--server nats://127.0.0.1:1 doctor");
    EXPECT_EQ(nobody.code, 3);
    EXPECT_THAT(nobody.output, AllOf(HasSubstr("FAIL  broker"), HasSubstr("start a server there")));

    const auto no_url = shell("NATS_URL=http://x " + std::string{FLUXCTL} + " doctor");
    EXPECT_EQ(no_url.code, 2);
    EXPECT_THAT(no_url.output, AllOf(HasSubstr("FAIL  broker"), HasSubstr("say nats://HOST:PORT")));

    const auto bare = shell("SERVICE_ID=me NATS_URL=" + server_.address() + " " + FLUXCTL + " doctor");
    EXPECT_EQ(bare.code, 0) << bare.output;
    EXPECT_THAT(bare.output,
                AllOf(HasSubstr("warn  NATS_URL"), HasSubstr("warn  SERVICE_ID"), HasSubstr("'me'")));
}

TEST(Doctor, recognizes_an_http_server) {
    const auto port = std::to_string(fluxmq::testing::NatsServer::free_port());
    const fluxmq::testing::NatsServer server{{.arguments = {"-m", port}}}; // its monitoring speaks HTTP
    const auto http = fluxctl("--server nats://127.0.0.1:" + port + " doctor");
    EXPECT_EQ(http.code, 3);
    EXPECT_THAT(http.output, HasSubstr("an HTTP server listens there"));
}

TEST(Doctor, recognizes_missing_credentials) {
    const fluxmq::testing::NatsServer server{{.arguments = {"--user", "me", "--pass", "secret"}}};
    const auto refused = fluxctl("--server " + server.url() + " doctor");
    EXPECT_EQ(refused.code, 3);
    EXPECT_THAT(refused.output, HasSubstr("put credentials into the URL"));
}

} // namespace
} // namespace fluxctl::test
