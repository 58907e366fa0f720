// SPDX-License-Identifier: MIT
#pragma once

#include "flow/flow.hpp"

#include <boost/json/value.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fluxctl::flow {

struct Entry;

/// A value of a YAML file. Aliases share theirs.
struct Element {
    enum class Kind { null, scalar, list, map };

    Kind kind = Kind::null;
    Place place;
    std::string text;   ///< of a scalar
    bool plain = false; ///< the scalar has no quotes: it may be a number
    std::vector<std::shared_ptr<const Element>> items;
    std::vector<Entry> entries;
    std::size_t size = 1;  ///< with all that is in it
    std::size_t depth = 1; ///< with all that is in it

    /// "a list", say.
    std::string_view kind_name() const;
};

struct Entry {
    std::shared_ptr<const Element> key;
    std::shared_ptr<const Element> value;

    /// Of the value; an empty one has no place of its own.
    Place place() const { return value->kind == Element::Kind::null ? key->place : value->place; }
};

struct Document {
    std::shared_ptr<const Element> root; ///< null where there is nothing, or it is no YAML
    std::vector<Problem> problems;
};

/// The largest file, in bytes.
inline constexpr std::size_t max_size = std::size_t{1} << 20;
/// The most values, those of each alias counted again.
inline constexpr std::size_t max_elements = 20'000;
/// The deepest nesting.
inline constexpr std::size_t max_depth = 64;

/// Reads YAML within these bounds.
Document read_yaml(std::string_view text);

/// What a scalar without quotes means by the core schema of YAML 1.2; none for a number that JSON does not have.
std::optional<boost::json::value> core_value(std::string_view text);

} // namespace fluxctl::flow
