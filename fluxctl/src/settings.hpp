// SPDX-License-Identifier: MIT
#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <vector>

namespace fluxctl {

/// The object that `KEY=VALUE` pairs make: a value is JSON where it parses as JSON, or else text; `a.b=1` nests. Throws
/// CLI::ValidationError that names the pair.
boost::json::object settings_of(const std::vector<std::string>& pairs);

} // namespace fluxctl
