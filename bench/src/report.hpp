// SPDX-License-Identifier: MIT
#pragma once

#include "bars.hpp"
#include "result.hpp"

#include <boost/json/value.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace bench {

boost::json::value to_json(const Sample& sample);
Sample sample_from_json(const boost::json::value& json);

/// The table for people. Results of one path follow each other.
std::string table(const std::vector<Result>& results);

/// The bars, those that do not hold at the end, and how many hold.
std::string bar_list(const std::vector<Judged>& bars);

/// All of it for machines.
void write_json(const std::filesystem::path& file, const std::vector<Result>& results,
                const std::vector<Judged>& bars, bool quick);

} // namespace bench
