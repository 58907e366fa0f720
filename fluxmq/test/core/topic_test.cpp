// SPDX-License-Identifier: MIT
#include <fluxmq/topic.hpp>

#include "support.hpp"

namespace fluxmq {
namespace {

using test::kind_of;

// Every function with its string of the protocol, under `prefix`.
void expect_names(const Topic& topic, const std::string& prefix) {
    EXPECT_EQ(topic.status("id"), prefix + "service.id.status");
    EXPECT_EQ(topic.status_request("id"), prefix + "service.id.request_status");
    EXPECT_EQ(topic.configuration("id"), prefix + "service.id.set_config");
    EXPECT_EQ(topic.configuration_request("id"), prefix + "service.id.get_config");
    EXPECT_EQ(topic.service_settings("id"), prefix + "service.id.set_settings");
    EXPECT_EQ(topic.start("id"), prefix + "service.id.start");
    EXPECT_EQ(topic.stop("id"), prefix + "service.id.stop");
    EXPECT_EQ(topic.restart("id"), prefix + "service.id.restart");
    EXPECT_EQ(topic.error("id"), prefix + "service.id.error");
    EXPECT_EQ(topic.get_common_data("id"), prefix + "service.id.get_common_data");
    EXPECT_EQ(topic.set_common_data("id"), prefix + "service.id.set_common_data");
    EXPECT_EQ(topic.get_service_state("id"), prefix + "service.id.get_common_state");
    EXPECT_EQ(topic.set_service_state("id"), prefix + "service.id.set_common_state");
    EXPECT_EQ(topic.dev_mode("uuid"), prefix + "service.development_mode.uuid");
    EXPECT_EQ(topic.node_status("id"), prefix + "node.id.status");
    EXPECT_EQ(topic.node_settings("id"), prefix + "node.id.set_settings");
    EXPECT_EQ(topic.node_created("id"), prefix + "node.id.created");
    EXPECT_EQ(topic.node_state_request("id"), prefix + "node.id.state_request");
    EXPECT_EQ(topic.restart_node("id"), prefix + "node.id.restart");
    EXPECT_EQ(topic.node_start_event("id"), prefix + "node/id/event/start");
    EXPECT_EQ(topic.node_stop_event("id"), prefix + "node/id/event/stop");
    EXPECT_EQ(topic.time(), prefix + "service.tick");
    EXPECT_EQ(topic.node_time(), prefix + "service/tick");
    EXPECT_EQ(topic.ide_status(), prefix + "ide.status");
}

TEST(Topic, names_are_those_of_the_protocol) { expect_names(Topic{}, ""); }

TEST(Topic, a_prefix_comes_before_every_name) {
    expect_names(Topic{"plant1"}, "plant1.");
    expect_names(Topic{"eu.plant1"}, "eu.plant1.");
    expect_names(Topic{"plant1."}, "plant1.");
}

TEST(Topic, an_invalid_prefix_is_refused) {
    for (const char* prefix : {".", "..", ".a", "a..", "a b", "a.*", ">", "a\n"})
        EXPECT_EQ(kind_of([&] { Topic{prefix}; }), errc::invalid_topic) << prefix;
}

TEST(Topic, discovery_names_have_only_the_characters_of_the_service_protocol) {
    EXPECT_EQ(discovery_name("Vision-2_b"), "Vision-2_b");
    EXPECT_EQ(discovery_name("plant.1/größe €"), "plant_1_gr__e__");
}

TEST(Topic, names_are_overridden_by_derivation) {
    struct Mine : Topic {
        using Topic::Topic;
        std::string status(std::string_view id) const override { return prefix() + "my." + std::string{id}; }
    };
    const Mine mine{"p"};
    const Topic& topic = mine;
    EXPECT_EQ(topic.status("id"), "p.my.id");
    EXPECT_EQ(topic.error("id"), "p.service.id.error");
}

} // namespace
} // namespace fluxmq
