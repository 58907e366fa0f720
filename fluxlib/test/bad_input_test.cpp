// SPDX-License-Identifier: MIT
// What users get wrong: each gives an error that names what and where, and nothing else stops. Bad configs,
// settings and commands are in manager_test.cpp and node_test.cpp.
#include <fluxmq/testing/scripted_peer.hpp>

#include "support.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

namespace fluxlib::test {
namespace {

// What run() of a service says that is attached to `url`.
std::string refusal(Mesh& mesh, std::string url) {
    std::string said = "nothing";
    mesh.run([&]() -> Task<> {
        auto options = mesh.options();
        options.clock = fluxmq::Clock::real();
        Service service{"svc", options};
        service.attach(std::make_shared<fluxmq::Nats>(
            fluxmq::NatsOptions{.servers = {std::move(url)}, .connect_timeout = 300ms}));
        try {
            co_await service.run();
        } catch (const Error& error) {
            said = error.what();
        }
    }());
    return said;
}

class BadInputOn : public ::testing::TestWithParam<Broker> {
protected:
    Mesh mesh{GetParam()};
    Log log;
};

INSTANTIATE_TEST_SUITE_P(, BadInputOn, ::testing::Values(Broker::inproc, Broker::nats),
                         ::testing::PrintToStringParamName());

TEST(bad_input, an_unreachable_server_is_named) {
    Mesh mesh{Broker::nats};
    mesh.server().kill9();
    EXPECT_THAT(refusal(mesh, mesh.server().url()),
                ::testing::AllOf(HasSubstr("connect failed"), HasSubstr(mesh.server().address())));
}

TEST(bad_input, an_address_that_cannot_be_understood_is_quoted) {
    Mesh mesh{Broker::nats};
    EXPECT_THAT(refusal(mesh, "http://localhost:4222"),
                ::testing::AllOf(HasSubstr("invalid url"), HasSubstr("http")));
    EXPECT_THAT(refusal(mesh, "nats://localhost:port"),
                ::testing::AllOf(HasSubstr("invalid url"), HasSubstr("port")));
    EXPECT_THAT(refusal(mesh, "nats://no-such-host.invalid"), HasSubstr("no-such-host.invalid"));
}

TEST(bad_input, a_server_that_is_not_nats_is_quoted) {
    Mesh mesh{Broker::nats};
    mesh.run([&]() -> Task<> {
        const auto executor = co_await boost::asio::this_coro::executor;
        fluxmq::testing::ScriptedPeer peer{executor};
        const auto talk = [&]() -> Task<> {
            co_await peer.accept();
            co_await peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
        };
        boost::asio::co_spawn(executor, talk(), boost::asio::detached);
        Service service{"svc", mesh.options()};
        service.attach(std::make_shared<fluxmq::Nats>(fluxmq::NatsOptions{.servers = {peer.url()}}));
        std::string said;
        try {
            co_await service.run();
        } catch (const Error& error) {
            said = error.what();
        }
        EXPECT_THAT(said, ::testing::AllOf(HasSubstr("protocol error"), HasSubstr("HTTP/1.1 400"),
                                           HasSubstr(peer.address())));
    }());
}

TEST_P(BadInputOn, an_invalid_topic_is_quoted_with_what_is_wrong_and_nothing_is_sent) {
    mesh.run([&]() -> Task<> {
        RecordingService service{"svc", mesh.options(), log};
        service.attach(co_await mesh.connect());
        const auto everything = co_await service.subscribe(">");
        EXPECT_THAT(message_of([&] { service.publish("a b", "x"); }),
                    HasSubstr("invalid topic: 'a b': it has a space"));
        EXPECT_THAT(message_of([&] { service.publish("", "x"); }), HasSubstr("it is empty"));
        EXPECT_THAT(message_of([&] { service.publish("a..b", "x"); }), HasSubstr("empty token"));
        EXPECT_THAT(message_of([&] { service.publish("a.*", "x"); }), HasSubstr("wildcard"));
        EXPECT_THAT(message_of([&] { service.publish("a\r\nPUB b 1", "x"); }),
                    HasSubstr("it has a control character"));
        const auto subscribe = [&]() -> Task<> { co_await service.subscribe("a.>.b"); };
        EXPECT_EQ(co_await error_of(subscribe()), errc::invalid_topic);
        service.publish("good", "x");
        const auto first = co_await everything->get();
        EXPECT_EQ(first.topic(), "good");
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(BadInputOn, a_payload_over_the_limit_names_topic_size_and_limit) {
    mesh.run([&]() -> Task<> {
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        const auto queue = co_await service.subscribe("t");
        const auto limit = service.transport().max_payload();
        const std::string too_large(limit + 1, 'x');
        EXPECT_THAT(message_of([&] { service.publish("t", too_large); }),
                    ::testing::AllOf(HasSubstr("payload too large"), HasSubstr(std::to_string(limit + 1)),
                                     HasSubstr(std::to_string(limit)), HasSubstr("(topic 't')")));
        service.publish("t", std::string_view{too_large}.substr(1));
        const auto message = co_await queue->get();
        EXPECT_EQ(message.payload().size(), limit);
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(BadInputOn, a_body_of_the_wrong_shape_names_topic_and_field) {
    struct Reader : Recorder {
        using Recorder::Recorder;
        Task<> on_input(Message message) override {
            co_await note("width " + std::to_string(message.as<std::map<std::string, int>>().at("width")));
        }
    };
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        NodeOptions options;
        options.node.inputs = {{"in", {"t"}}};
        service.append_node(std::make_unique<Reader>(service, "n", options, log));
        co_await service.run();
        service.publish("t", "{broken");
        service.publish("t", {{"width", "wide"}});
        service.publish("t", {{"width", 3}});
        co_await log.wait_for("n width 3");
        co_await manager->wait_for_error("svc", "malformed json");
        co_await manager->wait_for_error("svc",
                                         R"('width': expected a whole number, got "wide" (topic 't'))");
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(BadInputOn, hooks_of_a_service_that_throw_are_reported_and_the_next_command_is_handled) {
    struct Throwing : RecordingService {
        using RecordingService::RecordingService;
        Task<> on_settings(const Message&) override {
            throw std::runtime_error{"not today"};
            co_return;
        }
        Task<> on_error(const Message& message) override {
            co_await RecordingService::on_error(message);
            throw std::runtime_error{"not even this"}; // must not call itself for ever
        }
    };
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        Throwing service{"svc", mesh.options(), log};
        service.attach(co_await mesh.connect());
        co_await service.run();
        manager->set_service_settings("svc", {{"a", 1}});
        co_await log.wait_for(
            "on_error service 'svc', on_settings: not today (topic 'service.svc.set_settings')");
        manager->start("svc");
        co_await log.wait_for("on_start *");
        co_await manager->wait_for_error("svc", "not today"); // it comes on another connection
        EXPECT_EQ(manager->errors("svc").size(), 1u);
        service.shutdown();
        co_await service.wait();
    }());
}

TEST_P(BadInputOn, something_thrown_that_is_no_exception_is_reported_too) {
    struct Odd : Recorder {
        using Recorder::Recorder;
        Task<> on_input(Message) override {
            throw 42;
            co_return;
        }
    };
    mesh.run([&]() -> Task<> {
        const auto manager = co_await mesh.manager();
        Service service{"svc", mesh.options()};
        service.attach(co_await mesh.connect());
        NodeOptions options;
        options.node.inputs = {{"in", {"t"}}};
        service.append_node(std::make_unique<Odd>(service, "n", options, log));
        co_await service.run();
        service.publish("t", "x");
        co_await manager->wait_for_error("svc", "something that is not a std::exception");
        service.shutdown();
        co_await service.wait();
    }());
}

} // namespace
} // namespace fluxlib::test
