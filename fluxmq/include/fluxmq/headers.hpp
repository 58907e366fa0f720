// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxmq {

/// The headers of a message: an ordered list of names and values. Names are case-sensitive and may repeat
/// (NATS ADR-4).
class Headers {
public:
    using Entry = std::pair<std::string, std::string>;

    Headers() = default;
    /// Throws like add().
    Headers(std::initializer_list<Entry> entries);

    /// Appends. Throws Error{invalid_header} for an empty name, a name with a colon, space or control
    /// character, or a value with a line break.
    void add(std::string name, std::string value);

    /// Replaces every value of `name`. Throws like add().
    void set(std::string name, std::string value);

    /// Removes every value of `name`; says how many there were.
    std::size_t erase(std::string_view name);

    /// The first value of `name`.
    std::optional<std::string_view> get(std::string_view name) const noexcept;

    /// Every value of `name`, in order.
    std::vector<std::string_view> all(std::string_view name) const;

    bool contains(std::string_view name) const noexcept { return get(name).has_value(); }
    bool empty() const noexcept { return entries_.empty(); }
    std::size_t size() const noexcept { return entries_.size(); }
    auto begin() const noexcept { return entries_.begin(); }
    auto end() const noexcept { return entries_.end(); }

    friend bool operator==(const Headers&, const Headers&) = default;

private:
    friend class OutgoingHeaders;
    std::vector<Entry> entries_;
};

} // namespace fluxmq
