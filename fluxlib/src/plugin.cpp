// SPDX-License-Identifier: MIT
#include <fluxlib/plugin.hpp>

#include <fluxmq/error.hpp>

#include <dlfcn.h>

#include <set>
#include <utility>

namespace fluxlib {

using fluxmq::errc;
using fluxmq::Error;

namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why) {
    throw Error{errc::invalid_config, "the plugin '" + path.string() + "' cannot be used: " + why};
}

std::string last_dl_error() {
    const char* text = dlerror();
    return text ? text : "the dynamic linker does not say why";
}

} // namespace

Plugin::Plugin(std::filesystem::path path, std::shared_ptr<void> library, const std::vector<NodeType>& types)
    : path_{std::move(path)}, library_{std::move(library)}, types_{&types} {}

Plugin Plugin::load(const std::filesystem::path& path) {
    // A name without a slash would be searched for in the system's folders.
    const auto file = std::filesystem::absolute(path);
    void* const handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        refuse(path, last_dl_error());
    std::shared_ptr<void> library{handle, [](void* opened) { dlclose(opened); }};

    using Entry = const detail::PluginInfo* (*)();
    const auto entry = reinterpret_cast<Entry>(dlsym(handle, detail::plugin_symbol));
    if (!entry)
        refuse(path, "it registers no node: FLUX_REGISTER_NODE(Type, \"name\") is missing");
    const auto& info = *entry();
    if (std::string_view{info.abi} != detail::plugin_abi)
        refuse(path, std::string{"it was built with "} + info.abi + ", and this program with " +
                         detail::plugin_abi + "; build it anew with the fluxlib of this program");
    std::set<std::string_view> names;
    for (const auto& type : *info.types)
        if (!names.insert(type.name).second)
            refuse(path, "it registers the node type '" + std::string{type.name} + "' twice");
    return {path, std::move(library), *info.types};
}

void Plugin::register_with(Service& service) const {
    keep();
    for (const auto& type : *types_)
        service.register_node(std::string{type.name}, [&service, make = type.make](const DataNode& data) {
            return make(service, data);
        });
}

void Plugin::keep() const {
    const auto file = std::filesystem::absolute(path_);
    dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD | RTLD_NODELETE);
}

} // namespace fluxlib
