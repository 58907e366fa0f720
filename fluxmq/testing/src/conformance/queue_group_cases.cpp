// SPDX-License-Identifier: MIT
// Queue groups: each message goes to one member, and all have their share.
#include "cases.hpp"

#include <set>

namespace fluxmq::testing {

void link_queue_group_cases() {}

namespace {

std::size_t total(const std::vector<std::shared_ptr<Inbox>>& members) {
    std::size_t sum = 0;
    for (const auto& member : members)
        sum += member->size();
    return sum;
}

} // namespace

TEST_P(QueueGroupConformance, a_queue_group_shares_fairly) {
    with_two([](Transport& one, Transport& two) -> Task<> {
        const auto name = topic();
        const auto all = std::make_shared<Inbox>();
        std::vector<std::shared_ptr<Inbox>> members;
        std::vector<Subscription> subscriptions;
        for (int i = 0; i < 4; ++i) {
            members.push_back(std::make_shared<Inbox>());
            Transport& owner = i % 2 ? one : two;
            subscriptions.push_back(co_await owner.subscribe(name, members.back(), {.queue = "workers"}));
        }
        subscriptions.push_back(co_await one.subscribe(name, all));
        const auto other = std::make_shared<Inbox>();
        subscriptions.push_back(co_await one.subscribe(name, other, {.queue = "others"}));
        const auto count = scaled(4'000);
        for (std::size_t i = 0; i < count; ++i)
            two.publish(name, std::to_string(i));
        co_await two.flush();
        co_await one.flush();
        co_await all->holds(count);
        co_await other->holds(count);
        std::set<std::string> seen;
        for (const auto& member : members) {
            EXPECT_GT(member->size(), count / 8) << "of " << count << " for 4 members";
            for (const auto& text : member->texts())
                seen.insert(text);
        }
        EXPECT_EQ(total(members), count);
        EXPECT_EQ(seen.size(), count);
        // A member that leaves leaves its share to the others.
        subscriptions[0].unsubscribe();
        co_await two.flush();
        for (const auto& member : members)
            member->clear();
        for (std::size_t i = 0; i < 100; ++i)
            two.publish(name, "x");
        co_await two.flush();
        co_await one.flush();
        EXPECT_EQ(members[0]->size(), 0u);
        EXPECT_EQ(total(members), 100u);
    });
}

// Watermill's TestConsumerGroups.
TEST_P(QueueGroupConformance, each_of_two_groups_gets_every_message_once) {
    run([&]() -> Task<> {
        constexpr std::size_t members = 3;
        constexpr std::size_t count = 50;
        const auto name = topic();
        const auto transports = co_await connected(members);
        std::vector<std::shared_ptr<Inbox>> groups[2];
        std::vector<Subscription> subscriptions;
        for (std::size_t g = 0; g < 2; ++g)
            for (const auto& transport : transports) {
                groups[g].push_back(std::make_shared<Inbox>());
                const SubscribeOptions options{.queue = g == 0 ? "first" : "second"};
                subscriptions.push_back(co_await transport->subscribe(name, groups[g].back(), options));
            }
        std::multiset<std::string> sent;
        for (std::size_t i = 0; i < count; ++i)
            transports[0]->publish(name, *sent.insert(std::to_string(i)));
        co_await transports[0]->flush();
        for (const auto& transport : transports)
            co_await transport->flush();
        for (const auto& group : groups) {
            std::multiset<std::string> received;
            for (const auto& member : group)
                for (const auto& text : member->texts())
                    received.insert(text);
            EXPECT_EQ(received, sent);
        }
        for (const auto& transport : transports)
            co_await transport->close();
    });
}

// Watermill's TestConcurrentSubscribe, shared between the subscribers.
TEST_P(QueueGroupConformance, fifty_members_share_five_thousand_messages) {
    run([&]() -> Task<> {
        constexpr std::size_t size = 50;
        const auto count = scaled(5'000);
        const auto name = topic();
        const auto transports = co_await connected(size);
        std::vector<std::shared_ptr<Inbox>> members(size);
        std::vector<Subscription> subscriptions(size);
        const auto subscribe = [&](std::size_t i) -> Task<> {
            members[i] = std::make_shared<Inbox>();
            subscriptions[i] = co_await transports[i]->subscribe(name, members[i], {.queue = "workers"});
        };
        co_await at_once(size, subscribe);
        for (std::size_t i = 0; i < count; ++i)
            transports[0]->publish(name, std::to_string(i));
        co_await until([&] { return total(members) >= count; }, "all messages");
        for (const auto& transport : transports)
            co_await transport->flush();
        EXPECT_EQ(total(members), count);
        std::set<std::string> seen;
        for (const auto& member : members)
            for (const auto& text : member->texts())
                seen.insert(text);
        EXPECT_EQ(seen.size(), count);
        for (const auto& transport : transports)
            co_await transport->close();
    });
}

TEST_P(QueueGroupConformance, members_share_fairly_when_one_is_killed) {
    run([&]() -> Task<> {
        constexpr std::size_t size = 4;
        const auto count = scaled(4'000);
        const auto name = topic();
        const auto sending = co_await connected();
        auto transports = co_await connected(size);
        std::vector<std::shared_ptr<Inbox>> members;
        std::vector<Subscription> subscriptions;
        for (const auto& transport : transports) {
            members.push_back(std::make_shared<Inbox>());
            subscriptions.push_back(
                co_await transport->subscribe(name, members.back(), {.queue = "workers"}));
        }
        // Publishes, and says how many of them the members got.
        const auto share_out = [&](std::size_t messages) -> Task<std::size_t> {
            for (const auto& member : members)
                member->clear();
            for (std::size_t i = 0; i < messages; ++i)
                sending->publish(name, std::to_string(i));
            co_await sending->flush();
            for (const auto& transport : transports)
                co_await transport->flush();
            co_return total(members);
        };
        EXPECT_EQ(co_await share_out(count), count);
        transports.erase(transports.begin()); // not closed, not unsubscribed: it is just gone
        members.erase(members.begin());
        // The broker may need a moment to notice, in which it gives messages to the dead one.
        constexpr std::size_t probe = 100;
        std::size_t shared = 0;
        for (int round = 0; round < 1'000 && shared < probe; ++round)
            shared = co_await share_out(probe);
        EXPECT_EQ(shared, probe);
        EXPECT_EQ(co_await share_out(count), count);
        for (const auto& member : members)
            EXPECT_GT(member->size(), count / 6) << "of " << count << " for 3 members";
        for (const auto& transport : transports)
            co_await transport->close();
        co_await sending->close();
    });
}

} // namespace fluxmq::testing
