// SPDX-License-Identifier: MIT
// Lines: patterns, and last a subject. Checks and matching agree with a plain reading of the grammar, and the
// embedded bus finds what matches.
#include <fluxmq/subject.hpp>

#include <fluxmq/error.hpp>

#include "target.hpp"

#include <inproc/subject_tree.hpp>

#include <algorithm>
#include <string>
#include <vector>

using fluxmq::fuzz::require;

namespace {

constexpr std::size_t most_patterns = 4; // so that many executions are made

using Tokens = std::vector<std::string_view>;

Tokens split(std::string_view subject) {
    Tokens tokens;
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= subject.size(); ++i) {
        if (i < subject.size() && subject[i] != '.')
            continue;
        tokens.push_back(subject.substr(begin, i - begin));
        begin = i + 1;
    }
    return tokens;
}

bool is_wildcard(std::string_view token) { return token == "*" || token == ">"; }

bool is_valid(std::string_view subject, const Tokens& tokens, bool wildcards) {
    if (subject.size() > fluxmq::max_subject_size)
        return false;
    for (const char c : subject)
        if ((c >= 0 && c <= ' ') || c == 0x7f)
            return false;
    for (std::size_t i = 0; i < tokens.size(); ++i)
        if (tokens[i].empty() || (is_wildcard(tokens[i]) && !wildcards) ||
            (tokens[i] == ">" && i + 1 < tokens.size()))
            return false;
    return true;
}

bool covers(const Tokens& pattern, const Tokens& subject) {
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (i >= subject.size())
            return false;
        if (pattern[i] == ">")
            return true;
        if (pattern[i] != "*" && pattern[i] != subject[i])
            return false;
    }
    return pattern.size() == subject.size();
}

// Its exceptions are what is slow here, so not for every line.
bool accepted(void (*check)(std::string_view), std::string_view subject) {
    try {
        check(subject);
        return true;
    } catch (const fluxmq::Error& error) {
        require(error.kind() == fluxmq::errc::invalid_topic, "what is no subject is an invalid topic");
        return false;
    }
}

void check_rules(std::string_view subject, const Tokens& tokens) {
    const bool publishable = is_valid(subject, tokens, false);
    require(fluxmq::publish_problem(subject).empty() == publishable,
            "problems of publishing are those there are");
    const bool subscribable = is_valid(subject, tokens, true);
    require(fluxmq::subscribe_problem(subject).empty() == subscribable,
            "problems of subscribing are those there are");
    require(fluxmq::has_wildcard(subject) == std::any_of(tokens.begin(), tokens.end(), is_wildcard),
            "a wildcard is a token of its own");
}

struct Pattern {
    std::string_view text;
    Tokens tokens;
};

void check_matching(const std::vector<Pattern>& patterns, std::string_view subject, const Tokens& tokens) {
    fluxmq::inproc::SubjectTree<std::size_t> tree;
    for (std::size_t i = 0; i < patterns.size(); ++i)
        tree.insert(patterns[i].text, i);
    // All of them, then without every second one.
    for (const bool erased : {false, true}) {
        std::vector<std::size_t> found;
        tree.match(subject, [&](std::size_t i) { found.push_back(i); });
        std::sort(found.begin(), found.end());
        std::vector<std::size_t> expected;
        for (std::size_t i = 0; i < patterns.size(); ++i) {
            const bool matches = covers(patterns[i].tokens, tokens);
            require(fluxmq::matches(patterns[i].text, subject) == matches, "matches() is what it should be");
            if (matches && (!erased || i % 2 != 0))
                expected.push_back(i);
        }
        require(found == expected, "the tree finds what matches");
        for (std::size_t i = 0; i < patterns.size(); i += 2)
            tree.erase(patterns[i].text, i);
    }
}

} // namespace

void fuzz_subject(std::string_view input) {
    std::vector<Pattern> patterns;
    Pattern last{{}, split({})};
    while (!input.empty()) {
        const auto line = fluxmq::fuzz::next_line(input);
        last = {line, split(line)};
        check_rules(last.text, last.tokens);
        if (patterns.size() < most_patterns && is_valid(last.text, last.tokens, true))
            patterns.push_back(last);
    }
    const bool publishable = is_valid(last.text, last.tokens, false);
    require(accepted(fluxmq::check_publish, last.text) == publishable, "check_publish() finds the problems");
    const auto subscribed = patterns.empty() ? last.text : patterns.front().text;
    require(accepted(fluxmq::check_subscribe, subscribed) == !patterns.empty(),
            "check_subscribe() finds the problems");
    if (publishable)
        check_matching(patterns, last.text, last.tokens);
}
