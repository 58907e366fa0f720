// SPDX-License-Identifier: MIT
#include <fluxmq/outgoing_headers.hpp>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>

namespace fluxmq {

namespace {

// So many names are compared one by one, without memory. With more, a peer could keep us busy for minutes.
constexpr std::size_t few = 16;

char lower_case(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower_case(x) == lower_case(y); });
}

bool has_repeats(const Headers& headers) {
    if (headers.size() <= few) {
        for (auto one = headers.begin(); one != headers.end(); ++one)
            if (std::any_of(headers.begin(), one, [&](const auto& e) { return e.first == one->first; }))
                return true;
        return false;
    }
    std::set<std::string_view> names;
    return !std::all_of(headers.begin(), headers.end(),
                        [&](const auto& entry) { return names.insert(entry.first).second; });
}

bool all_travel(const Headers& headers) noexcept {
    return std::all_of(headers.begin(), headers.end(),
                       [](const auto& entry) { return OutgoingHeaders::travels(entry.first); });
}

// A list in which no name stands twice.
class Folded {
public:
    /// `limit`: at most so many entries will be added. They must outlive this.
    explicit Folded(std::size_t limit) : with_table_{limit > few} {}

    void add(const Headers::Entry& entry) {
        if (auto* there = find(entry.first)) {
            (there->second += ", ") += entry.second;
            return;
        }
        if (with_table_)
            places_.emplace(entry.first, entries.size());
        entries.push_back(entry);
    }

    Headers::Entry* find(std::string_view name) {
        if (with_table_) {
            const auto found = places_.find(name);
            return found == places_.end() ? nullptr : &entries[found->second];
        }
        const auto found =
            std::find_if(entries.begin(), entries.end(), [&](const auto& e) { return e.first == name; });
        return found == entries.end() ? nullptr : &*found;
    }

    std::vector<Headers::Entry> entries;

private:
    const bool with_table_;
    std::map<std::string_view, std::size_t> places_;
};

} // namespace

bool OutgoingHeaders::travels(std::string_view name) noexcept {
    constexpr std::string_view of_nats = "Nats-";
    constexpr std::array<std::string_view, 4> others{"KV-Operation", "ce-id", "_watermill_message_uuid",
                                                     "Flux-Replica"};
    return !same_name(name.substr(0, of_nats.size()), of_nats) &&
           std::none_of(others.begin(), others.end(),
                        [&](std::string_view other) { return same_name(name, other); });
}

OutgoingHeaders::OutgoingHeaders(const Headers& inherited, const Headers& own) : chosen_{&made_} {
    if (inherited.empty() && !has_repeats(own)) {
        chosen_ = &own;
        return;
    }
    if (own.empty() && all_travel(inherited) && !has_repeats(inherited)) {
        chosen_ = &inherited;
        return;
    }
    Folded explicit_ones{own.size()};
    for (const auto& entry : own)
        explicit_ones.add(entry);
    Folded all{inherited.size()};
    for (const auto& entry : inherited)
        if (travels(entry.first) && !explicit_ones.find(entry.first))
            all.add(entry);
    std::move(explicit_ones.entries.begin(), explicit_ones.entries.end(), std::back_inserter(all.entries));
    made_.entries_ = std::move(all.entries);
}

} // namespace fluxmq
