// SPDX-License-Identifier: MIT
#include "report.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <fstream>
#include <functional>
#include <iomanip>
#include <optional>
#include <sstream>
#include <stdexcept>

namespace bench {

namespace json = boost::json;

namespace {

using Field = double Sample::*;

struct Spread {
    double median;
    double min;
    double max;
};

Spread spread(const Result& result, Field field) {
    std::vector<double> values;
    for (const auto& sample : result.samples)
        values.push_back(sample.*field);
    std::sort(values.begin(), values.end());
    const auto middle = values.size() / 2;
    const auto median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    return {median, values.front(), values.back()};
}

double median(const Result& result, Field field) { return spread(result, field).median; }

// The peer on the same path that does best; nothing where there is none.
std::optional<double> best_peer(const std::vector<Result>& results, const std::string& path, Field field) {
    std::optional<double> best;
    for (const auto& result : results) {
        if (result.what->ours() || result.what->path != path)
            continue;
        const auto value = median(result, field);
        if (!best || (field == &Sample::rate ? value > *best : value < *best))
            best = value;
    }
    return best;
}

std::string short_number(double value) {
    if (value >= 1e6)
        return fmt::format("{:.2f} M", value / 1e6);
    if (value >= 1e4)
        return fmt::format("{:.0f} k", value / 1e3);
    if (value >= 100)
        return fmt::format("{:.0f}", value);
    return fmt::format("{:.1f}", value);
}

std::string with_range(const Result& result, Field field) {
    const auto [median, min, max] = spread(result, field);
    return fmt::format("{} ({} .. {})", short_number(median), short_number(min), short_number(max));
}

std::string where_measured(const Result& result, Field field) {
    const auto value = median(result, field);
    return value > 0 ? short_number(value) : "";
}

std::string ratio(const std::vector<Result>& results, const Result& result, Field field) {
    const auto peer = best_peer(results, result.what->path, field);
    return peer && result.what->ours() ? fmt::format("{:.2f}", median(result, field) / *peer) : "";
}

json::object to_json(Spread spread) {
    return {{"median", spread.median}, {"min", spread.min}, {"max", spread.max}};
}

std::string processor() {
    std::ifstream file{"/proc/cpuinfo"};
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("model name"))
            return line.substr(std::min(line.find(':') + 2, line.size()));
    return "unknown";
}

std::string today() {
    const auto now = std::time(nullptr);
    std::ostringstream text;
    text << std::put_time(std::gmtime(&now), "%F");
    return text.str();
}

json::array comparisons(const std::vector<Result>& results) {
    const std::array<std::pair<const char*, Field>, 4> metrics{{{"messages/s", &Sample::rate},
                                                                {"cpu_ns", &Sample::cpu_ns},
                                                                {"p50_us", &Sample::p50_us},
                                                                {"p99_us", &Sample::p99_us}}};
    json::array all;
    for (const auto& result : results) {
        if (!result.what->ours())
            continue;
        for (const auto& [name, field] : metrics) {
            const auto ours = median(result, field);
            const auto peer = best_peer(results, result.what->path, field);
            if (peer && ours > 0)
                all.push_back({{"path", result.what->path},
                               {"side", result.what->side},
                               {"metric", name},
                               {"ours", ours},
                               {"peer", *peer},
                               {"ratio", ours / *peer}});
        }
    }
    return all;
}

} // namespace

json::value to_json(const Sample& sample) {
    return {{"rate", sample.rate},
            {"cpu_ns", sample.cpu_ns},
            {"allocations", sample.allocations},
            {"p50_us", sample.p50_us},
            {"p99_us", sample.p99_us}};
}

Sample sample_from_json(const std::string& text) {
    const auto value = json::parse(text);
    const auto read = [&](const char* key) { return value.at(key).to_number<double>(); };
    return {.rate = read("rate"),
            .cpu_ns = read("cpu_ns"),
            .allocations = read("allocations"),
            .p50_us = read("p50_us"),
            .p99_us = read("p99_us")};
}

std::string table(const std::vector<Result>& results) {
    using Row = std::array<std::string, 9>;
    std::vector<Row> rows{{"path", "side", "messages/s (min .. max)", "CPU ns/message (min .. max)", "p50 us",
                           "p99 us", "new/message", "rate : peer", "CPU : peer"}};
    for (const auto& result : results) {
        const auto& what = *result.what;
        const bool first = rows.size() == 1 || (&result)[-1].what->path != what.path;
        rows.push_back({first ? what.path : "", what.side, with_range(result, &Sample::rate),
                        with_range(result, &Sample::cpu_ns), where_measured(result, &Sample::p50_us),
                        where_measured(result, &Sample::p99_us),
                        what.ours() ? fmt::format("{:.2f}", median(result, &Sample::allocations)) : "",
                        ratio(results, result, &Sample::rate), ratio(results, result, &Sample::cpu_ns)});
    }
    std::array<std::size_t, std::tuple_size_v<Row>> widths{};
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    std::string text;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i)
            text += i < 2 ? fmt::format("{:<{}}  ", row[i], widths[i])
                          : fmt::format("{:>{}}  ", row[i], widths[i]);
        text.erase(text.find_last_not_of(' ') + 1);
        text += '\n';
    }
    return text;
}

void write_json(const std::filesystem::path& file, const std::vector<Result>& results, bool quick) {
    json::array measured;
    for (const auto& result : results) {
        json::array samples;
        for (const auto& sample : result.samples)
            samples.push_back(to_json(sample));
        measured.push_back({{"path", result.what->path},
                            {"side", result.what->side},
                            {"messages", result.messages},
                            {"messages/s", to_json(spread(result, &Sample::rate))},
                            {"cpu_ns", to_json(spread(result, &Sample::cpu_ns))},
                            {"runs", std::move(samples)}});
    }
    const json::value all{
        {"date", today()},
        {"machine", {{"processor", processor()}, {"cores", ::sysconf(_SC_NPROCESSORS_ONLN)}}},
        {"payload_bytes", payload_size},
        {"quick", quick},
        {"comparisons", comparisons(results)},
        {"results", std::move(measured)}};
    if (file.has_parent_path())
        std::filesystem::create_directories(file.parent_path());
    std::ofstream out{file};
    if (!(out << json::serialize(all) << '\n'))
        throw std::runtime_error{"cannot write " + file.string()};
}

} // namespace bench
