// SPDX-License-Identifier: MIT
#include "project.hpp"

#include "templates.hpp"

#include <algorithm>
#include <array>
#include <regex>
#include <utility>

namespace fluxctl {

namespace {

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
    std::string out;
    for (auto end = text.find(from); end != std::string_view::npos; end = text.find(from)) {
        out.append(text.substr(0, end)).append(to);
        text.remove_prefix(end + from.size());
    }
    return out.append(text);
}

// `my_camera` for `my-camera`: files of C++.
std::string file_name(std::string_view name) { return replaced(name, "-", "_"); }

std::string named(std::string_view text, std::string_view name) {
    constexpr std::string_view stand_in = "my-counter";
    auto out = replaced(text, stand_in, name);
    out = replaced(out, file_name(stand_in), file_name(name));
    return replaced(out, type_name(stand_in), type_name(name));
}

} // namespace

std::string name_problem(const std::string& name) {
    static const std::regex shape{"[a-z][a-z0-9]*(-[a-z0-9]+)*"};
    constexpr std::size_t longest = 64;
    if (name.size() > longest || !std::regex_match(name, shape))
        return "'" + name +
               "' cannot be a name: take lower-case letters, digits and single hyphens between them, " +
               "beginning with a letter, at most " + std::to_string(longest) + ", such as my-camera";
    // The name becomes that of a target.
    constexpr std::array<std::string_view, 9> taken{"all",  "clean",   "depend",  "fluxlib", "fluxmq",
                                                    "help", "install", "package", "test"};
    if (std::find(taken.begin(), taken.end(), name) != taken.end())
        return "'" + name +
               "' cannot be a name: CMake or FluxLib has a target of that name; take another one, " +
               "such as my-" + name;
    return {};
}

std::string type_name(std::string_view name) {
    std::string out;
    bool upper = true;
    for (const char c : name) {
        if (c != '-')
            out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        upper = c == '-';
    }
    return out;
}

std::vector<ProjectFile> project_files(std::string_view kind, std::string_view name) {
    std::vector<ProjectFile> files;
    for (const auto& [path, text] : templates()) {
        const auto folder = path.substr(0, path.find('/'));
        if (folder == "common" || folder == kind)
            files.push_back({named(path.substr(folder.size() + 1), name), named(text, name)});
    }
    std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    return files;
}

std::vector<std::string> next_commands(std::string_view kind, std::string_view name) {
    std::vector<std::string> commands{"cmake -B build", "cmake --build build", "ctest --test-dir build"};
    if (kind == "node")
        commands.emplace_back("fluxctl run flow.yaml");
    else
        commands.insert(commands.end(),
                        {"nats-server", "build/" + std::string{name}, "fluxctl up flow.yaml"});
    return commands;
}

} // namespace fluxctl
