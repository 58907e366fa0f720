// SPDX-License-Identifier: MIT
// Conversations of a service with its manager, message by message: the files in vectors/, on both brokers.
#include <fluxmq/mailbox.hpp>

#include "pages.hpp"
#include "support.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <tuple>

namespace fluxlib::test {
namespace {

namespace json = boost::json;

/// Passes on what comes in, and tells of ticks and new settings.
class Relay final : public Node {
public:
    using Node::Node;

private:
    Task<> on_start() override {
        state().set("started", true);
        co_return;
    }
    Task<> on_input(Message message) override {
        if (message.text() == "bad")
            throw std::runtime_error{"this is bad"};
        output("out").publish(message.payload());
        co_return;
    }
    Task<> on_tick(const Tick& tick) override {
        output("out").publish("tick " + std::to_string(tick.count));
        co_return;
    }
    Task<> on_settings(Message) override {
        output("out").publish(settings());
        co_return;
    }
};

/// Its settings are its common data, and it keeps in its state what an IDE says.
class Sharing final : public Service {
public:
    using Service::Service;

private:
    Task<> on_common_data(const Message&) override {
        send_common_data(settings());
        co_return;
    }
    Task<> on_ide_status(const Message& message) override {
        state().set("ide", message.json());
        co_return;
    }
};

std::vector<std::string> vector_files() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator{project_root() / "fluxlib/test/vectors"})
        names.push_back(entry.path().stem().string());
    std::sort(names.begin(), names.end());
    return names;
}

std::string text_of(const json::value& payload) {
    return payload.is_string() ? std::string{payload.get_string()} : json::serialize(payload);
}

std::string text_of(const json::object& message, std::string_view key) {
    const auto* value = message.if_contains(key);
    return value ? text_of(*value) : std::string{};
}

fluxmq::Headers headers_of(const json::object& message) {
    fluxmq::Headers headers;
    if (const auto* all = message.if_contains("headers"))
        for (const auto& [name, value] : all->as_object())
            headers.add(std::string{name}, text_of(value));
    return headers;
}

Profile profile_of(const json::object& vector) {
    const auto name = text_of(vector, "profile");
    return name == "python" ? Profile::python() : name == "go" ? Profile::go() : Profile{};
}

/// A file with the vector's UUID of a developer's machine; empty: it has none. `name` keeps the tests apart.
std::string development_file_of(const json::object& vector, const std::string& name) {
    const auto id = text_of(vector, "development_id");
    if (id.empty())
        return {};
    const auto file = ::testing::TempDir() + "vector_" + name + "_" + std::to_string(::getpid()) + ".ini";
    std::ofstream{file} << id;
    return file;
}

using Case = std::tuple<Broker, std::string>;

class VectorsOn : public ::testing::TestWithParam<Case> {};

TEST_P(VectorsOn, are_what_goes_over_the_wire) {
    const auto& [broker, name] = GetParam();
    const auto vector = json::parse(read_file("fluxlib/test/vectors/" + name + ".json")).as_object();
    const auto development_file = development_file_of(vector, name + (broker == Broker::nats ? "_nats" : ""));
    Mesh mesh{broker};
    mesh.run([&]() -> Task<> {
        const auto peer = co_await mesh.connect();
        const auto mailbox = fluxmq::Mailbox::create();
        const auto tap = co_await peer->subscribe(">", mailbox->add_inlet({}));
        auto options = mesh.options();
        options.profile = profile_of(vector);
        options.development_file = development_file;
        options.config_retry = 1h; // a slow test is not asked again
        Sharing service{"svc", options};
        service.attach(co_await mesh.connect());
        service.register_node<Relay>("relay");
        service.state().set("mode", "day");
        co_await service.run();
        std::size_t number = 0;
        for (const auto& each : vector.at("steps").as_array()) {
            const auto& step = each.as_object();
            const bool in = step.contains("in");
            const auto& wanted = step.at(in ? "in" : "out").as_object();
            if (in)
                peer->publish(text_of(wanted, "subject"), text_of(wanted, "payload"), headers_of(wanted),
                              text_of(wanted, "reply"));
            fluxmq::Mailbox::Delivery* seen = nullptr;
            while (!(seen = mailbox->pop_message()))
                co_await mailbox->wait();
            const auto where = name + ", step " + std::to_string(number++);
            const auto& payload = wanted.contains("payload") ? wanted.at("payload") : json::value("");
            EXPECT_EQ(seen->message.topic(), text_of(wanted, "subject"))
                << where << ": " << seen->message.text();
            if (payload.is_string() || in)
                EXPECT_EQ(seen->message.text(), text_of(payload)) << where;
            else
                EXPECT_EQ(seen->message.json(), payload) << where;
            EXPECT_EQ(seen->message.headers(), headers_of(wanted)) << where;
            EXPECT_EQ(seen->message.reply(), text_of(wanted, "reply")) << where;
            if (HasFailure())
                break;
        }
        service.shutdown();
        co_await service.wait();
    }());
    if (!development_file.empty())
        std::filesystem::remove(development_file);
}

INSTANTIATE_TEST_SUITE_P(, VectorsOn,
                         ::testing::Combine(::testing::Values(Broker::inproc, Broker::nats),
                                            ::testing::ValuesIn(vector_files())),
                         [](const auto& info) {
                             return std::string{std::get<0>(info.param) == Broker::inproc ? "inproc_"
                                                                                          : "nats_"} +
                                    std::get<1>(info.param);
                         });

TEST(VectorFiles, are_shown_in_the_protocol_page) {
    std::map<std::string, std::string> shown;
    for (const auto& block : blocks_of(read_file("docs/protocol.md")))
        if (block.comment.starts_with("vector: "))
            shown.emplace(block.comment.substr(8), block.text());
    for (const auto& name : vector_files())
        EXPECT_EQ(shown[name], read_file("fluxlib/test/vectors/" + name + ".json")) << name;
    EXPECT_EQ(shown.size(), vector_files().size());
}

} // namespace
} // namespace fluxlib::test
