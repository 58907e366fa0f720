// SPDX-License-Identifier: MIT
#pragma once

#include "bench.hpp"

#include <boost/json/value.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace bench {

/// All runs of one case.
struct Result {
    const Case* what = nullptr;
    std::uint64_t messages = 0;
    std::vector<Sample> samples = {};
};

boost::json::value to_json(const Sample& sample);
Sample sample_from_json(const std::string& text);

/// The table for people. Results of one path follow each other.
std::string table(const std::vector<Result>& results);

/// The same for machines.
void write_json(const std::filesystem::path& file, const std::vector<Result>& results, bool quick);

} // namespace bench
