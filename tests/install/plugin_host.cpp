// SPDX-License-Identifier: MIT
// A program of an outside project that loads a plugin: the first argument.
#include <fluxlib/plugin.hpp>

#include <iostream>

int main(int count, char** arguments) {
    if (count != 2)
        return 2;
    fluxlib::Service service{"host"};
    fluxlib::Plugin::load(arguments[1]).register_with(service);
    fluxlib::DataNode data;
    data.id = "e";
    data.type = "echo";
    std::cout << "the plugin made node " << service.get_node(data)->id() << '\n';
}
