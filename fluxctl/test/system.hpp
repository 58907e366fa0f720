// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/service.hpp>
#include <fluxmq/nats.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

/// What fluxctl looks at in a test: it runs on a thread of its own, while the test waits for the program.
namespace fluxctl::test {

using fluxlib::Task;

/// An event loop on a thread of its own.
class Loop {
public:
    Loop() : thread_{[this] { context_.run(); }} {}
    ~Loop() {
        work_.reset();
        thread_.join();
    }

    /// Begins a coroutine there; its result, or what it throws, can be waited for.
    template <class T>
    std::future<T> begin(Task<T> task) {
        return boost::asio::co_spawn(context_, std::move(task), boost::asio::use_future);
    }
    void run(Task<> task) { begin(std::move(task)).get(); }

private:
    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
    std::thread thread_;
};

/// Anyone on the broker who is no Flux service: answers to subjects, and publishes.
class Peer {
public:
    using Answer = std::function<void(fluxmq::Transport&, const fluxmq::Message&)>;

    Peer(const std::string& url, std::map<std::string, Answer> answers) { loop_.run(begin(url, answers)); }
    ~Peer() { loop_.run(nats_.close()); }

    /// An answer that is always the same.
    static Answer says(std::string text) {
        return [text = std::move(text)](fluxmq::Transport& transport, const fluxmq::Message& message) {
            transport.respond(message, text);
        };
    }
    /// Takes a message, and says nothing.
    static Answer hears() {
        return [](fluxmq::Transport&, const fluxmq::Message&) {};
    }

    fluxmq::Transport& transport() noexcept { return nats_; }

private:
    class Answering final : public fluxmq::Receiver {
    public:
        Answering(fluxmq::Transport& transport, Answer answer)
            : transport_{transport}, answer_{std::move(answer)} {}
        bool offer(fluxmq::Message&& message) noexcept override {
            answer_(transport_, message);
            return true;
        }
        void when_ready(std::function<void()> resume) override { resume(); }

    private:
        fluxmq::Transport& transport_;
        Answer answer_;
    };

    Task<> begin(std::string url, std::map<std::string, Answer> answers) {
        co_await nats_.connect(url);
        for (const auto& [subject, answer] : answers) {
            const auto receiver = std::make_shared<Answering>(nats_, answer);
            subscriptions_.push_back(co_await nats_.subscribe(subject, receiver));
        }
    }

    Loop loop_;
    fluxmq::Nats nats_;
    std::vector<fluxmq::Subscription> subscriptions_;
};

/// A Flux service "vision" whose nodes `make` appends; none is started.
class Vision {
public:
    Vision(const std::string& url, std::function<void(fluxlib::Service&)> make) {
        std::promise<fluxlib::Service*> running;
        auto service = running.get_future();
        life_ = loop_.begin(live(url, std::move(make), std::move(running)));
        service_ = service.get();
    }
    ~Vision() {
        service_->shutdown();
        life_.get();
    }

private:
    static Task<> live(std::string url, std::function<void(fluxlib::Service&)> make,
                       std::promise<fluxlib::Service*> running) {
        fluxlib::ServiceOptions options;
        options.auto_start = false;
        options.handle_signals = false;
        fluxlib::Service service{"vision", options};
        service.attach(std::make_shared<fluxmq::Nats>(fluxmq::NatsOptions{.servers = {url}}));
        make(service);
        try {
            co_await service.run();
        } catch (...) {
            running.set_exception(std::current_exception());
            co_return;
        }
        running.set_value(&service);
        co_await service.wait();
    }

    Loop loop_;
    std::future<void> life_;
    fluxlib::Service* service_ = nullptr;
};

} // namespace fluxctl::test
