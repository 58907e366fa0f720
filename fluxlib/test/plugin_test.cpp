// SPDX-License-Identifier: MIT
#include <fluxlib/plugin.hpp>

#include "support.hpp"

#include <filesystem>
#include <fstream>

namespace fluxlib::test {
namespace {

/// Registered in the program itself: that is no part of any plugin.
class Native : public Node {
public:
    using Node::Node;
};
FLUX_REGISTER_NODE(Native, "native");

std::vector<std::string> names(const std::vector<NodeType>& types) {
    std::vector<std::string> all;
    for (const auto& type : types)
        all.emplace_back(type.name);
    return all;
}

std::string refusal(const std::filesystem::path& path) {
    return message_of([&] { Plugin::load(path); });
}

TEST(Plugin, it_tells_the_types_of_all_its_sources_and_of_nobody_else) {
    const auto plugin = Plugin::load(FLUXLIB_TEST_PLUGIN);
    EXPECT_THAT(names(plugin.types()), ::testing::UnorderedElementsAre("echo", "unmakable", "unstartable"));
    EXPECT_THAT(names(registered_node_types()), ElementsAre("native"));
}

TEST(Plugin, a_service_makes_its_nodes_from_a_config) {
    Mesh mesh;
    mesh.run([](Mesh& world) -> Task<> {
        const auto peer = co_await world.connect();
        Service service{"host", world.options()};
        service.attach(world.transport());
        Plugin::load(FLUXLIB_TEST_PLUGIN).register_with(service); // the library stays
        co_await service.run();
        co_await service.apply_config(R"([{"id": "e", "type": "echo",
            "inputs": [{"alias": "in", "topics": ["a"]}], "outputs": [{"alias": "out", "topics": ["b"]}]}])");
        co_await service.start_node("e");

        const auto mailbox = fluxmq::Mailbox::create();
        const auto subscription = co_await peer->subscribe("b", mailbox->add_inlet({}));
        peer->publish("a", "hello");
        EXPECT_TRUE(co_await mailbox->wait());
        EXPECT_EQ(mailbox->pop_message()->message.text(), "hello");

        service.shutdown();
        co_await service.wait();
    }(mesh));
}

TEST(Plugin, what_its_nodes_throw_is_caught_here_by_its_type) {
    Mesh mesh;
    mesh.run([](Mesh& world) -> Task<> {
        Service service{"host", world.options()};
        service.attach(world.transport());
        Plugin::load(FLUXLIB_TEST_PLUGIN).register_with(service);
        DataNode unmakable{.id = "u", .type = "unmakable"};
        try {
            service.get_node(unmakable);
            ADD_FAILURE() << "it was made";
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), errc::invalid_settings);
            EXPECT_THAT(error.what(), HasSubstr("'lens'"));
        }
        service.append_node(service.get_node(DataNode{.id = "s", .type = "unstartable"}));
        co_await service.run();
        EXPECT_EQ(service.node("s").lifecycle(), NodeState::error);
        service.shutdown();
        co_await service.wait();
    }(mesh));
}

TEST(Plugin, a_file_that_cannot_be_loaded_is_named_with_the_reason) {
    EXPECT_THAT(refusal("/nowhere/lost.so"), HasSubstr("No such file"));
    const auto text = std::filesystem::temp_directory_path() / "fluxlib_plugin_test_text.so";
    std::ofstream{text} << "not a library";
    EXPECT_THAT(refusal(text), HasSubstr(text.string()));
    std::filesystem::remove(text);
}

TEST(Plugin, a_library_that_registers_nothing_is_no_plugin) {
    EXPECT_THAT(refusal(FLUXLIB_TEST_NO_PLUGIN), HasSubstr("FLUX_REGISTER_NODE"));
}

TEST(Plugin, one_that_was_built_for_another_version_is_refused_by_both_names) {
    EXPECT_THAT(refusal(FLUXLIB_TEST_OLD_PLUGIN), HasSubstr("fluxlib 0.0.1, some compiler"));
    EXPECT_THAT(refusal(FLUXLIB_TEST_OLD_PLUGIN), HasSubstr(detail::plugin_abi));
}

} // namespace
} // namespace fluxlib::test
