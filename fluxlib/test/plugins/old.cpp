// SPDX-License-Identifier: MIT
// What a plugin of another version shows to this one: only the first member is known to be the same.
struct Info {
    const char* abi;
};

extern "C" const Info* fluxlib_plugin();
extern "C" const Info* fluxlib_plugin() {
    static const Info info{"fluxlib 0.0.1, some compiler"};
    return &info;
}
