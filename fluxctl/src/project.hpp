// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

/// What `fluxctl new` writes, made from fluxctl/templates; no I/O.
///
/// The templates are projects themselves, which the build compiles and tests. Their name is `my-counter`; it, and
/// what is derived from it, is what a new project has its own name for.
namespace fluxctl {

/// Why a project cannot have this name and which it can have; empty when it can.
std::string name_problem(const std::string& name);

/// `MyCamera` for `my-camera`.
std::string type_name(std::string_view name);

struct ProjectFile {
    std::string path; ///< in the project's folder
    std::string text;
};

/// `kind` is "service" or "node", and `name` has no problem. In the order of their paths.
std::vector<ProjectFile> project_files(std::string_view kind, std::string_view name);

/// The commands that build, test and run it; the last three of a service run beside each other.
std::vector<std::string> next_commands(std::string_view kind, std::string_view name);

} // namespace fluxctl
