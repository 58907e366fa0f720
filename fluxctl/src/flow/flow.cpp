// SPDX-License-Identifier: MIT
#include "flow/flow.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <tuple>

namespace fluxctl::flow {

namespace json = boost::json;

std::string Problem::text(std::string_view file) const {
    std::string text{file};
    if (place.line > 0)
        text += ':' + std::to_string(place.line) + ':' + std::to_string(place.column);
    return text + ": " + statement();
}

std::string Problem::statement() const {
    return (field.empty() ? "" : field + ": ") + what + (suggestion.empty() ? "" : "; " + suggestion);
}

json::value Problem::json(std::string_view file) const {
    return {{"file", file},   {"line", place.line}, {"column", place.column},
            {"field", field}, {"what", what},       {"suggestion", suggestion}};
}

namespace {

std::string statements(const std::vector<Problem>& problems) {
    std::string all;
    for (const auto& problem : problems)
        all += (all.empty() ? "" : "\n") + problem.statement();
    return all;
}

} // namespace

std::vector<Problem> presentable(std::vector<Problem> problems) {
    std::sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
        return std::tie(a.place.line, a.place.column, a.field, a.what) <
               std::tie(b.place.line, b.place.column, b.field, b.what);
    });
    if (problems.size() > max_problems)
        problems.resize(max_problems);
    for (auto& problem : problems)
        for (auto* text : {&problem.field, &problem.what, &problem.suggestion}) {
            if (text->size() > max_problem_text)
                text->replace(max_problem_text, std::string::npos, "...");
            std::replace_if(
                text->begin(), text->end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
        }
    return problems;
}

Refused::Refused(std::vector<Problem> problems)
    : problems_{presentable(std::move(problems))}, text_{statements(problems_)} {}

std::string_view to_string(Sdk sdk) noexcept {
    switch (sdk) {
    case Sdk::cpp: return "cpp";
    case Sdk::python: return "python";
    case Sdk::go: return "go";
    }
    return "";
}

std::string topic_of(const Flow& flow, const Port& output) {
    if (flow.go_nodes.contains(output.node))
        return "node/" + output.node + '/' + output.alias;
    return flow.name + '.' + output.node + '.' + output.alias;
}

NodePlace place_of(const Flow& flow, std::string_view node) {
    const auto found = flow.places.find(node);
    return found == flow.places.end() ? NodePlace{} : found->second;
}

std::string field_of(const Service& service, const fluxlib::DataNode& node) {
    return "services." + service.id + ".nodes." + node.id;
}

json::value to_json(const Flow& flow) {
    json::array services;
    for (const auto& service : flow.services) {
        json::object described{{"id", service.id}, {"nodes", fluxlib::to_json(service.nodes)}};
        if (service.sdk)
            described["sdk"] = to_string(*service.sdk);
        if (const auto& words = service.command.words; !words.empty()) {
            described["command"] = json::array(words.begin(), words.end());
            described["replicas"] = service.command.replicas;
        }
        services.push_back(std::move(described));
    }
    json::array edges;
    for (const auto& edge : flow.edges)
        edges.push_back(json::object{{"from", edge.from.node + '.' + edge.from.alias},
                                     {"to", edge.to.node + '.' + edge.to.alias}});
    return {{"name", flow.name},
            {"clockMs", flow.clock.count()},
            {"plugins", json::array(flow.plugins.begin(), flow.plugins.end())},
            {"services", std::move(services)},
            {"edges", std::move(edges)}};
}

} // namespace fluxctl::flow
