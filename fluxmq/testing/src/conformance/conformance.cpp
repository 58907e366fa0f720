// SPDX-License-Identifier: MIT
#include <fluxmq/testing/conformance.hpp>

#include "cases.hpp"

#include <algorithm>
#include <atomic>
#include <ostream>

namespace fluxmq::testing {

// Where no transport declares what a suite needs, it is empty, and that is no failure.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(WildcardConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(QueueGroupConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(HeaderConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RequestConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(HeaderRequestConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(NoRespondersConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PayloadLimitConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ConnectionOrderConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(AnyExecutorConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(AnyExecutorRequestConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RedirectConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ReconnectConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ReconnectRequestConformance);

void TransportWorld::cut() {
    throw std::logic_error{"a world whose transports declare Capability::reconnects overrides cut()"};
}

void TransportWorld::restore() {
    throw std::logic_error{"a world whose transports declare Capability::reconnects overrides restore()"};
}

void PrintTo(const TransportKind& kind, std::ostream* out) { *out << kind.name; }

std::size_t Conformance::scaled(std::size_t count) {
    constexpr std::size_t least = 100;
    return std::max(count / GetParam().divisor, std::min(count, least));
}

std::string Conformance::topic(const std::string& suffix) {
    static std::atomic<int> count{0};
    return "contract." + std::to_string(++count) + (suffix.empty() ? "" : "." + suffix);
}

Task<std::shared_ptr<Transport>> Conformance::connected() {
    auto transport = world().make();
    co_await transport->connect();
    co_return transport;
}

Task<std::vector<std::shared_ptr<Transport>>> Conformance::connected(std::size_t count) {
    std::vector<std::shared_ptr<Transport>> transports(count);
    const auto connect = [&](std::size_t i) -> Task<> { transports[i] = co_await connected(); };
    co_await at_once(count, connect);
    co_return transports;
}

void Conformance::run(const std::function<Task<>()>& body) { test::run(body); }

void Conformance::with_transport(const std::function<Task<>(Transport&)>& body) {
    const auto whole = [&]() -> Task<> {
        const auto transport = co_await connected();
        co_await body(*transport);
        co_await transport->close();
    };
    run(whole);
}

void Conformance::with_two(const std::function<Task<>(Transport&, Transport&)>& body) {
    const auto whole = [&]() -> Task<> {
        const auto one = co_await connected();
        const auto two = co_await connected();
        co_await body(*one, *two);
        co_await one->close();
        co_await two->close();
    };
    run(whole);
}

std::vector<TransportKind> kinds_with(std::initializer_list<Capability> needs,
                                      std::vector<TransportKind> kinds) {
    link_close_cases();
    link_content_cases();
    link_delivery_cases();
    link_drain_cases();
    link_error_cases();
    link_flow_cases();
    link_order_cases();
    link_queue_group_cases();
    link_reconnect_cases();
    link_request_cases();
    link_subscription_cases();
    std::erase_if(kinds, [&](const TransportKind& kind) {
        return !std::all_of(needs.begin(), needs.end(),
                            [&](Capability need) { return kind.capabilities.contains(need); });
    });
    return kinds;
}

} // namespace fluxmq::testing
