// SPDX-License-Identifier: MIT
#include "flow/file.hpp"

#include "flow/document.hpp"

#include <boost/json/serialize.hpp>

#include <cerrno>
#include <cstdio>
#include <iostream>
#include <memory>
#include <system_error>

namespace fluxctl::flow {

Contents read_file(const std::string& path) {
    const auto failure = [] {
        return Problem{{}, "", "the file cannot be read: " + std::generic_category().message(errno), ""};
    };
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path.c_str(), "rb"), std::fclose};
    if (!file)
        return failure();
    std::string text(max_size + 1, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file.get()));
    if (std::ferror(file.get()))
        return failure();
    return text;
}

Parsed parse_contents(const Contents& contents) {
    if (const auto* problem = std::get_if<Problem>(&contents))
        return {{}, {*problem}};
    return parse(std::get<std::string>(contents));
}

Parsed load(const std::string& path) { return parse_contents(read_file(path)); }

void print(std::ostream& out, const std::string& path, const std::vector<Problem>& problems, bool json) {
    for (const auto& problem : problems)
        out << (json ? boost::json::serialize(problem.json(path)) : problem.text(path)) << '\n';
    out.flush();
}

void complain(const std::string& path, const std::vector<Problem>& problems, bool json) {
    print(json ? std::cout : std::cerr, path, problems, json);
}

} // namespace fluxctl::flow
