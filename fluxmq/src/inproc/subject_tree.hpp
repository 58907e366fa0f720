// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmq::inproc {

/// Values filed under subscription patterns, found by subject: a tree with a level per token.
template <class T>
class SubjectTree {
public:
    void insert(std::string_view pattern, T value) {
        Level* level = &root_;
        for (const auto token : tokens(pattern)) {
            auto& child = level->children[std::string{token}];
            if (!child)
                child = std::make_unique<Level>();
            level = child.get();
        }
        level->values.push_back(std::move(value));
    }

    /// Removes one value; levels that are empty then go with it.
    void erase(std::string_view pattern, const T& value) { erase(root_, tokens(pattern), 0, value); }

    /// Calls `found` with every value whose pattern covers `subject`, the exact ones first.
    template <class Found>
    void match(std::string_view subject, Found&& found) const {
        match(root_, tokens(subject), 0, found);
    }

private:
    struct Level {
        std::map<std::string, std::unique_ptr<Level>, std::less<>> children;
        std::vector<T> values;

        const Level* child(std::string_view token) const {
            const auto at = children.find(token);
            return at == children.end() ? nullptr : at->second.get();
        }
    };

    static std::vector<std::string_view> tokens(std::string_view subject) {
        std::vector<std::string_view> parts;
        for (std::size_t begin = 0;;) {
            const auto dot = subject.find('.', begin);
            parts.push_back(subject.substr(begin, dot - begin));
            if (dot == std::string_view::npos)
                return parts;
            begin = dot + 1;
        }
    }

    static void erase(Level& level, const std::vector<std::string_view>& parts, std::size_t depth,
                      const T& value) {
        if (depth == parts.size()) {
            const auto at = std::find(level.values.begin(), level.values.end(), value);
            if (at != level.values.end())
                level.values.erase(at);
            return;
        }
        const auto child = level.children.find(parts[depth]);
        if (child == level.children.end())
            return;
        erase(*child->second, parts, depth + 1, value);
        if (child->second->values.empty() && child->second->children.empty())
            level.children.erase(child);
    }

    template <class Found>
    static void match(const Level& level, const std::vector<std::string_view>& parts, std::size_t depth,
                      Found& found) {
        if (depth == parts.size()) {
            for (const auto& value : level.values)
                found(value);
            return;
        }
        if (const auto* exact = level.child(parts[depth]))
            match(*exact, parts, depth + 1, found);
        if (const auto* any = level.child("*"))
            match(*any, parts, depth + 1, found);
        if (const auto* rest = level.child(">"))
            for (const auto& value : rest->values)
                found(value);
    }

    Level root_;
};

} // namespace fluxmq::inproc
