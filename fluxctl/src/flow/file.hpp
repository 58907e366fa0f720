// SPDX-License-Identifier: MIT
#pragma once

#include "flow/flow.hpp"

#include <ostream>
#include <string>
#include <variant>
#include <vector>

namespace fluxctl::flow {

/// The text of a file, or why there is none. Not more of it than parse() needs to see that it is too large.
using Contents = std::variant<std::string, Problem>;
Contents read_file(const std::string& path);

/// A file that cannot be read has just that problem.
Parsed parse_contents(const Contents& contents);
Parsed load(const std::string& path);

/// A line for each, of JSON when that is asked for.
void print(std::ostream& out, const std::string& path, const std::vector<Problem>& problems, bool json);

/// The same for a command that cannot go on with the file: on standard error for people, on standard output for scripts.
void complain(const std::string& path, const std::vector<Problem>& problems, bool json);

} // namespace fluxctl::flow
