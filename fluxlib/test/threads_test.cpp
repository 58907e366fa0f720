// SPDX-License-Identifier: MIT
// Services with several event loops: what must hold for their nodes, whichever loop these live on.
//
// FLUXLIB_LIVES: how many random lives, FLUXLIB_SEED: where they begin.
#include "support.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

namespace fluxlib::test {
namespace {

// Runs `app` as a main() does, and throws what it throws.
template <class App>
void run_app(App app) {
    std::exception_ptr failure;
    const auto guarded = [&]() -> Task<> {
        try {
            co_await app();
        } catch (...) {
            failure = std::current_exception();
        }
    };
    fluxlib::run(guarded());
    if (failure)
        std::rethrow_exception(failure);
}

ServiceOptions with_threads(int threads) {
    ServiceOptions options;
    options.threads = threads;
    options.handle_signals = false;
    options.logger = std::make_shared<spdlog::logger>("quiet");
    return options;
}

NodeOptions ports(std::string in, std::string out) {
    NodeOptions options;
    options.node.inputs = {{"in", {std::move(in)}}};
    options.node.outputs = {{"out", {std::move(out)}}};
    return options;
}

// What tests of several threads share: a count that can be awaited.
class Count {
public:
    void add() {
        {
            const std::lock_guard lock{mutex_};
            ++count_;
        }
        changed_.notify();
    }
    std::size_t now() const {
        const std::lock_guard lock{mutex_};
        return count_;
    }
    /// One coroutine.
    Task<> reaches(std::size_t count) {
        while (now() < count)
            co_await changed_.wait();
    }

private:
    mutable std::mutex mutex_;
    std::size_t count_ = 0;
    fluxmq::Wakeup changed_;
};

// Finds out whether hooks of one node overlap, and whether all of them run on one thread.
class Watched : public Node {
public:
    using Node::Node;

    std::atomic<int> overlaps{0};
    std::atomic<int> moves{0};
    std::thread::id thread() const {
        const std::lock_guard lock{mutex_};
        return thread_;
    }

protected:
    class Inside {
    public:
        explicit Inside(Watched& node) : node_{node} {
            if (node_.inside_.exchange(true))
                ++node_.overlaps;
            const std::lock_guard lock{node_.mutex_};
            if (node_.thread_ == std::thread::id{})
                node_.thread_ = std::this_thread::get_id();
            else if (node_.thread_ != std::this_thread::get_id())
                ++node_.moves;
        }
        ~Inside() { node_.inside_ = false; }

    private:
        Watched& node_;
    };

    Task<> on_create() override { return step(); }
    Task<> on_start() override { return step(); }
    Task<> on_stop() override { return step(); }
    Task<> on_destroy() override { return step(); }
    Task<> on_tick(const Tick&) override { return step(); }
    Task<> on_input(Message) override { return step(); }
    Task<> on_settings(Message) override { return step(); }

    Task<> step() {
        const Inside inside{*this};
        co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
    }

private:
    std::atomic<bool> inside_{false};
    mutable std::mutex mutex_;
    std::thread::id thread_;
};

TEST(threads, must_be_at_least_one) {
    for (const int threads : {0, -1}) {
        const auto why = message_of([&] { Service service{"svc", with_threads(threads)}; });
        EXPECT_THAT(why, HasSubstr("ServiceOptions::threads is " + std::to_string(threads)));
    }
}

TEST(threads, nodes_take_the_loops_in_turn_and_stay_where_they_are) {
    run_app([]() -> Task<> {
        Service service{"svc", with_threads(3)};
        service.attach(std::make_shared<fluxmq::InProc>());
        std::vector<Watched*> nodes;
        for (int i = 0; i < 6; ++i)
            nodes.push_back(&service.append_node<Watched>("n" + std::to_string(i), ports("in", "out")));
        co_await service.run();
        for (int i = 0; i < 20; ++i)
            service.publish("in", "x");
        co_await service.stop_node("*");
        co_await service.start_node("*");
        service.shutdown();
        const auto report = co_await service.wait();
        EXPECT_TRUE(report.drained);
        std::set<std::thread::id> threads;
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            EXPECT_EQ(nodes[i]->moves, 0);
            EXPECT_EQ(nodes[i]->overlaps, 0);
            EXPECT_EQ(nodes[i]->thread(), nodes[i % 3]->thread());
            threads.insert(nodes[i]->thread());
        }
        EXPECT_EQ(threads.size(), 3u);
        EXPECT_EQ(nodes[0]->thread(), std::this_thread::get_id())
            << "the first lives on the service's own loop";
    });
}

TEST(threads, with_one_all_hooks_run_on_the_thread_of_the_service) {
    run_app([]() -> Task<> {
        Service service{"svc", with_threads(1)};
        service.attach(std::make_shared<fluxmq::InProc>());
        auto& one = service.append_node<Watched>("one");
        auto& two = service.append_node<Watched>("two");
        co_await service.run();
        EXPECT_EQ(one.thread(), std::this_thread::get_id());
        EXPECT_EQ(two.thread(), std::this_thread::get_id());
        service.shutdown();
        co_await service.wait();
    });
}

// Publishes numbers from on_start on, a few with each turn of its loop.
struct Numbers : Node {
    Numbers(Service& service, std::string id, std::size_t count, Count& done)
        : Node{service, id, ports("commands", "numbers." + id)}, count_{count}, done_{done} {}
    Task<> on_start() override {
        for (std::size_t i = 0; i < count_; ++i) {
            output("out").publish(std::to_string(i));
            if (i % 16 == 0)
                co_await boost::asio::post(co_await boost::asio::this_coro::executor,
                                           boost::asio::use_awaitable);
        }
        done_.add();
    }
    std::size_t count_;
    Count& done_;
};

struct Sink : Node {
    explicit Sink(Service& service, std::string id, fluxmq::MailboxLimits limits)
        : Node{service, std::move(id), options(limits)} {}
    static NodeOptions options(fluxmq::MailboxLimits limits) {
        auto made = ports("numbers.*", "unused");
        made.input_limits = limits;
        return made;
    }
    Task<> on_input(Message message) override {
        auto& next = next_[std::string{message.topic()}];
        wrong += message.text() != std::to_string(next++);
        ++total;
        co_return;
    }
    std::size_t wrong = 0;
    std::size_t total = 0;
    std::map<std::string, std::size_t> next_;
};

TEST(threads, the_order_of_each_publisher_holds_and_nothing_is_lost_where_inputs_block) {
    run_app([]() -> Task<> {
        constexpr std::size_t publishers = 6;
        constexpr std::size_t count = 2'000;
        Service service{"svc", with_threads(2)};
        service.attach(std::make_shared<fluxmq::InProc>());
        const fluxmq::MailboxLimits limits{.messages = 64, .overflow = fluxmq::Overflow::block};
        std::vector<Sink*> sinks;
        Count done;
        for (const auto* name : {"s1", "s2"}) { // one for each loop
            auto sink = std::make_unique<Sink>(service, name, limits);
            sinks.push_back(sink.get());
            service.append_node(std::move(sink));
        }
        for (std::size_t i = 0; i < publishers; ++i)
            service.append_node(std::make_unique<Numbers>(service, "p" + std::to_string(i), count, done));
        co_await service.run();
        co_await done.reaches(publishers);
        service.shutdown();
        const auto report = co_await service.wait();
        EXPECT_TRUE(report.drained);
        for (const auto* sink : sinks) {
            EXPECT_EQ(sink->wrong, 0u);
            EXPECT_EQ(sink->total, publishers * count);
        }
        EXPECT_EQ(report.account.published, publishers * count);
        EXPECT_EQ(report.account.delivered, sinks.size() * publishers * count);
        EXPECT_EQ(report.account.pending, 0u);
        EXPECT_EQ(report.account.dropped.total(), 0u);
    });
}

// Passes on what it gets, after some turns of its loop.
struct Relay : Watched {
    using Watched::Watched;
    Task<> on_input(Message message) override {
        const Inside inside{*this};
        for (int i = 0; i < 3; ++i)
            co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
        output("out").publish(message.payload());
    }
};

TEST(threads, a_shutdown_waits_for_what_is_on_its_way_between_the_loops) {
    for (int round = 0; round < 20; ++round)
        run_app([]() -> Task<> {
            constexpr std::uint64_t count = 50;
            Service service{"svc", with_threads(3)};
            service.attach(std::make_shared<fluxmq::InProc>());
            constexpr int stages = 7;
            for (int i = 0; i < stages; ++i)
                service.append_node<Relay>("r" + std::to_string(i),
                                           ports("t" + std::to_string(i), "t" + std::to_string(i + 1)));
            co_await service.run();
            for (std::uint64_t i = 0; i < count; ++i)
                service.publish("t0", std::to_string(i));
            service.shutdown();
            const auto report = co_await service.wait();
            EXPECT_TRUE(report.drained);
            EXPECT_EQ(report.account.published, stages * count);
            EXPECT_EQ(report.account.delivered, stages * count);
            EXPECT_EQ(report.account.dropped.total(), 0u);
        });
}

// Does what the message says, with all that a hook may use of its service.
struct Busy : Watched {
    Busy(Service& service, std::string id, Count& done)
        : Watched{service, id, ports("do." + id, "out")}, done_{done} {}

    Task<> on_input(Message) override {
        auto& own = service();
        EXPECT_THAT(own.node_ids(), ::testing::Contains(id()));
        EXPECT_EQ(own.node(id()).id(), id());
        own.send_status("BUSY");
        set_status("busy");
        static_cast<void>(own.account());
        const auto thread = std::this_thread::get_id();

        const auto queue = co_await own.subscribe("queue." + id());
        EXPECT_EQ(std::this_thread::get_id(), thread);
        own.publish("queue." + id(), "to myself");
        const auto message = co_await queue->get();
        EXPECT_EQ(message.text(), "to myself");
        own.unsubscribe("queue." + id());

        std::thread::id handled_on;
        fluxmq::Wakeup handled;
        const auto handler = [&](const Message&) {
            handled_on = std::this_thread::get_id();
            handled.notify();
        };
        co_await own.subscribe_handler("handler." + id(), handler);
        own.publish("handler." + id(), "x");
        co_await handled.wait();
        EXPECT_EQ(handled_on, thread) << "a handler runs on the loop of the hook that made it";
        own.unsubscribe("handler." + id());

        own.append_node<Watched>(id() + "-child", ports("children", "out"));
        co_await own.stop_node("other");
        EXPECT_EQ(std::this_thread::get_id(), thread);
        co_await own.start_node("other");
        const auto twice = co_await error_of(own.start_node("other"));
        EXPECT_EQ(twice, errc::illegal_transition);
        const auto missing = co_await error_of(own.destroy_node("nobody"));
        EXPECT_EQ(missing, errc::unknown_node);
        const auto answer = co_await own.request("svc.echo", id());
        EXPECT_EQ(answer.text(), id());
        EXPECT_EQ(std::this_thread::get_id(), thread);
        done_.add();
        co_await stop(); // after this hook
        EXPECT_EQ(lifecycle(), NodeState::started);
    }

    Count& done_;
};

TEST(threads, hooks_may_use_their_service_from_every_loop) {
    for (int which = 0; which < 3; ++which)
        run_app([which]() -> Task<> {
            Count done;
            Service service{"svc", with_threads(3)};
            service.attach(std::make_shared<fluxmq::InProc>());
            for (int i = 0; i < which; ++i)
                service.append_node<Node>("filler" + std::to_string(i));
            service.append_node(std::make_unique<Busy>(service, "busy", done));
            service.append_node<Watched>("other", ports("none", "out"));
            co_await service.run();
            const auto echo = [&](const Message& message) { service.respond(message, message.payload()); };
            co_await service.subscribe_handler("svc.echo", echo);
            service.publish("do.busy", "now");
            co_await done.reaches(1);
            auto& busy = service.node("busy");
            while (busy.lifecycle() != NodeState::stopped)
                co_await boost::asio::post(co_await boost::asio::this_coro::executor,
                                           boost::asio::use_awaitable);
            EXPECT_EQ(service.current_status(), "BUSY");
            EXPECT_THAT(service.node_ids(), ::testing::Contains("busy-child"));
            service.shutdown();
            const auto report = co_await service.wait();
            EXPECT_TRUE(report.drained);
        });
}

// Its hook destroys itself.
struct Mortal : Watched {
    using Watched::Watched;
    Task<> on_input(Message) override {
        co_await service().destroy_node(id());
        EXPECT_EQ(lifecycle(), NodeState::started);
    }
    Task<> on_destroy() override {
        co_await step();
        gone->add();
    }
    Count* gone = nullptr;
};

TEST(threads, a_hook_may_destroy_its_own_node_on_every_loop) {
    run_app([]() -> Task<> {
        Count gone;
        Service service{"svc", with_threads(4)};
        service.attach(std::make_shared<fluxmq::InProc>());
        constexpr std::size_t count = 8;
        for (std::size_t i = 0; i < count; ++i)
            service.append_node<Mortal>("m" + std::to_string(i), ports("die", "out")).gone = &gone;
        co_await service.run();
        service.publish("die", "all of you");
        co_await gone.reaches(count);
        while (!service.node_ids().empty())
            co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
        EXPECT_EQ(service.account().delivered, count);
        service.shutdown();
        co_await service.wait();
    });
}

Task<> given(Node& node, NodeCommand command) {
    switch (command) {
    case NodeCommand::start: return node.start();
    case NodeCommand::stop: return node.stop();
    default: return node.destroy();
    }
}

TEST(threads, commands_that_come_while_a_node_is_destroyed_are_answered) {
    for (int round = 0; round < 50; ++round)
        run_app([]() -> Task<> {
            Service service{"svc", with_threads(2)};
            service.attach(std::make_shared<fluxmq::InProc>());
            service.append_node<Node>("filler");
            auto& node = service.append_node<Watched>("n", ports("in", "out"));
            co_await service.run();
            Count ended;
            const auto executor = co_await boost::asio::this_coro::executor;
            const auto attempt = [&](NodeCommand command) -> Task<> {
                auto task = given(node, command);
                const auto kind = co_await error_of(std::move(task));
                EXPECT_TRUE(kind == errc{} || kind == errc::illegal_transition);
                ended.add();
            };
            std::size_t count = 0;
            for (const auto command : {NodeCommand::stop, NodeCommand::destroy, NodeCommand::destroy,
                                       NodeCommand::stop, NodeCommand::start, NodeCommand::destroy}) {
                boost::asio::co_spawn(executor, attempt(command), boost::asio::detached);
                ++count;
            }
            co_await ended.reaches(count);
            EXPECT_EQ(node.lifecycle(), NodeState::destroyed);
            service.shutdown();
            co_await service.wait();
        });
}

// Ticks by its own clock, which is the real one here.
TEST(threads, ticks_come_on_every_loop) {
    struct Ticking : Watched {
        using Watched::Watched;
        Task<> on_tick(const Tick&) override {
            co_await step();
            ticks->add();
        }
        Count* ticks = nullptr;
    };
    run_app([]() -> Task<> {
        Count ticks[4];
        Service service{"svc", with_threads(2)};
        service.attach(std::make_shared<fluxmq::InProc>());
        for (int i = 0; i < 4; ++i) {
            NodeOptions options;
            if (i < 2)
                options.timer = DataTimer{.type = TimerType::local, .interval = 1ms};
            else
                options.timer = DataTimer{.type = TimerType::global};
            service.append_node<Ticking>("n" + std::to_string(i), std::move(options)).ticks = &ticks[i];
        }
        co_await service.run();
        co_await ticks[0].reaches(3);
        co_await ticks[1].reaches(3);
        for (std::size_t i = 1; i <= 3; ++i) {
            service.publish(service.topic().node_time(), "tick");
            co_await ticks[2].reaches(i);
            co_await ticks[3].reaches(i);
        }
        service.shutdown();
        const auto report = co_await service.wait();
        EXPECT_TRUE(report.drained);
    });
}

TEST(threads, a_config_changes_the_timer_of_a_node_while_ticks_come) {
    run_app([]() -> Task<> {
        auto options = with_threads(2);
        options.request_config = false;
        Service service{"svc", options};
        service.attach(std::make_shared<fluxmq::InProc>());
        service.register_node<Watched>("Watched");
        co_await service.run();
        const auto config = [](int round) {
            const std::string timer =
                round % 2 == 0 ? R"({"type": "GLOBAL"})" : R"({"type": "LOCAL", "intervalMs": 1})";
            return R"({"nodes": [{"id": "here", "type": "Watched"},
                                 {"id": "there", "type": "Watched", "timer": )" +
                   timer + "}]}";
        };
        co_await service.apply_config(config(0));
        co_await service.start_node("*");
        bool goes_on = true;
        Count ended;
        const auto clock = [&]() -> Task<> {
            while (goes_on) {
                service.publish(service.topic().node_time(), "tick");
                co_await boost::asio::post(boost::asio::use_awaitable);
            }
            ended.add();
        };
        boost::asio::co_spawn(co_await boost::asio::this_coro::executor, clock(), boost::asio::detached);
        for (int round = 1; round <= 50; ++round) {
            const auto next = config(round);
            co_await service.apply_config(next);
        }
        goes_on = false;
        co_await ended.reaches(1);
        service.shutdown();
        const auto report = co_await service.wait();
        EXPECT_TRUE(report.drained);
    });
}

TEST(threads, a_config_makes_retunes_and_destroys_nodes_on_every_loop) {
    struct Tuned : Watched {
        using Watched::Watched;
        void check_settings(const boost::json::object& wanted) const override {
            ++checked; // a member: hooks and this never run at the same time
            if (wanted.contains("bad"))
                throw std::runtime_error{"bad settings"};
        }
        Task<> on_settings(Message message) override {
            ++checked;
            co_await Watched::on_settings(std::move(message));
        }
        mutable int checked = 0;
    };
    run_app([]() -> Task<> {
        auto options = with_threads(2);
        options.request_config = false;
        Service service{"svc", options};
        service.attach(std::make_shared<fluxmq::InProc>());
        service.register_node<Tuned>("Tuned");
        co_await service.run();
        const auto config = [](std::string settings, int count) {
            std::string nodes;
            for (int i = 0; i < count; ++i)
                nodes += std::string{i ? "," : ""} + R"({"id": "n)" + std::to_string(i) +
                         R"(", "type": "Tuned", "settings": )" + settings + "}";
            return R"({"nodes": [)" + nodes + "]}";
        };
        co_await service.apply_config(config(R"({"a": 1})", 4));
        EXPECT_EQ(service.node_ids().size(), 4u);
        co_await service.start_node("*");
        co_await service.apply_config(config(R"({"a": 2})", 4));
        bool failed = false;
        try {
            co_await service.apply_config(config(R"({"bad": 2})", 4));
        } catch (const Error& error) {
            failed = true;
            EXPECT_STREQ(error.what(), "invalid config: node 'n0': field 'settings': bad settings");
        }
        EXPECT_TRUE(failed);
        co_await service.apply_config(config(R"({"a": 2})", 2));
        EXPECT_EQ(service.node_ids().size(), 2u);
        for (const auto& id : service.node_ids()) {
            co_await service.stop_node(id); // behind the settings
            EXPECT_EQ(service.node(id).settings().at("a"), 2);
        }
        service.shutdown();
        co_await service.wait();
    });
}

TEST(threads, a_service_that_is_destroyed_without_wait_ends_its_threads) {
    for (int round = 0; round < 20; ++round)
        run_app([]() -> Task<> {
            const auto transport = std::make_shared<fluxmq::InProc>();
            {
                Service service{"svc", with_threads(3)};
                service.attach(transport);
                for (int i = 0; i < 6; ++i)
                    service.append_node<Node>("n" + std::to_string(i), ports("in", "out"));
                co_await service.run();
                co_await service.subscribe_handler("in", [](const Message&) {});
                for (int i = 0; i < 100; ++i)
                    service.publish("in", "may wait in a mailbox");
            }
            transport->publish("in", "nobody is there");
        });
}

TEST(threads, a_service_may_outlive_the_event_loop) {
    Service service{"svc", with_threads(3)};
    run_app([&]() -> Task<> {
        service.attach(std::make_shared<fluxmq::InProc>());
        for (int i = 0; i < 6; ++i)
            service.append_node<Node>("n" + std::to_string(i), ports("in", "out"));
        co_await service.run();
        for (int i = 0; i < 100; ++i)
            service.publish("in", "may wait in a mailbox");
        service.shutdown();
        co_await service.wait();
    });
}

TEST(threads, what_a_hook_leaves_behind_on_its_loop_goes_with_the_service) {
    struct Leaving : Node {
        using Node::Node;
        Task<> on_start() override {
            boost::asio::co_spawn(co_await boost::asio::this_coro::executor, sleep(std::move(left)),
                                  boost::asio::detached);
        }
        static Task<> sleep(std::shared_ptr<int> kept) {
            co_await fluxmq::Clock::real()->sleep_for(24h);
            static_cast<void>(kept);
        }
        std::shared_ptr<int> left = std::make_shared<int>(0);
    };
    std::weak_ptr<int> weak;
    run_app([&]() -> Task<> {
        {
            Service service{"svc", with_threads(2)};
            service.attach(std::make_shared<fluxmq::InProc>());
            service.append_node<Node>("filler");
            weak = service.append_node<Leaving>("n").left;
            co_await service.run();
            service.shutdown();
            co_await service.wait();
            EXPECT_FALSE(weak.expired());
        }
        EXPECT_TRUE(weak.expired());
    });
}

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text && *text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// What all nodes of a life have in common.
struct World {
    std::atomic<std::uint64_t> published{0}; // by outputs
    std::atomic<std::uint64_t> counted{0};   // of these, to the sinks
    std::atomic<int> left{400};              // of what they do
    std::atomic<int> made{0};
    std::atomic<int> overlaps{0};
    std::atomic<int> moves{0};
};

// Does something at random at each message and tick: publishes, appends, stops, starts and destroys.
class Wild : public Watched {
public:
    Wild(Service& service, World& world, int number)
        : Watched{service, "w" + std::to_string(1000 + number), options(number)}, world_{world},
          random_{static_cast<std::uint64_t>(number)} {}
    ~Wild() override {
        world_.overlaps += overlaps;
        world_.moves += moves;
    }

protected:
    Task<> on_input(Message) override {
        const Inside inside{*this};
        co_await act();
    }
    Task<> on_tick(const Tick&) override {
        const Inside inside{*this};
        co_await act();
    }

private:
    static NodeOptions options(int number) {
        auto made = ports("wild", "wild");
        made.node.outputs.push_back({"counted", {"counted"}});
        constexpr fluxmq::Overflow policies[] = {fluxmq::Overflow::block, fluxmq::Overflow::drop_oldest,
                                                 fluxmq::Overflow::drop_newest, fluxmq::Overflow::fail};
        made.input_limits = {.messages = 8, .overflow = policies[number % 4]};
        made.timer = DataTimer{.type = TimerType::local, .interval = 1ms};
        return made;
    }

    Task<> act() {
        if (--world_.left < 0)
            co_return;
        const auto ids = service().node_ids();
        const auto other = ids[pick(ids.size())];
        try {
            switch (pick(12)) {
            case 0:
                if (ids.size() < 12)
                    service().append_node(std::make_unique<Wild>(service(), world_, ++world_.made));
                break;
            case 1: co_await command(NodeCommand::stop, other); break;
            case 2:
            case 3: co_await command(NodeCommand::start, other); break;
            case 4:
                if (other.starts_with("w"))
                    co_await command(NodeCommand::destroy, other);
                break;
            case 5:
                co_await boost::asio::post(co_await boost::asio::this_coro::executor,
                                           boost::asio::use_awaitable);
                break;
            case 6: set_status("wild"); break;
            case 7: static_cast<void>(service().account()); break;
            case 8:
            case 9:
                output("counted").publish("x");
                ++world_.counted;
                ++world_.published;
                break;
            default:
                output("out").publish("x");
                ++world_.published;
                break;
            }
        } catch (const Error& error) { // of any kind, but only that
            EXPECT_NE(error.kind(), errc{});
        }
    }

    // Two nodes that waited for each other would wait for ever, so they wait for later ones only.
    Task<> command(NodeCommand what, std::string whom) {
        if (whom < id())
            co_return;
        if (what == NodeCommand::stop)
            co_await service().stop_node(whom);
        else if (what == NodeCommand::start)
            co_await service().start_node(whom);
        else
            co_await service().destroy_node(whom);
    }

    std::size_t pick(std::size_t count) {
        return std::uniform_int_distribution<std::size_t>{0, count - 1}(random_);
    }

    World& world_;
    std::mt19937_64 random_;
};

TEST(threads, random_lives_end_with_an_exact_account) {
    const auto count = from_environment("FLUXLIB_LIVES", 100);
    const auto first = from_environment("FLUXLIB_SEED", 1);
    std::uint64_t counted = 0;
    int made = 0;
    for (auto seed = first; seed < first + count; ++seed) {
        SCOPED_TRACE("FLUXLIB_LIVES=1 FLUXLIB_SEED=" + std::to_string(seed));
        World world;
        run_app([&]() -> Task<> {
            std::mt19937_64 random{seed};
            auto options = with_threads(2 + static_cast<int>(seed % 3));
            options.drain_timeout = 60s;
            Service service{"svc", options};
            service.attach(std::make_shared<fluxmq::InProc>());
            // They stay, and are started and stopped like the others.
            std::vector<Watched*> sinks;
            for (const auto policy : {fluxmq::Overflow::block, fluxmq::Overflow::drop_oldest,
                                      fluxmq::Overflow::drop_newest, fluxmq::Overflow::fail}) {
                auto sink = ports("counted", "nothing");
                sink.input_limits = {.messages = 4, .overflow = policy};
                sinks.push_back(
                    &service.append_node<Watched>("x-sink" + std::to_string(sinks.size()), std::move(sink)));
            }
            for (int i = 0; i < 4; ++i)
                service.append_node(std::make_unique<Wild>(service, world, ++world.made));
            co_await service.run();
            const auto turns = std::uniform_int_distribution<int>{0, 1'500}(random);
            for (int i = 0; i < turns; ++i) {
                if (i % 10 == 0)
                    service.publish("wild", "from outside");
                co_await boost::asio::post(co_await boost::asio::this_coro::executor,
                                           boost::asio::use_awaitable);
            }
            service.shutdown();
            const auto report = co_await service.wait();
            EXPECT_TRUE(report.drained);
            EXPECT_THAT(report.unfinished, ::testing::IsEmpty());
            EXPECT_EQ(report.account.published, world.published);
            EXPECT_EQ(report.account.pending, 0u);
            for (const auto* sink : sinks) {
                const auto counters = sink->counters();
                EXPECT_EQ(counters.received, world.counted);
                EXPECT_EQ(counters.received, counters.delivered + counters.dropped.total());
                EXPECT_EQ(sink->overlaps, 0);
                EXPECT_EQ(sink->moves, 0);
            }
            for (const auto& id : service.node_ids())
                EXPECT_EQ(service.node(id).lifecycle(), NodeState::destroyed) << id;
        });
        EXPECT_EQ(world.overlaps, 0);
        EXPECT_EQ(world.moves, 0);
        counted += world.counted;
        made += world.made;
    }
    std::cout << count << " lives: " << made << " nodes, " << counted << " messages to each sink"
              << std::endl;
}

} // namespace
} // namespace fluxlib::test
