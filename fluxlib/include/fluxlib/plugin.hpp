// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/node.hpp>
#include <fluxlib/service.hpp>
#include <fluxlib/version.hpp>

#include <boost/version.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// Node classes in shared libraries, which a program loads while it runs (docs/nodes.md, "Plugins").
namespace fluxlib {

/// A class of nodes, by the type name that a config knows it by.
struct NodeType {
    std::string_view name;
    std::unique_ptr<Node> (*make)(Service&, const DataNode&);
};

/// The types that FLUX_REGISTER_NODE has registered in the library or program that calls this.
///
/// Hidden, so that the dynamic linker does not merge the lists: each library, and the program, has one of its own.
[[gnu::visibility("hidden")]] inline std::vector<NodeType>& registered_node_types() {
    static std::vector<NodeType> types;
    return types;
}

/// A shared library with node types.
///
/// It finds fluxlib in the program that loads it, which must export all of it: see fluxlib_plugin_host() in CMake.
/// Thread safety: that of a value.
class Plugin {
public:
    /// Throws Error{invalid_config} that says why: no such file, not a library, not a plugin, one that was built
    /// for another fluxlib (it names both), or one that registers a type twice.
    static Plugin load(const std::filesystem::path& path);

    const std::filesystem::path& path() const noexcept { return path_; }
    /// In the order of registration; good as long as the library is loaded.
    const std::vector<NodeType>& types() const noexcept { return *types_; }

    /// Lets `service` make nodes of all its types. From then on the library stays loaded until the process ends.
    void register_with(Service& service) const;

    /// Keeps the library loaded until the process ends. Without it the library goes with the last copy of this.
    ///
    /// Whoever makes nodes of it needs that: their code is in the library, and so is that of what outlives them, such
    /// as coroutines that still wait on an event loop, blocking work on the pool, and exceptions that they threw.
    void keep() const;

private:
    Plugin(std::filesystem::path path, std::shared_ptr<void> library, const std::vector<NodeType>& types);

    std::filesystem::path path_;
    std::shared_ptr<void> library_;
    const std::vector<NodeType>* types_;
};

namespace detail {

#define FLUXLIB_TEXT_OF(x) #x
#define FLUXLIB_TEXT(x) FLUXLIB_TEXT_OF(x)

/// What must be equal on both sides: their objects go through each other's code.
// Not inline: the dynamic linker must not merge it.
constexpr const char* plugin_abi =
    "fluxlib " FLUXLIB_VERSION ", Boost " BOOST_LIB_VERSION ", C++ ABI " FLUXLIB_TEXT(__GXX_ABI_VERSION)
#ifdef __GLIBCXX__
        ", libstdc++ string ABI " FLUXLIB_TEXT(_GLIBCXX_USE_CXX11_ABI)
#else
        ", another standard library"
#endif
    ;

#undef FLUXLIB_TEXT
#undef FLUXLIB_TEXT_OF

/// What a plugin tells; `abi` stays its first member for ever, so that any version can read it.
struct PluginInfo {
    const char* abi;
    const std::vector<NodeType>* types;
};

constexpr const char* plugin_symbol = "fluxlib_plugin";

[[gnu::visibility("hidden")]] inline bool register_node_type(NodeType type) {
    registered_node_types().push_back(type);
    return true;
}

[[gnu::visibility("hidden")]] inline const PluginInfo& plugin_info() {
    static const PluginInfo info{plugin_abi, &registered_node_types()};
    return info;
}

} // namespace detail
} // namespace fluxlib

/// The one symbol of a plugin. Inline, as several of its sources may register nodes; `used`, as none calls it.
extern "C" [[gnu::visibility("default"), gnu::used]] inline const fluxlib::detail::PluginInfo*
fluxlib_plugin() {
    return &fluxlib::detail::plugin_info();
}

/// At namespace scope in a source of a plugin, or of a program: registers the node class `Type` as `name`. The class
/// has a constructor of (Service&, const DataNode&) or of (Service&, std::string id, NodeOptions).
#define FLUX_REGISTER_NODE(Type, name) FLUXLIB_REGISTER_NODE_AT(Type, name, __COUNTER__)
#define FLUXLIB_REGISTER_NODE_AT(Type, name, number) FLUXLIB_REGISTER_NODE_AS(Type, name, number)
#define FLUXLIB_REGISTER_NODE_AS(Type, name, number)                                                         \
    [[maybe_unused]] static const bool fluxlib_registered_node_##number =                                    \
        ::fluxlib::detail::register_node_type({name, &::fluxlib::make_node<Type>})
