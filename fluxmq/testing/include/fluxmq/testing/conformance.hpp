// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/transport.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <set>
#include <string>
#include <vector>

/// The conformance suite: what transport.hpp promises, as GoogleTest cases that run over any transport.
///
/// A program of your own describes its transport, names the capabilities that it has, and links
/// fluxlib::fluxmq_conformance and GTest::gtest_main:
///
///     FLUXMQ_CONFORMANCE(Mine, fluxmq::testing::TransportKind{
///         .name = "MyBus",
///         .make_world = [] { return std::make_unique<MyWorld>(); },
///         .capabilities = {fluxmq::testing::Capability::requests}})
namespace fluxmq::testing {

/// What a transport may have beyond the core of the contract. A case that needs one that is not declared does not
/// exist for the transport; one that is declared and does not work fails.
enum class Capability {
    wildcards,        ///< subscriptions to `*` and `>`
    queue_groups,     ///< SubscribeOptions::queue
    headers,          ///< messages have them
    requests,         ///< request() and respond()
    no_responders,    ///< a request that nobody listens to fails at once; with `requests`
    payload_limit,    ///< max_payload() is small enough to publish, and is enforced
    connection_order, ///< the order of one connection's messages holds across topics too
    any_executor,     ///< once connected, coroutines of one transport may be awaited on several loops at once
    redirect,         ///< Subscription::redirect() works
    reconnects        ///< a lost connection is made again, with its subscriptions; the world can break it
};

/// What transports meet in: a broker, or what stands for one. Each case makes a fresh one.
class TransportWorld {
public:
    virtual ~TransportWorld() = default;

    /// A transport that connect() takes into this world, not connected yet. It must not outlive the world.
    virtual std::shared_ptr<Transport> make() = 0;

    /// For Capability::reconnects: breaks every connection without a word, and lets nobody connect before
    /// restore(). Transports should try again every few milliseconds.
    virtual void cut();
    virtual void restore();
};

/// A transport as the suite knows it.
struct TransportKind {
    std::string name; ///< letters and digits: it ends the names of the tests
    std::function<std::unique_ptr<TransportWorld>()> make_world;
    std::set<Capability> capabilities = {};
    /// Large counts of messages and requests are divided by it, down to 100: for slow transports and sanitizers.
    std::size_t divisor = 1;
};

void PrintTo(const TransportKind& kind, std::ostream* out);

/// The cases that need no capability, and what all cases share. Not for use outside of the suite.
class Conformance : public ::testing::TestWithParam<TransportKind> {
public:
    static constexpr std::initializer_list<Capability> needs{};

protected:
    Conformance() : world_{GetParam().make_world()} {}

    TransportWorld& world() noexcept { return *world_; }
    /// For an assertion of a case that needs more than the case.
    bool declares(Capability capability) const { return GetParam().capabilities.contains(capability); }
    static std::size_t scaled(std::size_t count);

    /// A topic of this process that is new.
    static std::string topic(const std::string& suffix = {});

    Task<std::shared_ptr<Transport>> connected();
    /// Connects so many of them at once.
    Task<std::vector<std::shared_ptr<Transport>>> connected(std::size_t count);

    /// Runs a case on an event loop until it ends. Too long fails it.
    static void run(const std::function<Task<>()>& body);
    /// The same with one or two connected transports, which are closed in the end.
    void with_transport(const std::function<Task<>(Transport&)>& body);
    void with_two(const std::function<Task<>(Transport&, Transport&)>& body);

private:
    std::unique_ptr<TransportWorld> world_;
};

/// The cases that need capabilities: a suite for each combination.
template <Capability... Needs>
class ConformanceWith : public Conformance {
public:
    static constexpr std::initializer_list<Capability> needs{Needs...};
};

using WildcardConformance = ConformanceWith<Capability::wildcards>;
using QueueGroupConformance = ConformanceWith<Capability::queue_groups>;
using HeaderConformance = ConformanceWith<Capability::headers>;
using RequestConformance = ConformanceWith<Capability::requests>;
using HeaderRequestConformance = ConformanceWith<Capability::headers, Capability::requests>;
using NoRespondersConformance = ConformanceWith<Capability::requests, Capability::no_responders>;
using PayloadLimitConformance = ConformanceWith<Capability::payload_limit>;
using ConnectionOrderConformance = ConformanceWith<Capability::connection_order>;
using RedirectConformance = ConformanceWith<Capability::redirect>;
using AnyExecutorConformance = ConformanceWith<Capability::any_executor>;
using AnyExecutorRequestConformance = ConformanceWith<Capability::any_executor, Capability::requests>;
using ReconnectConformance = ConformanceWith<Capability::reconnects>;
using ReconnectRequestConformance = ConformanceWith<Capability::reconnects, Capability::requests>;

/// Those of `kinds` that have every capability of `needs`.
std::vector<TransportKind> kinds_with(std::initializer_list<Capability> needs,
                                      std::vector<TransportKind> kinds);

} // namespace fluxmq::testing

/// Runs the suite over one or several transports: FLUXMQ_CONFORMANCE(prefix, kind...), outside of any namespace.
/// A test is called `prefix/Suite.case/name`.
#define FLUXMQ_CONFORMANCE(prefix, ...)                                                                      \
    namespace fluxmq::testing {                                                                              \
    FLUXMQ_CONFORMANCE_SUITE(prefix, Conformance, __VA_ARGS__)                                               \
    FLUXMQ_CONFORMANCE_SUITE(prefix, WildcardConformance, __VA_ARGS__)                                       \
    FLUXMQ_CONFORMANCE_SUITE(prefix, QueueGroupConformance, __VA_ARGS__)                                     \
    FLUXMQ_CONFORMANCE_SUITE(prefix, HeaderConformance, __VA_ARGS__)                                         \
    FLUXMQ_CONFORMANCE_SUITE(prefix, RequestConformance, __VA_ARGS__)                                        \
    FLUXMQ_CONFORMANCE_SUITE(prefix, HeaderRequestConformance, __VA_ARGS__)                                  \
    FLUXMQ_CONFORMANCE_SUITE(prefix, NoRespondersConformance, __VA_ARGS__)                                   \
    FLUXMQ_CONFORMANCE_SUITE(prefix, PayloadLimitConformance, __VA_ARGS__)                                   \
    FLUXMQ_CONFORMANCE_SUITE(prefix, ConnectionOrderConformance, __VA_ARGS__)                                \
    FLUXMQ_CONFORMANCE_SUITE(prefix, AnyExecutorConformance, __VA_ARGS__)                                    \
    FLUXMQ_CONFORMANCE_SUITE(prefix, AnyExecutorRequestConformance, __VA_ARGS__)                             \
    FLUXMQ_CONFORMANCE_SUITE(prefix, RedirectConformance, __VA_ARGS__)                                       \
    FLUXMQ_CONFORMANCE_SUITE(prefix, ReconnectConformance, __VA_ARGS__)                                      \
    FLUXMQ_CONFORMANCE_SUITE(prefix, ReconnectRequestConformance, __VA_ARGS__)                               \
    }

#define FLUXMQ_CONFORMANCE_SUITE(prefix, suite, ...)                                                         \
    INSTANTIATE_TEST_SUITE_P(prefix, suite, ::testing::ValuesIn(kinds_with(suite::needs, {__VA_ARGS__})),    \
                             [](const auto& info) { return info.param.name; });
