// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace fluxlib {

/// The id that a developer's machine is known by, kept in `file` as the Go SDK does: a UUID without a newline, made
/// where there is none yet. Throws Error{invalid_config} that names the file.
std::string development_id(const std::string& file);

} // namespace fluxlib
