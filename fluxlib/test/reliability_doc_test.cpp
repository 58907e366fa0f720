// SPDX-License-Identifier: MIT
// The tests that docs/reliability.md names exist.
#include "pages.hpp"

#include <gtest/gtest.h>

#include <regex>
#include <set>

namespace fluxlib::test {
namespace {

std::set<std::string> tests_of_fluxmq() {
    std::set<std::string> names;
    const std::regex declared{R"(TEST(?:_F|_P)?\((\w+),\s*(\w+)\))"};
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator{project_root() / "fluxmq" / "test"}) {
        if (entry.path().extension() != ".cpp")
            continue;
        const auto text = read_file(std::filesystem::relative(entry.path(), project_root()).string());
        for (std::sregex_iterator at{text.begin(), text.end(), declared}, end; at != end; ++at)
            names.insert(at->str(1) + "." + at->str(2));
    }
    return names;
}

TEST(reliability_doc, every_promise_names_tests_that_exist) {
    const auto tests = tests_of_fluxmq();
    const std::regex named{R"([A-Z]\w*\.[a-z_*]+)"};
    std::size_t count = 0;
    for (const auto& line : lines_of(read_file("docs/reliability.md"))) {
        if (!line.starts_with('|'))
            continue;
        for (const auto& name : code_in(line)) {
            if (!std::regex_match(name, named))
                continue;
            ++count;
            const std::regex pattern{std::regex_replace(name, std::regex{"\\*"}, ".*")};
            EXPECT_TRUE(std::any_of(tests.begin(), tests.end(),
                                    [&](const std::string& test) { return std::regex_match(test, pattern); }))
                << name << " is no test";
        }
    }
    EXPECT_GT(count, 20u);
}

} // namespace
} // namespace fluxlib::test
