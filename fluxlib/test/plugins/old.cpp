// SPDX-License-Identifier: MIT
// What a plugin of another version shows to this one: its struct has the same name, and only the first member is known
// to be the same.
namespace fluxlib::detail {
struct PluginInfo {
    const char* abi;
};
} // namespace fluxlib::detail

extern "C" const fluxlib::detail::PluginInfo* fluxlib_plugin();
extern "C" const fluxlib::detail::PluginInfo* fluxlib_plugin() {
    static const fluxlib::detail::PluginInfo info{"fluxlib 0.0.1, some compiler"};
    return &info;
}
