// SPDX-License-Identifier: MIT
// Several processes with one service id, on both brokers.
#include <fluxlib/replica.hpp>

#include "support.hpp"

#include <boost/json/serialize.hpp>

#include <cstdlib>

namespace fluxlib::test {
namespace {

using ::testing::Each;
using ::testing::EndsWith;
using ::testing::IsSupersetOf;

/// SERVICE_REPLICA, as long as it lives.
class Environment {
public:
    explicit Environment(const std::string& replica) { ::setenv("SERVICE_REPLICA", replica.c_str(), 1); }
    ~Environment() { ::unsetenv("SERVICE_REPLICA"); }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;
};

class ReplicaOn : public ::testing::TestWithParam<Broker> {
protected:
    Mesh mesh{GetParam()};
    Log log;

    // What a service with a node announces, as "<topic> <text> [<replica>]", and its metadata for tools.
    std::vector<std::string> announced(ServiceOptions options, std::string& metadata) {
        std::vector<std::string> seen;
        mesh.run([&]() -> Task<> {
            const auto peer = co_await mesh.connect();
            const auto mailbox = fluxmq::Mailbox::create();
            const auto inlet = mailbox->add_inlet({});
            std::vector<fluxmq::Subscription> taps;
            for (const auto* topic : {"service.svc.status", "service.svc.error", "node.n.status", "answer"})
                taps.push_back(co_await peer->subscribe(topic, inlet));
            Service service{"svc", options};
            service.attach(co_await mesh.connect());
            auto node = std::make_unique<Recorder>(service, "n", NodeOptions{}, log);
            auto& recorder = *node;
            service.append_node(std::move(node));
            co_await service.run();
            service.send_status("BUSY");
            recorder.set_status("counting");
            peer->publish(service.topic().start("svc"), "nobody");
            peer->publish(service.topic().status_request("svc"), "", {{"trace", "1"}}, "answer");
            const auto answer = co_await peer->request("$SRV.PING.svc", "", 10s);
            metadata = boost::json::serialize(answer.json().at("metadata"));
            recorder.throws_in = "on_stop";
            service.shutdown();
            co_await service.wait();
            co_await peer->flush();
            while (const auto* delivery = mailbox->pop_message()) {
                const auto& message = delivery->message;
                const auto replica = message.headers().get(replica_header);
                seen.push_back(std::string{message.topic()} + " " + std::string{message.text()} + " [" +
                               std::string{replica.value_or("none")} + "]");
            }
        }());
        return seen;
    }
};

INSTANTIATE_TEST_SUITE_P(, ReplicaOn, ::testing::Values(Broker::inproc, Broker::nats),
                         ::testing::PrintToStringParamName());

TEST_P(ReplicaOn, every_status_and_error_and_the_metadata_name_it) {
    auto options = mesh.options();
    options.replica = "north 2";
    std::string metadata;
    const auto seen = announced(options, metadata);
    EXPECT_THAT(seen, Each(EndsWith(" [north 2]")));
    EXPECT_THAT(
        seen,
        IsSupersetOf({"service.svc.status STARTING [north 2]", "service.svc.status BUSY [north 2]",
                      "service.svc.status STOPPED [north 2]", "answer BUSY [north 2]",
                      "service.svc.error unknown node: 'nobody'; the service 'svc' has n [north 2]",
                      "service.svc.error hook failed: node 'n', on_stop: on_stop was told to fail [north 2]",
                      "node.n.status created [north 2]", "node.n.status counting [north 2]",
                      "node.n.status error [north 2]", "node.n.status destroyed [north 2]"}));
    EXPECT_EQ(metadata, R"({"service":"svc","replica":"north 2"})");
}

TEST_P(ReplicaOn, nothing_names_it_where_there_is_none) {
    std::string metadata;
    EXPECT_THAT(announced(mesh.options(), metadata), Each(EndsWith(" [none]")));
    EXPECT_EQ(metadata, R"({"service":"svc"})");
}

TEST(replica, comes_from_the_environment_when_the_service_is_made_and_options_win) {
    const auto replica_of = [](std::string replica) {
        ServiceOptions options;
        options.replica = std::move(replica);
        return Service{"svc", options}.options().replica;
    };
    EXPECT_EQ(replica_of(""), "");
    const Environment environment{"7"};
    EXPECT_EQ(replica_of(""), "7");
    EXPECT_EQ(replica_of("8"), "8");
    const Environment empty{""};
    EXPECT_EQ(replica_of(""), "");
    const Environment bad{"a\nb"};
    EXPECT_EQ(message_of([&] { replica_of(""); }), "invalid config: service 'svc': the replica must be 1 to "
                                                   "64 printable ASCII characters without a space "
                                                   "at the beginning or end");
}

TEST(replica, is_what_every_sdk_takes_in_a_header) {
    const auto refused = [](std::string replica) {
        ServiceOptions options;
        options.replica = std::move(replica);
        return message_of([&] { Service service{"svc", options}; }).starts_with("invalid config: ");
    };
    for (const auto& good : {std::string{"0"}, std::string{"pod/a-1:b c~"}, std::string(64, 'x')})
        EXPECT_FALSE(refused(good)) << good;
    for (const auto& bad :
         {std::string(65, 'x'), std::string{"caf\xC3\xA9"}, std::string{"a\r\nb: c"}, std::string{" a"},
          std::string{"a "}, std::string{"\x7F"}, std::string{"a\0b", 3}})
        EXPECT_TRUE(refused(bad)) << bad;
}

} // namespace
} // namespace fluxlib::test
