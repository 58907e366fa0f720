// SPDX-License-Identifier: MIT
// Flow files: what the good ones mean, what is said about the bad ones, and that none takes long.
#include "flow/document.hpp"
#include "flow/file.hpp"
#include "flow/flow.hpp"
#include "flow/graph.hpp"
#include "nearest.hpp"
#include "pages.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

namespace fluxctl::flow {
namespace {

using fluxlib::test::read_file;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> flow_files(const std::string& folder) {
    std::vector<std::string> names;
    const auto path = "fluxctl/test/flows/" + folder;
    for (const auto& entry : std::filesystem::directory_iterator{fluxlib::test::project_root() / path})
        if (entry.path().extension() == ".yaml")
            names.push_back(path + '/' + entry.path().stem().string());
    std::sort(names.begin(), names.end());
    return names;
}

std::string all_of(const std::vector<Problem>& problems) {
    std::string text;
    for (const auto& problem : problems)
        text += "\n  " + problem.text("flow.yaml");
    return text;
}

// `line: field: words`, in a file of its own or in the first line, after `# `.
struct Expected {
    int line;
    std::string field;
    std::string words;
};

Expected expected_of(const std::string& name, const std::string& text) {
    const bool aside = std::filesystem::exists(fluxlib::test::project_root() / (name + ".expect"));
    const auto line =
        aside ? fluxlib::test::trimmed(read_file(name + ".expect")) : text.substr(2, text.find('\n') - 2);
    const auto first = line.find(": ");
    const auto second = line.find(": ", first + 1);
    if (second == std::string::npos)
        throw std::runtime_error{name + " does not say what is expected"};
    const auto field = line.substr(first + 2, second - first - 2);
    return {std::stoi(line.substr(0, first)), field == "-" ? "" : field, line.substr(second + 2)};
}

TEST(FlowFile, every_bad_one_says_where_and_what_is_wrong) {
    const auto names = flow_files("bad");
    EXPECT_GE(names.size(), 100u);
    for (const auto& name : names) {
        const auto text = read_file(name + ".yaml");
        const auto expected = expected_of(name, text);
        const auto problems = parse(text).problems;
        EXPECT_TRUE(std::any_of(problems.begin(), problems.end(),
                                [&](const Problem& problem) {
                                    return problem.place.line == expected.line && problem.place.column >= 1 &&
                                           problem.field == expected.field &&
                                           (problem.what + "; " + problem.suggestion).find(expected.words) !=
                                               std::string::npos;
                                }))
            << name << " expects " << expected.line << ": " << expected.field << ": " << expected.words
            << "\nand got" << all_of(problems);
    }
}

TEST(FlowFile, every_good_one_means_what_stands_beside_it) {
    const auto names = flow_files("good");
    EXPECT_GE(names.size(), 5u);
    for (const auto& name : names) {
        const auto parsed = parse(read_file(name + ".yaml"));
        EXPECT_THAT(parsed.problems, IsEmpty()) << name << all_of(parsed.problems);
        EXPECT_EQ(to_json(parsed.flow), boost::json::parse(read_file(name + ".json")))
            << name << " means\n"
            << boost::json::serialize(to_json(parsed.flow));
        for (const auto& service : parsed.flow.services)
            EXPECT_EQ(fluxlib::parse_config(boost::json::serialize(fluxlib::to_json(service.nodes))),
                      service.nodes)
                << name;
    }
}

TEST(FlowFile, all_problems_are_found_in_the_order_of_the_file) {
    const auto parsed = parse("nam: x\n"
                              "clock: fast\n"
                              "services:\n"
                              "  v:\n"
                              "    nodes:\n"
                              "      n: {timr: 1s}\n"
                              "edges:\n"
                              "  - m.x -> n\n");
    std::vector<std::string> texts;
    for (const auto& problem : parsed.problems)
        texts.push_back(problem.text("f.yaml"));
    EXPECT_THAT(
        texts,
        ElementsAre(
            "f.yaml:1:1: nam: unknown key 'nam'; did you mean 'name'?",
            "f.yaml:2:8: clock: 'fast' is no duration; write 40ms, 2s or 1m",
            "f.yaml:6:7: services.v.nodes.n.type: it is missing; name the class of the node, as it is "
            "registered in its service",
            "f.yaml:6:11: services.v.nodes.n.timr: unknown key 'timr'; did you mean 'timer'?",
            "f.yaml:8:5: edges[0]: there is no node 'm'; known are n",
            "f.yaml:8:12: edges[0]: 'n' is a node, and an edge joins ports; write `n.` and the name of an "
            "output or input"));
}

TEST(FlowFile, problems_stop_at_a_hundred_and_steer_no_terminal) {
    std::string text = "\"a\\e[2J\": 1\nservices:\n  v:\n    nodes:\n";
    for (int i = 0; i < 200; ++i)
        text += "      n" + std::to_string(i) + ": {}\n";
    const auto problems = parse(text).problems;
    EXPECT_EQ(problems.size(), 100u);
    EXPECT_THAT(problems.front().text("f"), HasSubstr("unknown key 'a?[2J'"));
}

TEST(FlowFile, nothing_hangs_or_crashes_however_large) {
    const auto repeated = [](std::string_view text, std::size_t size) {
        std::string result;
        while (result.size() < size)
            result += text;
        return result;
    };
    std::vector<std::string> texts{repeated("x", max_size + 1)};
    for (const auto* piece : {"[",  "{",      "{a: ", "- ", "- - - a\n", "? ",    "a: ",          "\"",
                              "'",  "&a *a ", "!a ",  "[]", "a: b\n",    "|\n",   "a:\n ",        "#",
                              "*a", "\n",     "\t",   "x",  ",",         "---\n", "a.b -> c.d\n", "%a\n"})
        texts.push_back(repeated(piece, max_size / 8));
    std::string edges = "services: {s: {nodes: {n: {type: t}}}}\nedges:\n";
    for (int i = 0; i < 15'000; ++i)
        edges += "- n.o -> n.i" + std::to_string(i) + "\n";
    texts.push_back(edges);
    texts.push_back("services: {s: {nodes: {n: {type: t}}}}\nedges:\n- 'n.o -> [" +
                    repeated("n.i,", 200'000) + "n.i]'");
    texts.push_back("services: {s: {nodes: {n: {type: t, settings: {a: &a '" + repeated("x", 300'000) +
                    "', b: [" + repeated("*a,", 50'000) + "]}}}}}");
    for (const auto& text : texts)
        static_cast<void>(parse(text));
    EXPECT_THAT(all_of(parse(texts.front()).problems), HasSubstr("more than 1 MiB"));
    EXPECT_EQ(parse(edges).flow.edges.size(), 15'000u);
}

TEST(FlowFile, a_damaged_file_never_crashes_it) {
    std::mt19937 random{7};
    const auto pick = [&](std::size_t below) {
        return std::uniform_int_distribution<std::size_t>{0, below - 1}(random);
    };
    constexpr std::string_view odd = "\t\n -:>[]{}#&*!|'\"%@`,?.~<\\\x04\xff";
    for (const auto& name : flow_files("good")) {
        const auto whole = read_file(name + ".yaml");
        for (int i = 0; i < 300; ++i) {
            auto text = whole;
            for (std::size_t changes = pick(4) + 1; changes > 0; --changes) {
                const auto at = pick(text.size());
                switch (pick(4)) {
                case 0: text[at] = odd[pick(odd.size())]; break;
                case 1: text.insert(at, 1, odd[pick(odd.size())]); break;
                case 2: text.erase(at, pick(20)); break;
                default: text.insert(at, whole.substr(pick(whole.size()), pick(60))); break;
                }
            }
            const auto parsed = parse(text);
            for (const auto& problem : parsed.problems)
                EXPECT_TRUE(problem.place.line >= 1 && problem.place.column >= 1 && !problem.what.empty())
                    << problem.text(name) << "\nin\n"
                    << text;
        }
    }
}

TEST(FlowFile, one_that_cannot_be_read_is_a_problem) {
    const auto parsed = load("/nonexistent/flow.yaml");
    EXPECT_THAT(all_of(parsed.problems), HasSubstr("flow.yaml: the file cannot be read: No such file"));
}

TEST(FlowFile, the_example_of_the_page_means_what_the_page_says) {
    std::string yaml;
    std::string json;
    for (const auto& block : fluxlib::test::blocks_of(read_file("docs/flow.md"))) {
        if (block.comment == "sample: flow")
            yaml = block.text();
        if (block.comment == "sample: config")
            json = block.text();
    }
    const auto parsed = parse(yaml);
    EXPECT_THAT(parsed.problems, IsEmpty()) << all_of(parsed.problems);
    ASSERT_FALSE(parsed.flow.services.empty());
    EXPECT_EQ(fluxlib::parse_config(json), parsed.flow.services.front().nodes)
        << boost::json::serialize(fluxlib::to_json(parsed.flow.services.front().nodes));
}

TEST(FlowFile, the_example_with_commands_on_the_page_is_right) {
    for (const auto& block : fluxlib::test::blocks_of(read_file("docs/flow.md")))
        if (block.comment == "sample: commands") {
            const auto parsed = parse(block.text());
            EXPECT_THAT(parsed.problems, IsEmpty()) << all_of(parsed.problems);
            ASSERT_EQ(parsed.flow.services.size(), 2u);
            EXPECT_EQ(parsed.flow.services.front().command.words,
                      (std::vector<std::string>{"python3", "vision.py"}));
            EXPECT_EQ(parsed.flow.services.back().command.replicas, 2);
            return;
        }
    FAIL() << "the page has no such example";
}

TEST(FlowFile, the_flow_of_three_sdks_on_the_page_about_them_is_right) {
    for (const auto& block : fluxlib::test::blocks_of(read_file("docs/other-sdks.md")))
        if (block.comment == "sample: mixed") {
            const auto parsed = parse(block.text());
            EXPECT_THAT(parsed.problems, IsEmpty()) << all_of(parsed.problems);
            EXPECT_EQ(parsed.flow.services.size(), 3u);
            for (const auto& service : parsed.flow.services)
                EXPECT_FALSE(service.command.words.empty()) << service.id;
            return;
        }
    FAIL() << "the page has no such flow";
}

TEST(FlowFile, the_problems_on_the_page_are_those_that_are_found) {
    std::string yaml;
    std::vector<std::string> said;
    for (const auto& block : fluxlib::test::blocks_of(read_file("docs/flow.md"))) {
        if (block.comment == "sample: wrong")
            yaml = block.text();
        if (block.comment == "sample: problems")
            said = block.lines;
    }
    std::vector<std::string> found;
    for (const auto& problem : parse(yaml).problems)
        found.push_back(problem.text("plant.yaml"));
    EXPECT_FALSE(found.empty());
    EXPECT_EQ(said, found);
}

TEST(FlowGraph, draws_services_nodes_edges_and_other_topics) {
    const auto flow =
        parse("services:\n"
              "  v:\n"
              "    nodes:\n"
              "      end: {type: camera, name: \"the \\\"eye\\\"\", outputs: {log: plant.log}}\n"
              "      b: {type: b, inputs: {in: [other.*]}}\n"
              "edges:\n"
              "  - end.image -> b.in\n")
            .flow;
    EXPECT_EQ(to_mermaid(flow), "flowchart LR\n"
                                "    subgraph s0[\"v\"]\n"
                                "        n0[\"the #quot;eye#quot; (end): camera\"]\n"
                                "        n1[\"b\"]\n"
                                "    end\n"
                                "    t0([\"plant.log\"])\n"
                                "    t1([\"other.*\"])\n"
                                "    n0 -->|\"image → in\"| n1\n"
                                "    n0 -->|\"log\"| t0\n"
                                "    t1 -->|\"in\"| n1\n");
    EXPECT_EQ(to_dot(flow), "digraph \"flow\" {\n"
                            "    rankdir=LR\n"
                            "    node [shape=box]\n"
                            "    subgraph cluster_0 {\n"
                            "        label=\"v\"\n"
                            "        n0 [label=\"the \\\"eye\\\" (end): camera\"]\n"
                            "        n1 [label=\"b\"]\n"
                            "    }\n"
                            "    t0 [shape=ellipse label=\"plant.log\"]\n"
                            "    t1 [shape=ellipse label=\"other.*\"]\n"
                            "    n0 -> n1 [label=\"image → in\"]\n"
                            "    n0 -> t0 [label=\"log\"]\n"
                            "    t1 -> n1 [label=\"in\"]\n"
                            "}\n");
}

TEST(Suggest, the_nearest_name_or_which_there_are) {
    EXPECT_EQ(suggest("tiemr", {"type", "timer"}), "did you mean 'timer'?");
    EXPECT_EQ(suggest("Type", {"type", "timer"}), "did you mean 'type'?");
    EXPECT_EQ(suggest("banana", {"type", "timer"}), "known are type, timer");
    EXPECT_EQ(suggest("x", {"a", "b"}), "known are a, b");
    EXPECT_EQ(suggest("x", {}), "");
}

} // namespace
} // namespace fluxctl::flow
