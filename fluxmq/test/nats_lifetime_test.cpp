// SPDX-License-Identifier: MIT
// Random lives of transports: made, used, cancelled, closed, dropped in any order and in any state of the connection.
// What must hold: every operation ends, with success or an Error; nothing is called after close() or the destructor
// has returned, nor a receiver after its unsubscribe(); and the sanitizers have nothing to say.
//
// FLUXMQ_SEQUENCES: how many lives (`make soak` sets it), FLUXMQ_SEED: where they begin.
#include <fluxmq/mailbox.hpp>
#include <fluxmq/nats.hpp>
#include <fluxmq/run_on.hpp>
#include <fluxmq/testing/nats_server.hpp>

#include "certificates.hpp"
#include "nats_support.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <random>
#include <thread>

using namespace fluxmq;
using namespace fluxmq::test;
using namespace std::chrono_literals;
using fluxmq::testing::NatsServer;

namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text && *text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// Whether something may still be called, and how often it was when it must not.
struct Leash {
    std::atomic<bool> ended{false};
    std::atomic<int> violations{0};

    void called() {
        if (ended)
            ++violations;
    }
};

class Probe final : public Receiver {
public:
    explicit Probe(std::shared_ptr<Leash> transport) : transport_{std::move(transport)} {}
    bool offer(Message&&) noexcept override {
        transport_->called();
        own.called();
        return true;
    }
    void when_ready(std::function<void()> resume) override { resume(); }

    Leash own;

private:
    std::shared_ptr<Leash> transport_;
};

struct Servers {
    const TemporaryFolder folder;
    const Authority authority{folder};
    const CertificateFiles files = authority.issue({.file = "server", .names = "IP:127.0.0.1"});
    const NatsServer plain;
    const NatsServer secure{
        {.config = "tls { cert_file: \"" + files.certificate + "\", key_file: \"" + files.key + "\" }"}};
    const NatsServer locked{{.arguments = {"--auth", "secret"}}};
};

// A thread that does what any thread may do, and another event loop.
class Helper {
public:
    Helper() : thread_{[this] { work(); }}, loop_thread_{[this] { loop_.run(); }} {}
    ~Helper() {
        loop_work_.reset();
        loop_thread_.join();
        {
            const std::lock_guard lock{mutex_};
            ended_ = true;
        }
        ready_.notify_one();
        thread_.join();
    }
    boost::asio::any_io_executor loop() { return loop_.get_executor(); }
    void run(std::function<void()> job) {
        {
            const std::lock_guard lock{mutex_};
            jobs_.push_back(std::move(job));
        }
        ready_.notify_one();
    }

private:
    void work() {
        std::unique_lock lock{mutex_};
        for (;;) {
            ready_.wait(lock, [this] { return ended_ || !jobs_.empty(); });
            if (jobs_.empty())
                return;
            auto jobs = std::exchange(jobs_, {});
            lock.unlock();
            for (const auto& job : jobs)
                job();
            jobs.clear();
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable ready_;
    std::vector<std::function<void()>> jobs_;
    bool ended_ = false;
    std::thread thread_;
    boost::asio::io_context loop_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> loop_work_{loop_.get_executor()};
    std::thread loop_thread_;
};

// One transport from its making to its end.
class Life {
public:
    Life(const Servers& servers, Helper& helper, std::uint64_t seed)
        : servers_{servers}, helper_{helper}, random_{static_cast<std::minstd_rand::result_type>(seed)} {}

    Task<> live() {
        executor_ = co_await boost::asio::this_coro::executor;
        make();
        begin(transport_->connect(), true);
        for (auto steps = pick(8); steps > 0; --steps) {
            co_await step();
            for (auto turns = pick(4); turns > 0; --turns)
                co_await turn();
        }
        co_await end();
    }

    bool clean() const {
        bool good = leash_->violations == 0;
        for (const auto& probe : probes_)
            good = good && probe->own.violations == 0;
        return good;
    }

private:
    std::size_t pick(std::size_t count) {
        return std::uniform_int_distribution<std::size_t>{0, count - 1}(random_);
    }
    bool chance(int percent) { return static_cast<int>(pick(100)) < percent; }

    void make() {
        NatsOptions options;
        options.reconnect_time_wait = 5ms;
        options.connect_timeout = std::chrono::milliseconds{chance(10) ? 1 : 5000};
        options.retry_on_failed_connect = chance(30);
        options.max_reconnect_attempts = static_cast<int>(pick(3));
        switch (pick(10)) {
        case 0: options.servers = {"nats://127.0.0.1:1"}; break;
        case 1:
            options.servers = {"tls://" + servers_.secure.address()};
            options.tls.ca_file = servers_.authority.certificate();
            break;
        case 2: options.servers = {servers_.locked.url("wrong")}; break;
        case 3: options.servers = {"nats://127.0.0.1:1", servers_.plain.url()}; break;
        default: options.servers = {servers_.plain.url()}; break;
        }
        transport_ = std::make_shared<Nats>(options);
        transport_->on_event([leash = leash_](const ConnectionEvent&) { leash->called(); });
    }

    template <class T>
    void begin(Task<T> task, bool may_be_cancelled) {
        operations_.emplace_back(executor_, std::move(task));
        if (may_be_cancelled && chance(25))
            to_cancel_.push_back(operations_.size() - 1);
    }

    // Awaits it on another event loop, or not.
    template <class T>
    Task<T> anywhere(Task<T> task) {
        if (!transport_ || !transport_->connected() || !chance(30))
            return task;
        return run_on(helper_.loop(), std::move(task));
    }

    Task<> step() {
        switch (pick(11)) {
        case 0: begin(transport_->connect(), true); break;
        case 1:
        case 2: begin(subscribe(), true); break;
        case 3: attempt([&] { transport_->publish("a", "hello"); }); break;
        case 4:
            helper_.run([transport = transport_] { attempt([&] { transport->publish("a", "from afar"); }); });
            break;
        case 5: begin(request(), true); break;
        case 6: begin(anywhere(transport_->flush(std::chrono::milliseconds{1 + pick(50)})), true); break;
        case 7: unsubscribe(); break;
        case 8: begin(drain_one(), true); break;
        case 9:
            for (const auto index : std::exchange(to_cancel_, {}))
                operations_[index].cancel();
            break;
        case 10:
            if (!operations_.empty())
                co_await operations_[pick(operations_.size())].end();
            break;
        }
    }

    Task<> subscribe() {
        const auto transport = transport_;
        const auto probe = std::make_shared<Probe>(leash_);
        probes_.push_back(probe);
        auto subscription = co_await anywhere(transport->subscribe(chance(50) ? "a" : ">", probe));
        subscriptions_.push_back(std::move(subscription));
        kept_.push_back(probe);
    }

    Task<> request() {
        const auto transport = transport_;
        const Bytes payload = Bytes::copy("?");
        const std::chrono::milliseconds timeout{1 + pick(20)};
        co_await anywhere(transport->request(chance(50) ? "a" : "nobody", payload, timeout));
    }

    void unsubscribe() {
        if (subscriptions_.empty())
            return;
        auto subscription = std::make_shared<Subscription>(std::move(subscriptions_.back()));
        auto probe = kept_.back();
        subscriptions_.pop_back();
        kept_.pop_back();
        const auto unsubscribe = [subscription, probe] {
            subscription->unsubscribe();
            probe->own.ended = true;
        };
        if (chance(50))
            helper_.run(unsubscribe);
        else
            unsubscribe();
    }

    Task<> drain_one() {
        if (subscriptions_.empty())
            co_return;
        auto subscription = std::move(subscriptions_.back());
        subscriptions_.pop_back();
        kept_.pop_back();
        co_await anywhere(subscription.drain(std::chrono::milliseconds{1 + pick(20)}));
    }

    Task<> end() {
        const auto way = pick(4);
        if (way == 0)
            co_await anywhere(transport_->close());
        else if (way == 1)
            co_await anywhere(transport_->drain(20ms));
        else if (way == 2)
            begin(anywhere(transport_->close()), false);
        if (way < 2)
            leash_->ended = true;
        // A thread or an operation may hold the handle; when it is the last one, the destructor has run here.
        const std::weak_ptr<Nats> handle = std::exchange(transport_, nullptr);
        if (handle.expired())
            leash_->ended = true;
        for (auto& operation : operations_)
            co_await operation.end();
        subscriptions_.clear();
    }

    template <class Function>
    static void attempt(Function function) {
        try {
            function();
        } catch (const Error&) { // NOLINT(bugprone-empty-catch): of any kind, but only that
        }
    }

    const Servers& servers_;
    Helper& helper_;
    std::minstd_rand random_;
    boost::asio::any_io_executor executor_;
    std::shared_ptr<Leash> leash_ = std::make_shared<Leash>();
    std::shared_ptr<Nats> transport_;
    std::deque<Beside> operations_;
    std::vector<std::size_t> to_cancel_;
    std::vector<std::shared_ptr<Probe>> probes_;
    std::vector<std::shared_ptr<Probe>> kept_; // of subscriptions_
    std::vector<Subscription> subscriptions_;
};

TEST(NatsLifetimes, random_lives_end_and_nothing_is_called_after_its_end) {
    const auto count = from_environment("FLUXMQ_SEQUENCES", 1000);
    const auto first = from_environment("FLUXMQ_SEED", 1);
    const Servers servers;
    Helper helper;
    std::uint64_t next = 0;
    constexpr int at_a_time = 8;
    boost::asio::io_context io{1};
    auto worker = [&]() -> Task<> {
        while (next < count) {
            const auto seed = first + next++;
            if (next % 10'000 == 0)
                std::cout << next << " lives" << std::endl;
            Life life{servers, helper, seed};
            try {
                co_await life.live();
            } catch (const std::exception& error) {
                ADD_FAILURE() << error.what() << "; again with FLUXMQ_SEED=" << seed << " FLUXMQ_SEQUENCES=1";
            }
            EXPECT_TRUE(life.clean()) << "FLUXMQ_SEED=" << seed << " FLUXMQ_SEQUENCES=1";
        }
    };
    std::vector<Beside> workers;
    for (int i = 0; i < at_a_time; ++i)
        workers.emplace_back(io.get_executor(), worker());
    io.run(); // to the end: nothing is left on the loop either
    for (const auto& one : workers)
        EXPECT_TRUE(one.done());
}

} // namespace
