// SPDX-License-Identifier: MIT
#include "report.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <fstream>
#include <iomanip>
#include <set>
#include <sstream>
#include <stdexcept>

namespace bench {

namespace json = boost::json;

namespace {

struct Column {
    const char* heading;
    const char* metric;
    bool with_range;
};
constexpr std::array<Column, 8> columns{{{"messages/s (min .. max)", "messages/s", true},
                                         {"CPU ns (min .. max)", "cpu_ns", true},
                                         {"server ns", "server_cpu_ns", false},
                                         {"p50 us (min .. max)", "p50_us", true},
                                         {"p99 us (min .. max)", "p99_us", true},
                                         {"mallocs", "allocations", false},
                                         {"RSS MiB", "rss_mib", false},
                                         {"threads", "threads", false}}};

std::string cell(const Result& result, const char* metric, bool with_range) {
    const auto values = spread(result, metric);
    if (!values)
        return {};
    const auto median = short_number(values->median);
    return with_range && result.samples.size() > 1
               ? fmt::format("{} ({} .. {})", median, short_number(values->min), short_number(values->max))
               : median;
}

// What is 0 because the case does not measure it is left out; only messages can need no memory.
std::string cell(const Result& result, const Column& column) {
    const std::string_view metric = column.metric;
    const auto shown_with = metric == "allocations" ? "messages/s" : column.metric;
    const auto values = spread(result, shown_with);
    return values && values->max > 0 ? cell(result, column.metric, column.with_range) : "";
}

std::set<std::string> figures_of(const Result& result) {
    std::set<std::string> names;
    for (const auto& sample : result.samples)
        for (const auto& [name, value] : sample.figures)
            names.insert(name);
    return names;
}

std::string padded(const std::vector<std::vector<std::string>>& rows) {
    std::array<std::size_t, columns.size() + 1> widths{};
    for (const auto& row : rows)
        for (std::size_t i = 0; row.size() > 1 && i < row.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    std::string text;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i)
            text += i == 0 ? fmt::format("{:<{}}  ", row[i], widths[i])
                           : fmt::format("{:>{}}  ", row[i], widths[i]);
        text.erase(text.find_last_not_of(' ') + 1);
        text += '\n';
    }
    return text;
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

json::object to_json(const Result& result) {
    json::object all{{"path", result.what->path}, {"side", result.what->side}, {"messages", result.messages}};
    for (const auto& metric : metrics)
        if (const auto values = spread(result, metric.name))
            all[metric.name] = to_json(*values);
    json::object figures;
    for (const auto& name : figures_of(result))
        figures[name] = to_json(*spread(result, name));
    if (!figures.empty())
        all["figures"] = std::move(figures);
    json::array runs;
    for (const auto& sample : result.samples)
        runs.push_back(to_json(sample));
    all["runs"] = std::move(runs);
    return all;
}

json::object to_json(const Judged& judged) {
    const auto& bar = *judged.bar;
    return {{"what", bar.what},
            {"path", bar.ours.path},
            {"side", judged.ours_side},
            {"unit", bar.ours.metric},
            {"ours", judged.ours},
            {"peer", judged.peer ? json::value{*judged.peer} : json::value{}},
            {"peer_side", judged.peer ? json::value{judged.peer_side} : json::value{}},
            {"ratio", judged.peer ? json::value{judged.ratio} : json::value{}},
            {"is", bar.is == Bar::Is::at_most ? "at most" : "at least"},
            {"bar", bar.bar},
            {"holds", judged.holds}};
}

std::string line_of(const Judged& judged) {
    const auto& bar = *judged.bar;
    const auto start =
        fmt::format("{}  {}: {}: ", judged.holds ? "holds   " : "does not", bar.ours.path, bar.what);
    const auto ours = short_number(judged.ours) + ' ' + bar.ours.metric;
    return start + (judged.peer ? fmt::format("{:.3g} ({} to {} of {})\n", judged.ratio, ours,
                                              short_number(*judged.peer), judged.peer_side)
                                : ours + '\n');
}

} // namespace

json::value to_json(const Sample& sample) {
    json::object all;
    for (const auto& metric : metrics)
        all[metric.name] = sample.*metric.value;
    json::object figures;
    for (const auto& [name, value] : sample.figures)
        figures[name] = value;
    all["figures"] = std::move(figures);
    return all;
}

Sample sample_from_json(const json::value& json) {
    Sample sample;
    for (const auto& metric : metrics)
        sample.*metric.value = json.at(metric.name).to_number<double>();
    for (const auto& [name, value] : json.at("figures").as_object())
        sample.figures[name] = value.to_number<double>();
    return sample;
}

std::string table(const std::vector<Result>& results) {
    std::vector<std::vector<std::string>> rows{{""}};
    for (const auto& column : columns)
        rows[0].push_back(column.heading);
    const std::string* path = nullptr;
    for (const auto& result : results) {
        if (!path || *path != result.what->path)
            rows.push_back({result.what->path});
        path = &result.what->path;
        auto& row = rows.emplace_back();
        row.push_back("  " + result.what->side);
        for (const auto& column : columns)
            row.push_back(cell(result, column));
        for (const auto& name : figures_of(result))
            rows.push_back({"    " + name + ": " + cell(result, name.c_str(), true)});
    }
    return padded(rows);
}

std::string bar_list(const std::vector<Judged>& bars) {
    std::string text;
    for (const bool holds : {true, false})
        for (const auto& judged : bars)
            if (judged.holds == holds)
                text += line_of(judged);
    const auto count = std::count_if(bars.begin(), bars.end(), [](const Judged& one) { return one.holds; });
    return text + fmt::format("bars: {} of {} hold\n", count, bars.size());
}

void write_json(const std::filesystem::path& file, const std::vector<Result>& results,
                const std::vector<Judged>& bars, bool quick) {
    json::array measured;
    for (const auto& result : results)
        measured.push_back(to_json(result));
    json::array judged;
    for (const auto& bar : bars)
        judged.push_back(to_json(bar));
    const json::value all{
        {"date", today()},
        {"machine", {{"processor", processor()}, {"cores", ::sysconf(_SC_NPROCESSORS_ONLN)}}},
        {"payload_bytes", payload_size},
        {"quick", quick},
        {"bars", std::move(judged)},
        {"results", std::move(measured)}};
    if (file.has_parent_path())
        std::filesystem::create_directories(file.parent_path());
    std::ofstream out{file};
    if (!(out << json::serialize(all) << '\n'))
        throw std::runtime_error{"cannot write " + file.string()};
}

} // namespace bench
