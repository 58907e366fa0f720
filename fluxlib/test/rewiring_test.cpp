// SPDX-License-Identifier: MIT
// A running graph is given one config after another: nothing is lost, nothing doubled, and what is not concerned does
// not notice.
#include "support.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>

#include <map>
#include <random>

namespace fluxlib::test {
namespace {

/// How often each numbered message was handled, and by whom.
struct Ledger {
    std::vector<int> handled;
    std::map<std::string, std::vector<int>> of_node;
    std::map<std::string, int> created;

    int total = 0; // of the numbered ones

    void note(const std::string& node, const Message& message) {
        total += node != "still-sink";
        const auto number = static_cast<std::size_t>(std::stoul(std::string{message.text()}));
        if (handled.size() <= number)
            handled.resize(number + 1);
        ++handled[number];
        of_node[node].push_back(static_cast<int>(number));
    }
};

struct Kinds {
    static inline Ledger* ledger = nullptr;

    struct Sink : Node {
        using Node::Node;

    protected:
        Task<> on_create() override {
            ++ledger->created[id()];
            co_return;
        }
        Task<> on_input(Message message) override {
            ledger->note(id(), message);
            co_return;
        }
        void check_settings(const boost::json::object& wanted) const override {
            if (wanted.contains("bad"))
                throw std::runtime_error{"'bad' is not for sinks"};
        }
    };
    struct OtherSink : Sink {
        using Sink::Sink;
    };
    struct Source : Node {
        using Node::Node;
    };
    /// Destroys another node while the config that made it is prepared.
    struct Killer : Sink {
        using Sink::Sink;

    private:
        Task<> on_create() override { co_await service().destroy_node("victim"); }
    };
    struct Refusing : Node {
        using Node::Node;

    private:
        Task<> on_create() override { throw std::runtime_error{"no such device"}; }
    };
};

/// Passes on what it gets, once it is let.
struct Slow : Node {
    using Node::Node;
    static inline fluxmq::Wakeup* may_go = nullptr;
    static inline int handled = 0;

private:
    Task<> on_input(Message message) override {
        if (handled++ == 0)
            co_await may_go->wait();
        output("out").publish(message.payload());
    }
};

constexpr int topic_count = 4;

std::string topic_of(int number) { return "data." + std::to_string(number); }

boost::json::value source(const std::string& id, const std::string& topic) {
    DataNode node;
    node.id = id;
    node.type = "source";
    node.outputs.push_back({"out", {topic}});
    return to_json(node);
}

boost::json::value sink(const std::string& id, const std::string& type,
                        const std::vector<std::string>& topics) {
    DataNode node;
    node.id = id;
    node.type = type;
    node.inputs.push_back({"in", topics});
    return to_json(node);
}

boost::json::value slow(const std::string& id, const std::string& in, const std::string& out) {
    DataNode node;
    node.id = id;
    node.type = "slow";
    node.inputs.push_back({"in", {in}});
    node.outputs.push_back({"out", {out}});
    return to_json(node);
}

/// A graph in which every topic goes to one sink, so that each message is handled once, whatever the wiring.
class Graph {
public:
    void change(std::mt19937& random) {
        const auto pick = [&](int below) {
            return static_cast<int>(random() % static_cast<unsigned>(below));
        };
        sinks_.clear();
        for (int i = 0; i < topic_count; ++i)
            if (pick(3) > 0 || (sinks_.empty() && i == topic_count - 1))
                sinks_.push_back(i);
        for (auto& sink : sink_of_)
            sink = sinks_[static_cast<std::size_t>(pick(static_cast<int>(sinks_.size())))];
        for (auto& other : is_other_)
            if (pick(6) == 0)
                other = !other;
        out_ = pick(topic_count);
    }

    boost::json::array config() const {
        boost::json::array nodes;
        nodes.push_back(source("source", topic_of(out_)));
        nodes.push_back(source("still-source", "still"));
        nodes.push_back(sink("still-sink", "sink", {"still"}));
        for (const int number : sinks_) {
            std::vector<std::string> topics;
            for (int topic = 0; topic < topic_count; ++topic)
                if (sink_of_[topic] == number)
                    topics.push_back(topic_of(topic));
            nodes.push_back(
                sink("sink" + std::to_string(number), is_other_[number] ? "other" : "sink", topics));
        }
        return nodes;
    }

private:
    std::vector<int> sinks_{0, 1, 2, 3};
    int sink_of_[topic_count] = {0, 1, 2, 3};
    bool is_other_[topic_count] = {};
    int out_ = 0;
};

class RewiringOn : public ::testing::TestWithParam<Broker> {
protected:
    RewiringOn() { Kinds::ledger = &ledger; }

    Mesh mesh{GetParam()};
    Ledger ledger;

    void with_graph(const boost::json::array& config, std::function<Task<>(Service&)> body) {
        mesh.run([&]() -> Task<> {
            auto options = mesh.options();
            options.request_config = false;
            Service service{"svc", options};
            service.attach(co_await mesh.connect());
            service.register_node<Kinds::Sink>("sink");
            service.register_node<Kinds::OtherSink>("other");
            service.register_node<Kinds::Source>("source");
            service.register_node<Kinds::Refusing>("refusing");
            service.register_node<Slow>("slow");
            service.register_node<Kinds::Killer>("killer");
            co_await service.run();
            const auto text = boost::json::serialize(config);
            co_await service.apply_config(text);
            // As a manager does it, so that new nodes start at once.
            const auto manager = co_await mesh.manager();
            manager->start("svc");
            for (const auto& id : service.node_ids())
                co_await manager->wait_for_node(id, "started");
            co_await body(service);
            service.shutdown();
            const auto report = co_await service.wait();
            EXPECT_TRUE(report.drained);
            EXPECT_EQ(report.account.pending, 0u);
        }());
    }
};

INSTANTIATE_TEST_SUITE_P(, RewiringOn, ::testing::Values(Broker::inproc, Broker::nats),
                         ::testing::PrintToStringParamName());

Task<> turn() { co_await boost::asio::post(boost::asio::use_awaitable); }

TEST_P(RewiringOn, a_hundred_random_configs_lose_and_double_nothing) {
    static unsigned seed = 17; // --gtest_repeat tries others
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed++};
    Graph graph;
    int sent = 0;
    int still_sent = 0;
    bool stop = false;
    fluxmq::Wakeup stopped;
    with_graph(graph.config(), [&](Service& service) -> Task<> {
        const auto flood = [&]() -> Task<> {
            while (!stop) {
                for (int i = 0; i < 20; ++i) {
                    service.node("source").output("out").publish(std::to_string(sent++));
                    service.node("still-source").output("out").publish("0");
                    ++still_sent;
                }
                do
                    co_await turn();
                while (sent > ledger.total + 2000); // no queue overflows
            }
            stopped.notify();
        };
        const auto executor = co_await boost::asio::this_coro::executor;
        boost::asio::co_spawn(executor, flood(), boost::asio::detached);
        for (int round = 1; round <= 100; ++round) {
            auto next = graph;
            next.change(random);
            auto config = next.config();
            const bool fails = round % 10 == 0;
            if (fails) {
                DataNode refusing;
                refusing.id = "refusing";
                refusing.type = "refusing";
                config.push_back(to_json(refusing));
            } else {
                graph = next;
            }
            const auto before = service.node_ids();
            std::string refused;
            try {
                const auto text = boost::json::serialize(config);
                co_await service.apply_config(text);
            } catch (const Error& error) {
                refused = error.what();
            }
            EXPECT_EQ(!refused.empty(), fails) << refused;
            if (fails) {
                EXPECT_THAT(refused, HasSubstr("node 'refusing'"));
                EXPECT_THAT(refused, HasSubstr("no such device"));
                EXPECT_EQ(service.node_ids(), before);
            }
        }
        stop = true;
        co_await stopped.wait();
    });
    int lost = 0;
    int doubled = 0;
    for (std::size_t number = 1; number < ledger.handled.size(); ++number) { // 0 is what the still ones send
        lost += ledger.handled[number] == 0;
        doubled += ledger.handled[number] > 1;
    }
    EXPECT_EQ(ledger.handled.size(), static_cast<std::size_t>(sent));
    EXPECT_EQ(lost, 0);
    EXPECT_EQ(doubled, 0);
    EXPECT_EQ(ledger.of_node["still-sink"].size(), static_cast<std::size_t>(still_sent));
    EXPECT_EQ(ledger.created["still-sink"], 1);
    for (const auto& [node, numbers] : ledger.of_node)
        EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end())) << node;
}

TEST_P(RewiringOn, what_a_node_that_goes_has_queued_still_goes_its_way) {
    fluxmq::Wakeup may_go;
    Slow::may_go = &may_go;
    Slow::handled = 0;
    boost::json::array chain;
    chain.push_back(source("source", "data"));
    chain.push_back(slow("second", "half", "done")); // the order in a config means nothing
    chain.push_back(slow("first", "data", "half"));
    chain.push_back(sink("sink", "sink", {"done"}));
    with_graph(chain, [&](Service& service) -> Task<> {
        const auto flush = [&]() -> Task<> { return service.transport().flush(); };
        for (int i = 0; i < 10; ++i)
            service.node("source").output("out").publish(std::to_string(i));
        co_await flush();
        boost::json::array direct;
        direct.push_back(source("source", "data"));
        direct.push_back(sink("sink", "sink", {"data"}));
        const auto text = boost::json::serialize(direct);
        const auto let_go = [&]() -> Task<> {
            while (service.node("sink").input("in").topics().front() != "data")
                co_await turn();
            service.node("source").output("out").publish("10");
            may_go.notify();
        };
        mesh.spawn(let_go());
        co_await service.apply_config(text);
        EXPECT_THAT(service.node_ids(), ElementsAre("source", "sink"));
    });
    EXPECT_EQ(ledger.handled, std::vector<int>(11, 1));
}

TEST_P(RewiringOn, a_node_may_be_destroyed_while_a_config_moves_its_topics) {
    boost::json::array before;
    before.push_back(source("source", "data"));
    before.push_back(sink("victim", "sink", {"data", "more"}));
    before.push_back(sink("other", "sink", {"more"}));
    with_graph(before, [&](Service& service) -> Task<> {
        boost::json::array after;
        after.push_back(source("source", "data"));
        after.push_back(sink("victim", "sink", {"new"}));
        after.push_back(sink("other", "sink", {"more", "data"})); // from the victim
        after.push_back(sink("killer", "killer", {"data"}));
        const auto text = boost::json::serialize(after);
        co_await service.apply_config(text);
        EXPECT_THAT(service.node_ids(), ElementsAre("source", "other", "killer"));
        service.node("source").output("out").publish("0");
    });
    EXPECT_EQ(ledger.of_node["killer"].size(), 1u);
}

// While the broker is asked for what is new: there the config waits.
TEST_P(RewiringOn, a_node_may_be_destroyed_while_its_new_topics_are_subscribed) {
    boost::json::array before;
    before.push_back(source("source", "data"));
    for (int i = 0; i < 20; ++i)
        before.push_back(sink("n" + std::to_string(i), "sink", {"old." + std::to_string(i)}));
    with_graph(before, [&](Service& service) -> Task<> {
        boost::json::array after;
        after.push_back(source("source", "data"));
        for (int i = 0; i < 20; ++i)
            after.push_back(
                sink("n" + std::to_string(i), "sink", {"data", "old." + std::to_string((i + 1) % 20)}));
        const auto destroy = [](Service& target, int number) -> Task<> {
            co_await turn();
            co_await target.destroy_node("n" + std::to_string(number));
        };
        for (const int number : {0, 1, 10, 19})
            mesh.spawn(destroy(service, number));
        const auto text = boost::json::serialize(after);
        co_await service.apply_config(text);
        EXPECT_EQ(service.node_ids().size(), 17u);
        service.node("source").output("out").publish("0");
    });
    EXPECT_EQ(ledger.handled, std::vector<int>(1, 16));
}

TEST_P(RewiringOn, what_comes_for_new_nodes_waits_until_they_have_started) {
    fluxmq::Wakeup may_go;
    Slow::may_go = &may_go;
    Slow::handled = 0;
    boost::json::array before;
    before.push_back(source("source", "data"));
    before.push_back(slow("slow", "data", "done"));
    before.push_back(sink("sink", "sink", {"done"}));
    with_graph(before, [&](Service& service) -> Task<> {
        const auto publish = [&](int number) {
            service.node("source").output("out").publish(std::to_string(number));
        };
        publish(0);
        co_await service.transport().flush();
        int sent = 1;
        boost::json::array after;
        after.push_back(source("source", "data"));
        after.push_back(sink("new", "sink", {"data"}));
        after.push_back(sink("sink", "other", {"data"}));
        const auto text = boost::json::serialize(after);
        const auto let_go = [&]() -> Task<> {
            while (!ledger.created.contains("new"))
                co_await turn();
            for (; sent < 1000 && service.node("new").counters().pending < 5; ++sent) {
                publish(sent);
                co_await service.transport().flush();
                co_await turn();
            }
            EXPECT_LT(sent, 1000);      // they wait,
            EXPECT_EQ(ledger.total, 0); // as a node that goes is not done, and neither new one has started
            may_go.notify();
        };
        mesh.spawn(let_go());
        co_await service.apply_config(text);
    });
    EXPECT_EQ(ledger.handled.at(0), 1); // by way of the one that went
    EXPECT_EQ(ledger.handled.back(), 2);
    EXPECT_EQ(std::count(ledger.handled.begin(), ledger.handled.end(), 0), 0);
    for (const auto& [node, numbers] : ledger.of_node)
        EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end())) << node;
}

// Within one event loop: between two of them such a change has no one moment.
TEST(Rewiring, a_wildcard_takes_over_from_what_it_overlaps_without_a_loss) {
    struct Case {
        std::vector<std::string> before, after; // of input "in" of sink "a"
        std::vector<std::string> other_before, other_after;
    };
    const std::vector<Case> cases{{{"data.*"}, {"data.>"}, {}, {}},
                                  {{"data.>"}, {"data.x", "data.*"}, {}, {}},
                                  {{"data.x"}, {"*.x"}, {}, {}},
                                  {{"data.x", "data.*"}, {"data.>"}, {}, {}},
                                  {{"data.x"}, {}, {}, {"data.*"}},
                                  {{"data.>"}, {}, {}, {"data.x"}},
                                  {{"data.>"}, {"none"}, {"other"}, {"*.x"}}};
    for (const std::string b_becomes :
         {"sink", "other"}) // the same node, or another one that hears nothing yet
        for (const auto& each : cases) {
            Mesh mesh;
            Ledger ledger;
            Kinds::ledger = &ledger;
            int sent = 0;
            mesh.run([&]() -> Task<> {
                auto options = mesh.options();
                options.request_config = false;
                Service service{"svc", options};
                service.attach(co_await mesh.connect());
                service.register_node<Kinds::Sink>("sink");
                service.register_node<Kinds::OtherSink>("other");
                co_await service.run();
                const auto config = [](const auto& a, const auto& b, const std::string& type_of_b) {
                    boost::json::array nodes;
                    nodes.push_back(sink("a", "sink", a));
                    nodes.push_back(sink("b", type_of_b, b));
                    return boost::json::serialize(nodes);
                };
                const auto before = config(each.before, each.other_before, "sink");
                co_await service.apply_config(before);
                co_await service.start_node_all();
                bool stop = false;
                fluxmq::Wakeup stopped;
                const auto flood = [&]() -> Task<> {
                    while (!stop) {
                        service.publish("data.x", std::to_string(sent++));
                        co_await turn();
                    }
                    stopped.notify();
                };
                mesh.spawn(flood());
                const auto after = config(each.after, each.other_after, b_becomes);
                co_await service.apply_config(after);
                stop = true;
                co_await stopped.wait();
                service.shutdown();
                co_await service.wait();
            }());
            EXPECT_GE(sent, 3);
            EXPECT_EQ(ledger.handled, std::vector<int>(static_cast<std::size_t>(sent), 1))
                << ::testing::PrintToString(each.before) << " to " << ::testing::PrintToString(each.after);
        }
}

} // namespace
} // namespace fluxlib::test
