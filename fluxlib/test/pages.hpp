// SPDX-License-Identifier: MIT
// Reads this project's Markdown pages, for the tests that compare them with the code.
#pragma once

#include <filesystem>
#include <fstream>
#include <source_location>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fluxlib::test {

/// The project's folder: above this source, or above where the test runs.
inline std::filesystem::path project_root() {
    namespace fs = std::filesystem;
    const fs::path here{std::source_location::current().file_name()};
    for (auto from : {fs::absolute(here).parent_path(), fs::current_path()})
        for (; from != from.root_path(); from = from.parent_path())
            if (fs::exists(from / "docs" / "protocol.md"))
                return from;
    throw std::runtime_error{"there is no docs/protocol.md above " + here.string()};
}

/// The text of a file, given by its path in the project.
inline std::string read_file(const std::string& path) {
    std::ifstream file{project_root() / path};
    if (!file)
        throw std::runtime_error{path + " cannot be read"};
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

inline std::string trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t\r\n");
    return begin == std::string_view::npos
               ? std::string{}
               : std::string{text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1)};
}

inline std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in{text};
    for (std::string line; std::getline(in, line);)
        lines.push_back(line);
    return lines;
}

/// The rows of the table whose header begins with the cell `first`, without the header; each row is its cells.
inline std::vector<std::vector<std::string>> table_of(const std::string& page, std::string_view first) {
    const auto cells = [](const std::string& line) {
        std::vector<std::string> row;
        std::istringstream in{line.substr(line.find('|') + 1)};
        for (std::string cell; std::getline(in, cell, '|');)
            row.push_back(trimmed(cell));
        return row;
    };
    std::vector<std::vector<std::string>> rows;
    bool inside = false;
    for (const auto& line : lines_of(page)) {
        if (!line.starts_with('|')) {
            if (inside)
                break;
        } else if (inside) {
            if (!line.starts_with("| ---"))
                rows.push_back(cells(line));
        } else {
            inside = cells(line).front() == first;
        }
    }
    if (rows.empty())
        throw std::runtime_error{"the page has no table that begins with '" + std::string{first} + "'"};
    return rows;
}

/// The pieces of `text` that stand between backticks.
inline std::vector<std::string> code_in(const std::string& text) {
    std::vector<std::string> pieces;
    for (auto begin = text.find('`'); begin != std::string::npos;) {
        const auto end = text.find('`', begin + 1);
        if (end == std::string::npos)
            break;
        pieces.push_back(text.substr(begin + 1, end - begin - 1));
        begin = text.find('`', end + 1);
    }
    return pieces;
}

/// A fenced block of a page.
struct Block {
    std::string comment; // the text of an HTML comment on the line before it
    std::string language;
    std::vector<std::string> lines;
    std::size_t line_number; // of its fence, from 1

    std::string text() const {
        std::string all;
        for (const auto& line : lines)
            all += line + '\n';
        return all;
    }
};

inline std::vector<Block> blocks_of(const std::string& page) {
    std::vector<Block> blocks;
    std::string before;
    std::size_t number = 0;
    bool inside = false;
    for (const auto& line : lines_of(page)) {
        ++number;
        const bool fence = line.starts_with("```");
        if (inside && !fence) {
            blocks.back().lines.push_back(line);
        } else if (fence && !inside) {
            const bool comment = before.starts_with("<!--") && before.ends_with("-->");
            blocks.push_back({comment ? trimmed(std::string_view{before}.substr(4, before.size() - 7)) : "",
                              trimmed(std::string_view{line}.substr(3)),
                              {},
                              number});
        }
        inside = fence ? !inside : inside;
        before = line;
    }
    return blocks;
}

} // namespace fluxlib::test
