// SPDX-License-Identifier: MIT
// Broken connections: what a bus without persistence may lose, and what it may not.
#include "cases.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

namespace fluxmq::testing {

void link_reconnect_cases() {}

namespace {

// The story of one connection; it must outlive the transport's last event.
class Story {
public:
    explicit Story(Transport& transport) {
        transport.on_event([this](const ConnectionEvent& event) { states_.push_back(event.state); });
    }
    const std::vector<ConnectionState>& states() const noexcept { return states_; }

    Task<> has(ConnectionState state, std::ptrdiff_t times) {
        co_await until([&] { return std::count(states_.begin(), states_.end(), state) >= times; },
                       std::string{to_string(state)});
    }

private:
    std::vector<ConnectionState> states_;
};

// Publishers, each a thread with a topic and numbers of its own, that together send as many messages as they are
// let. The numbers that publish() refused are known.
class Publishers {
public:
    Publishers(Transport& transport, const std::string& base, std::size_t count, std::size_t messages)
        : transport_{transport}, messages_{messages}, accepted_(count) {
        for (std::size_t p = 0; p < count; ++p)
            threads_.emplace_back([this, p, topic = base + std::to_string(p)] { publish(p, topic); });
    }
    ~Publishers() { allow(messages_); }
    Publishers(const Publishers&) = delete;
    Publishers& operator=(const Publishers&) = delete;

    void allow(std::size_t messages) {
        const std::lock_guard lock{mutex_};
        allowed_ = messages;
        more_.notify_all();
    }
    Task<> have_sent(std::size_t messages) {
        co_await until([&] { return sent_ >= messages; }, "publishers");
    }
    // The numbers that each of them sent; for after have_sent() of all.
    const std::vector<std::vector<std::size_t>>& accepted() const noexcept { return accepted_; }

private:
    void publish(std::size_t publisher, const std::string& topic) {
        while (true) {
            std::size_t number = 0;
            {
                std::unique_lock lock{mutex_};
                more_.wait(lock, [this] { return taken_ < allowed_ || taken_ == messages_; });
                if (taken_ == messages_)
                    return;
                number = taken_++;
            }
            try {
                transport_.publish(topic, std::to_string(number));
                accepted_[publisher].push_back(number);
            } catch (const Error& error) {
                EXPECT_TRUE(error.retryable()) << error.what();
            }
            ++sent_;
        }
    }

    Transport& transport_;
    const std::size_t messages_;
    std::mutex mutex_;
    std::condition_variable more_;
    std::size_t taken_ = 0;
    std::size_t allowed_ = 0;
    std::atomic<std::size_t> sent_{0};
    std::vector<std::vector<std::size_t>> accepted_;
    std::vector<std::jthread> threads_; // the last member: they use the others until they have ended
};

} // namespace

// Watermill's TestReconnect, on a bus that may lose what was on its way when the connection broke: the account.
TEST_P(ReconnectConformance, a_hundred_publishers_go_on_through_breaks_at_a_third_and_a_half) {
    run([&]() -> Task<> {
        constexpr std::size_t publishers = 100;
        const auto count = scaled(10'000);
        const auto base = topic() + '.';
        const auto transport = world().make();
        Story story{*transport};
        co_await transport->connect();
        const auto inbox = std::make_shared<Inbox>();
        std::vector<Subscription> subscriptions(publishers);
        const auto subscribe = [&](std::size_t i) -> Task<> {
            subscriptions[i] = co_await transport->subscribe(base + std::to_string(i), inbox);
        };
        co_await at_once(publishers, subscribe);

        // Up to these numbers: sent and flushed, on its way at the break, sent while there is no connection.
        struct Part {
            std::size_t flushed, broken, apart;
        };
        const Part parts[] = {{count / 4, count / 3, count * 5 / 12},
                              {count * 11 / 24, count / 2, count * 2 / 3}};
        const auto certain = [&](std::size_t number) {
            return std::none_of(std::begin(parts), std::end(parts), [&](const Part& part) {
                return number >= part.flushed && number < part.broken;
            });
        };
        std::vector<std::vector<std::size_t>> accepted;
        {
            Publishers sending{*transport, base, publishers, count};
            std::ptrdiff_t breaks = 0;
            for (const auto& part : parts) {
                sending.allow(part.flushed);
                co_await sending.have_sent(part.flushed);
                co_await transport->flush();
                co_await transport->flush(); // and what the broker had for it has arrived
                sending.allow(part.broken);
                co_await sending.have_sent(part.broken);
                world().cut();
                co_await story.has(ConnectionState::disconnected, ++breaks);
                sending.allow(part.apart);
                co_await sending.have_sent(part.apart);
                world().restore();
                co_await story.has(ConnectionState::reconnected, breaks);
            }
            sending.allow(count);
            co_await sending.have_sent(count);
            accepted = sending.accepted();
        }
        co_await transport->flush();
        co_await transport->flush();

        const auto counters = transport->counters();
        std::map<std::string, std::vector<std::size_t>, std::less<>> received;
        for (const auto& message : inbox->messages())
            received[std::string{message.topic()}].push_back(std::stoul(std::string{message.text()}));
        std::size_t published = 0;
        std::size_t missed = 0;
        for (std::size_t p = 0; p < publishers; ++p) {
            const auto& got = received[base + std::to_string(p)];
            const auto& gave = accepted[p];
            published += gave.size();
            EXPECT_TRUE(std::is_sorted(got.begin(), got.end()));
            EXPECT_EQ(std::adjacent_find(got.begin(), got.end()), got.end()) << "one came twice";
            EXPECT_TRUE(std::includes(gave.begin(), gave.end(), got.begin(), got.end()));
            for (const auto number : gave)
                missed += certain(number) && !std::binary_search(got.begin(), got.end(), number);
        }
        EXPECT_EQ(counters.published, published);
        EXPECT_EQ(counters.received, inbox->size());
        EXPECT_EQ(counters.pending, 0u);
        EXPECT_EQ(counters.reconnects, 2u);
        EXPECT_LE(inbox->size() + counters.lost, published);
        // What was not on its way when the connection broke arrives, or is known to be lost.
        EXPECT_LE(missed, counters.lost);
        co_await transport->close();
    });
}

TEST_P(ReconnectConformance, events_tell_the_story_of_a_connection) {
    run([&]() -> Task<> {
        const auto transport = world().make();
        Story story{*transport};
        co_await transport->connect();
        EXPECT_TRUE(transport->connected());
        world().cut();
        co_await story.has(ConnectionState::disconnected, 1);
        EXPECT_FALSE(transport->connected());
        world().restore();
        co_await story.has(ConnectionState::reconnected, 1);
        EXPECT_TRUE(transport->connected());
        EXPECT_EQ(transport->counters().reconnects, 1u);
        co_await transport->close();
        EXPECT_EQ(story.states(), (std::vector{ConnectionState::connected, ConnectionState::disconnected,
                                               ConnectionState::reconnected, ConnectionState::closed}));
    });
}

TEST_P(ReconnectConformance, every_kind_of_subscription_is_there_again) {
    run([&]() -> Task<> {
        const auto one = world().make();
        const auto two = world().make();
        Story story_of_one{*one};
        Story story_of_two{*two};
        co_await one->connect();
        co_await two->connect();
        const auto name = topic("leaf");
        const auto pattern = name.substr(0, name.rfind('.')) + ".*";
        const auto exact = std::make_shared<Inbox>();
        const auto limited = std::make_shared<Inbox>();
        const auto wild = std::make_shared<Inbox>();
        const auto shared = std::make_shared<Inbox>();
        std::vector<Subscription> subscriptions;
        subscriptions.push_back(co_await one->subscribe(name, exact));
        subscriptions.push_back(co_await one->subscribe(name, limited, {.max_messages = 5}));
        if (declares(Capability::wildcards))
            subscriptions.push_back(co_await one->subscribe(pattern, wild));
        if (declares(Capability::queue_groups))
            for (int i = 0; i < 2; ++i)
                subscriptions.push_back(co_await one->subscribe(name, shared, {.queue = "workers"}));
        const auto send = [&](std::size_t count) -> Task<> {
            for (std::size_t i = 0; i < count; ++i)
                two->publish(name, "x");
            co_await two->flush();
            co_await one->flush();
        };
        co_await send(3);
        world().cut();
        co_await story_of_one.has(ConnectionState::disconnected, 1);
        co_await story_of_two.has(ConnectionState::disconnected, 1);
        world().restore();
        co_await story_of_one.has(ConnectionState::reconnected, 1);
        co_await story_of_two.has(ConnectionState::reconnected, 1);
        co_await one->flush(); // its subscriptions are with the broker
        co_await send(10);
        EXPECT_EQ(exact->size(), 13u);
        EXPECT_EQ(limited->size(), 5u);
        EXPECT_EQ(wild->size(), declares(Capability::wildcards) ? 13u : 0u);
        EXPECT_EQ(shared->size(), declares(Capability::queue_groups) ? 13u : 0u);
        co_await one->close();
        co_await two->close();
    });
}

TEST_P(ReconnectConformance, what_begins_without_a_connection_ends_well_or_may_be_repeated) {
    run([&]() -> Task<> {
        const auto executor = co_await boost::asio::this_coro::executor;
        const auto transport = world().make();
        Story story{*transport};
        co_await transport->connect();
        world().cut();
        co_await story.has(ConnectionState::disconnected, 1);
        // With a short deadline it cannot end well.
        auto failure = co_await failure_of(transport->flush(20ms));
        EXPECT_TRUE(failure && failure->retryable()) << (failure ? failure->what() : "flushed");
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        Subscription subscription;
        const auto subscribe = [&]() -> Task<> { subscription = co_await transport->subscribe(name, inbox); };
        Beside subscribing{executor, subscribe()};
        Beside flushing{executor, transport->flush(20s)};
        co_await turn();
        world().restore();
        co_await story.has(ConnectionState::reconnected, 1);
        failure = co_await flushing.end();
        EXPECT_TRUE(!failure || failure->retryable()) << failure->what();
        failure = co_await subscribing.end();
        EXPECT_TRUE(!failure || failure->retryable()) << failure->what();
        EXPECT_EQ(subscription.active(), !failure);
        if (failure)
            co_await subscribe();
        transport->publish(name, "x");
        co_await transport->flush();
        EXPECT_EQ(inbox->size(), 1u);
        co_await transport->close();
    });
}

TEST_P(ReconnectConformance, may_be_closed_without_a_connection_and_accounts_for_what_waited) {
    run([&]() -> Task<> {
        const auto transport = world().make();
        Story story{*transport};
        co_await transport->connect();
        const auto name = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto subscription = co_await transport->subscribe(name, inbox);
        world().cut();
        co_await story.has(ConnectionState::disconnected, 1);
        std::uint64_t accepted = 0;
        for (int i = 0; i < 10; ++i)
            accepted += !kind_thrown_by([&] { transport->publish(name, "x"); });
        co_await transport->close();
        EXPECT_EQ(inbox.use_count(), 1);
        world().restore();
        EXPECT_EQ(inbox->size(), 0u);
        const auto counters = transport->counters();
        EXPECT_EQ(counters.published, accepted);
        EXPECT_EQ(counters.lost, accepted);
        EXPECT_EQ(counters.pending, 0u);
        EXPECT_EQ(story.states().back(), ConnectionState::closed);
    });
}

TEST_P(ReconnectRequestConformance,
       a_request_that_waits_when_the_connection_breaks_fails_and_the_next_works) {
    run([&]() -> Task<> {
        const auto transport = world().make();
        Story story{*transport};
        co_await transport->connect();
        const auto name = topic();
        const auto silent = topic();
        const auto inbox = std::make_shared<Inbox>();
        const auto waiting = co_await transport->subscribe(silent, inbox);
        const auto echo = co_await transport->subscribe(name, std::make_shared<Echo>(*transport));
        Beside asking{co_await boost::asio::this_coro::executor, transport->request(silent, "x", 1h)};
        co_await inbox->holds(1);
        world().cut();
        const auto failure = co_await asking.end();
        EXPECT_TRUE(failure && failure->kind() == errc::disconnected);
        EXPECT_TRUE(failure && failure->retryable());
        co_await story.has(ConnectionState::disconnected, 1);
        world().restore();
        co_await story.has(ConnectionState::reconnected, 1);
        const auto answer = co_await transport->request(name, "still there?", 20s);
        EXPECT_EQ(answer.text(), "still there?");
        co_await transport->close();
    });
}

} // namespace fluxmq::testing
