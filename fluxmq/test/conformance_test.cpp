// SPDX-License-Identifier: MIT
// The conformance suite over our own transports.
#include <fluxmq/inproc.hpp>
#include <fluxmq/nats.hpp>
#include <fluxmq/testing/conformance.hpp>
#include <fluxmq/testing/nats_server.hpp>

#include <chrono>
#include <set>
#include <string>
#include <string_view>

using namespace fluxmq;
using fluxmq::testing::Capability;

namespace {

class InProcWorld final : public fluxmq::testing::TransportWorld {
public:
    std::shared_ptr<Transport> make() override { return std::make_shared<InProc>(bus_); }

private:
    std::shared_ptr<InProcBus> bus_ = std::make_shared<InProcBus>();
};

fluxmq::testing::TransportKind inproc() {
    return {.name = "InProc",
            .make_world = [] { return std::make_unique<InProcWorld>(); },
            .capabilities = {Capability::wildcards, Capability::queue_groups, Capability::headers,
                             Capability::requests, Capability::no_responders, Capability::payload_limit,
                             Capability::connection_order, Capability::any_executor, Capability::redirect}};
}

class NatsWorld final : public fluxmq::testing::TransportWorld {
public:
    std::shared_ptr<Transport> make() override {
        NatsOptions options;
        options.servers = {server_.url()};
        options.reconnect_time_wait = std::chrono::milliseconds{20};
        return std::make_shared<Nats>(options);
    }
    void cut() override { server_.kill9(); }
    void restore() override { server_.start(); }

private:
    fluxmq::testing::NatsServer server_;
};

fluxmq::testing::TransportKind nats() {
    return {.name = "Nats",
            .make_world = [] { return std::make_unique<NatsWorld>(); },
            .capabilities = {Capability::wildcards, Capability::queue_groups, Capability::headers,
                             Capability::requests, Capability::no_responders, Capability::payload_limit,
                             Capability::connection_order, Capability::any_executor, Capability::redirect,
                             Capability::reconnects}};
}

} // namespace

FLUXMQ_CONFORMANCE(Each, inproc(), nats())

// The bus cannot be broken, and does not declare what it has not.
TEST(ConformanceSuite, has_a_case_for_a_transport_only_where_it_declares_what_the_case_needs) {
    std::set<std::string> suites_of_inproc;
    std::set<std::string> suites_of_nats;
    const auto& all = *::testing::UnitTest::GetInstance();
    for (int s = 0; s < all.total_test_suite_count(); ++s) {
        const auto& suite = *all.GetTestSuite(s);
        for (int t = 0; t < suite.total_test_count(); ++t) {
            const std::string_view test = suite.GetTestInfo(t)->name();
            if (test.ends_with("/InProc"))
                suites_of_inproc.insert(suite.name());
            if (test.ends_with("/Nats"))
                suites_of_nats.insert(suite.name());
        }
    }
    const std::set<std::string> both{"Each/Conformance",
                                     "Each/WildcardConformance",
                                     "Each/QueueGroupConformance",
                                     "Each/HeaderConformance",
                                     "Each/RequestConformance",
                                     "Each/HeaderRequestConformance",
                                     "Each/NoRespondersConformance",
                                     "Each/PayloadLimitConformance",
                                     "Each/ConnectionOrderConformance",
                                     "Each/AnyExecutorConformance",
                                     "Each/AnyExecutorRequestConformance",
                                     "Each/RedirectConformance"};
    EXPECT_EQ(suites_of_inproc, both);
    auto expected = both;
    expected.insert({"Each/ReconnectConformance", "Each/ReconnectRequestConformance"});
    EXPECT_EQ(suites_of_nats, expected);
}
