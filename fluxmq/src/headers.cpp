// SPDX-License-Identifier: MIT
#include <fluxmq/headers.hpp>

#include <fluxmq/error.hpp>

#include <algorithm>

namespace fluxmq {

namespace {

void check(std::string_view name, std::string_view value) {
    if (name.empty())
        throw Error{errc::invalid_header, "its name is empty"};
    for (const char byte : name) {
        const auto c = static_cast<unsigned char>(byte);
        if (c <= ' ' || c == ':' || c == 0x7f)
            throw Error{errc::invalid_header,
                        "the name '" + std::string{name} + "' has a colon, a space or a control character"};
    }
    if (value.find_first_of("\r\n") != std::string_view::npos)
        throw Error{errc::invalid_header, "the value of '" + std::string{name} + "' has a line break"};
}

} // namespace

Headers::Headers(std::initializer_list<Entry> entries) {
    for (const auto& [name, value] : entries)
        add(name, value);
}

void Headers::add(std::string name, std::string value) {
    check(name, value);
    entries_.emplace_back(std::move(name), std::move(value));
}

void Headers::set(std::string name, std::string value) {
    check(name, value);
    erase(name);
    entries_.emplace_back(std::move(name), std::move(value));
}

std::size_t Headers::erase(std::string_view name) {
    return std::erase_if(entries_, [&](const Entry& entry) { return entry.first == name; });
}

std::optional<std::string_view> Headers::get(std::string_view name) const noexcept {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.first == name; });
    return found == entries_.end() ? std::nullopt : std::optional<std::string_view>{found->second};
}

std::vector<std::string_view> Headers::all(std::string_view name) const {
    std::vector<std::string_view> values;
    for (const auto& entry : entries_)
        if (entry.first == name)
            values.push_back(entry.second);
    return values;
}

} // namespace fluxmq
