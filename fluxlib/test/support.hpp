// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/service.hpp>
#include <fluxlib/testing/fake_manager.hpp>
#include <fluxmq/error.hpp>
#include <fluxmq/inproc.hpp>
#include <fluxmq/nats.hpp>
#include <fluxmq/testing/nats_server.hpp>
#include <fluxmq/testing/virtual_loop.hpp>
#include <fluxmq/wakeup.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace fluxlib::test {

using namespace std::chrono_literals;
using fluxmq::errc;
using fluxmq::Error;
using ::testing::ElementsAre;
using testing::FakeManager;
using ::testing::HasSubstr;

enum class Broker { inproc, nats };

inline void PrintTo(Broker broker, std::ostream* out) {
    *out << (broker == Broker::inproc ? "inproc" : "nats");
}

/// A broker, an event loop and a clock: virtual on the embedded bus, real with a nats-server.
class Mesh {
public:
    explicit Mesh(Broker broker = Broker::inproc) {
        if (broker == Broker::nats) {
            server_ = std::make_unique<fluxmq::testing::NatsServer>();
            return;
        }
        virtual_ = std::make_unique<fluxmq::testing::VirtualLoop>();
        bus_ = std::make_shared<fluxmq::InProcBus>(fluxmq::InProcOptions{.clock = virtual_->clock()});
    }

    void run(Task<> task) {
        if (virtual_) {
            virtual_->run(std::move(task));
            return;
        }
        std::exception_ptr failure;
        loop_.restart();
        boost::asio::co_spawn(loop_, std::move(task), [&](std::exception_ptr thrown) {
            failure = thrown;
            loop_.stop();
        });
        loop_.run();
        if (failure)
            std::rethrow_exception(failure);
    }

    /// Beside what run() runs; it must not throw.
    void spawn(Task<> task) {
        if (virtual_)
            virtual_->spawn(std::move(task));
        else
            boost::asio::co_spawn(loop_, std::move(task), boost::asio::detached);
    }

    std::shared_ptr<fluxmq::Clock> clock() const {
        return virtual_ ? std::shared_ptr<fluxmq::Clock>{virtual_->clock()} : fluxmq::Clock::real();
    }

    /// A connection of its own, not connected yet.
    std::shared_ptr<fluxmq::Transport> transport() const {
        if (virtual_)
            return std::make_shared<fluxmq::InProc>(bus_);
        return std::make_shared<fluxmq::Nats>(fluxmq::NatsOptions{.servers = {server_->url()}});
    }

    Task<std::shared_ptr<fluxmq::Transport>> connect() const {
        auto made = transport();
        co_await made->connect();
        co_return made;
    }

    ServiceOptions options() const {
        ServiceOptions options;
        options.clock = clock();
        options.handle_signals = false;
        return options;
    }

    /// A manager on a connection of its own, attached.
    Task<std::unique_ptr<FakeManager>> manager() const {
        auto made = std::make_unique<FakeManager>(transport(), fluxmq::Topic{}, clock());
        co_await made->attach();
        co_return made;
    }

    Task<> sleep(std::chrono::milliseconds length) const { return clock()->sleep_for(length); }

    fluxmq::testing::NatsServer& server() const { return *server_; }
    fluxmq::testing::VirtualLoop& loop() const { return *virtual_; }

private:
    std::unique_ptr<fluxmq::testing::NatsServer> server_;
    std::unique_ptr<fluxmq::testing::VirtualLoop> virtual_;
    std::shared_ptr<fluxmq::InProcBus> bus_;
    boost::asio::io_context loop_{1};
};

/// What happened, in order; a test awaits it instead of sleeping.
class Log {
public:
    void add(std::string line) {
        lines_.push_back(std::move(line));
        changed_.notify();
    }

    Task<> wait_for(std::string line) {
        while (std::find(lines_.begin(), lines_.end(), line) == lines_.end())
            co_await changed_.wait();
    }
    Task<> wait_for_count(std::size_t count) {
        while (lines_.size() < count)
            co_await changed_.wait();
    }

    const std::vector<std::string>& lines() const noexcept { return lines_; }
    std::size_t count(const std::string& line) const {
        return static_cast<std::size_t>(std::count(lines_.begin(), lines_.end(), line));
    }
    void clear() { lines_.clear(); }

private:
    std::vector<std::string> lines_;
    fluxmq::Wakeup changed_;
};

/// Writes every hook into a log as "<id> <hook>", and throws in the one that `throws_in` names.
class Recorder : public Node {
public:
    Recorder(Service& service, std::string id, NodeOptions options, Log& log)
        : Node{service, std::move(id), std::move(options)}, log_{log} {}

    std::string throws_in;

protected:
    Task<> on_create() override { return note("on_create"); }
    Task<> on_start() override { return note("on_start"); }
    Task<> on_stop() override { return note("on_stop"); }
    Task<> on_tick(const Tick&) override { return note("on_tick"); }
    Task<> on_destroy() override { return note("on_destroy"); }
    Task<> on_error(const HookError& error) override { return note("on_error in " + error.hook()); }
    Task<> on_input(Message message) override {
        return note("on_input " + std::string{message.input()} + "=" + std::string{message.text()});
    }
    Task<> on_settings(Message) override { return note("on_settings"); }

    Task<> note(std::string what) {
        log_.add(id() + " " + what);
        if (!throws_in.empty() && what.starts_with(throws_in))
            throw std::runtime_error{what + " was told to fail"};
        co_return;
    }

    Log& log_;
};

/// A Service whose hooks are written into a log.
class RecordingService : public Service {
public:
    RecordingService(std::string id, ServiceOptions options, Log& log)
        : Service{std::move(id), std::move(options)}, log_{log} {}

protected:
    Task<> on_init(const Message& message) override { return note("on_init", message); }
    Task<> on_connected() override { return note("on_connected", {}); }
    Task<> on_ready() override { return note("on_ready", {}); }
    Task<> on_start(const Message& message) override {
        co_await note("on_start", message);
        co_await Service::on_start(message);
    }
    Task<> on_stop(const Message& message) override {
        co_await note("on_stop", message);
        co_await Service::on_stop(message);
    }
    Task<> on_restart(const Message& message) override {
        co_await note("on_restart", message);
        co_await Service::on_restart(message);
    }
    Task<> on_settings(const Message& message) override {
        co_await note("on_settings", message);
        co_await Service::on_settings(message);
    }
    Task<> on_config(const Message& message) override {
        co_await note("on_config", {});
        co_await Service::on_config(message);
    }
    Task<> on_tick(const Tick&) override { return note("on_tick", {}); }
    Task<> on_shutdown(int signal) override { return note("on_shutdown " + std::to_string(signal), {}); }
    Task<> on_error(const Message& message) override { return note("on_error", message); }

private:
    Task<> note(std::string what, Message message) {
        log_.add(message.text().empty() ? what : what + " " + std::string{message.text()});
        co_return;
    }

    Log& log_;
};

/// The kind of the Error that `task` throws; success when it throws none.
inline Task<errc> error_of(Task<> task) {
    try {
        co_await std::move(task);
    } catch (const Error& error) {
        co_return error.kind();
    }
    co_return errc{};
}

template <class F>
std::string message_of(F&& call) {
    try {
        call();
    } catch (const std::exception& error) {
        return error.what();
    }
    return "nothing was thrown";
}

} // namespace fluxlib::test
