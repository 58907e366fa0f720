// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/service.hpp>
#include <fluxmq/nats.hpp>
#include <fluxmq/testing/nats_server.hpp>

#include "inbox.hpp"
#include "process.hpp"
#include "program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

/// `fluxctl up` as a process on a real server, and services with nodes in this one.
namespace fluxctl::test {

using ::testing::HasSubstr;

/// Tells of its ticks and messages on topics.
class Worker : public fluxlib::Node {
public:
    using Node::Node;

protected:
    Task<> on_start() override {
        if (settings().contains("fail"))
            throw std::runtime_error{"it was told\nto fail"};
        co_return;
    }
    Task<> on_tick(const fluxlib::Tick&) override {
        service().publish("ticked." + id(), "");
        co_return;
    }
    Task<> on_input(fluxlib::Message message) override {
        service().publish("got." + id(), message.text());
        co_return;
    }
};

/// A server, a flow file, and what is on the server.
class UpFixture : public ::testing::Test {
protected:
    fluxmq::testing::NatsServer server;
    asio::io_context loop{1};
    std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("fluxctl_up_" + std::to_string(server.port()));
    std::string path = folder / "flow.yaml";

    UpFixture() { std::filesystem::create_directory(folder); }
    ~UpFixture() override { std::filesystem::remove_all(folder); }

    void run(Task<> body, int times = 1) { run_to_end(loop, std::move(body), times); }

    void write(const std::string& text) const { std::ofstream{path} << text; }

    std::unique_ptr<Process> up(std::vector<std::string> more = {}) {
        std::vector<std::string> words{FLUXCTL, "--server", server.url(), "up", path};
        words.insert(words.end(), more.begin(), more.end());
        return std::make_unique<Process>(loop, std::move(words));
    }

    std::shared_ptr<fluxmq::Transport> transport() const {
        fluxmq::NatsOptions options;
        options.servers = {server.url()};
        return std::make_shared<fluxmq::Nats>(options);
    }

    // One that builds its nodes from configs.
    std::unique_ptr<fluxlib::Service> service(const std::string& id) const {
        fluxlib::ServiceOptions options;
        options.handle_signals = false;
        auto made = std::make_unique<fluxlib::Service>(id, options);
        made->attach(transport());
        made->register_node<Worker>("worker");
        return made;
    }

    // One in a process of its own.
    std::unique_ptr<Process> worker(const std::string& id) {
        std::vector<std::string> words{"/usr/bin/env", "SERVICE_ID=" + id, "NATS_URL=" + server.url(),
                                       FLUXCTL_TEST_WORKER};
        return std::make_unique<Process>(loop, std::move(words));
    }

    // Waits until the node `sink` of a worker gets `text`, from now on.
    static Task<> see(fluxmq::Transport& transport, std::string text) {
        Inbox inbox{transport};
        co_await inbox.listen("seen.sink");
        const auto deadline = from_now(std::chrono::seconds{20});
        for (;;) {
            const auto message = co_await inbox.next(deadline);
            if (!message)
                throw std::runtime_error{"'" + text + "' has not come"};
            if (message->text() == text)
                co_return;
        }
    }

    static Task<> end(std::unique_ptr<fluxlib::Service>& service) {
        service->shutdown();
        co_await service->wait();
        service.reset();
    }
};

} // namespace fluxctl::test
