// SPDX-License-Identifier: MIT
#include "command.hpp"
#include "project.hpp"
#include "terminal.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>

namespace fluxctl {

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

struct New {
    std::string kind;
    std::string name;
    std::string directory;
};

// Empty when a project may be written there.
std::string directory_problem(const fs::path& directory) {
    if (!fs::exists(directory))
        return {};
    if (!fs::is_directory(directory))
        return "'" + directory.string() + "' is a file; name another folder with --directory";
    if (!fs::is_empty(directory))
        return "the folder '" + directory.string() +
               "' is not empty, and nothing in it is overwritten; name another one with --directory, or "
               "empty it";
    return {};
}

void write(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream file{path, std::ios::binary};
    if (!(file << text << std::flush))
        throw fs::filesystem_error{"cannot write", path, std::error_code{errno, std::generic_category()}};
}

void print(const New& made, const fs::path& directory, const std::vector<ProjectFile>& files) {
    print_line("Written to " + directory.string() + ":");
    for (const auto& file : files)
        print_line("  " + file.path);
    print_line("Next:");
    print_line("  cd " + directory.string());
    for (const auto& command : next_commands(made.kind, made.name))
        print_line("  " + command);
    if (made.kind == "service")
        print_line("The last three run beside each other, in a terminal each.");
}

void print_as_json(const New& made, const fs::path& directory, const std::vector<ProjectFile>& files) {
    json::array paths;
    for (const auto& file : files)
        paths.emplace_back(file.path);
    const auto next = next_commands(made.kind, made.name);
    print_json(json::object{{"kind", made.kind},
                            {"name", made.name},
                            {"directory", directory.string()},
                            {"files", paths},
                            {"next", json::array(next.begin(), next.end())}});
}

fluxlib::Task<int> write_project(const Context& context, const New& wanted) {
    const fs::path directory = wanted.directory.empty() ? wanted.name : wanted.directory;
    try {
        if (const auto problem = directory_problem(directory); !problem.empty()) {
            std::cerr << "fluxctl: " << problem << '\n';
            co_return usage;
        }
        const auto files = project_files(wanted.kind, wanted.name);
        for (const auto& file : files)
            write(directory / file.path, file.text);
        (context.json ? print_as_json : print)(wanted, directory, files);
    } catch (const fs::filesystem_error& error) {
        std::cerr << "fluxctl: " << error.path1().string() << ": " << error.code().message() << '\n';
        co_return failed;
    }
    co_return ok;
}

} // namespace

void add_new(CLI::App& app, Context& context) {
    const auto wanted = std::make_shared<New>();
    auto* command = app.add_subcommand("new", "write a small project that builds and tests at once");
    command
        ->add_option("kind", wanted->kind,
                     "service: a program on a NATS server; node: a plugin for fluxctl run")
        ->required()
        ->check(CLI::IsMember({"service", "node"}));
    command->add_option("name", wanted->name, "lower-case letters, digits and hyphens, such as my-camera")
        ->required()
        ->check(name_problem);
    command->add_option("-d,--directory", wanted->directory, "the folder to write, ./NAME without it");
    command->footer("Example:\n  fluxctl new node my-camera");
    set_command(*command, context, wanted, &write_project);
}

} // namespace fluxctl
