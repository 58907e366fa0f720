// SPDX-License-Identifier: MIT
#pragma once

#include <boost/json/value.hpp>

#include <string>
#include <string_view>
#include <vector>

/// A small language over the fields of a JSON value, without I/O: `temperature > 20 and unit == 'C'`.
///
///     or, and, not, == != < <= > >=, + -, * /, - (sign), ( )     from the weakest to the strongest
///     12, 1.5e3, 'text', "text", true, false, null, place.name, points.0.x
///
/// It has no errors while it is evaluated: a field that is missing is null, arithmetic with anything but numbers and a
/// division by 0 are null, < and its like are false between values of different types. As a condition, null and false
/// are false, all else is true.
namespace flux_stock {

class Expression {
public:
    static constexpr std::size_t max_length = 4096;
    static constexpr int max_depth = 64; ///< of parentheses and signs within one another

    /// Throws Error{invalid_settings} that says at which column what was expected, and what there is.
    explicit Expression(std::string_view text);

    boost::json::value evaluate(const boost::json::value& root) const;
    bool holds_for(const boost::json::value& root) const { return is_true(evaluate(root)); }

    static bool is_true(const boost::json::value& value) noexcept;

private:
    friend class ExpressionParser;

    enum class Code {
        constant,
        field,
        either,
        both,
        negate,
        equal,
        unequal,
        less,
        at_most,
        greater,
        at_least,
        add,
        subtract,
        multiply,
        divide,
        minus
    };
    struct Step {
        Code code;
        boost::json::value constant = {};
        std::vector<std::string> path = {};
    };
    static boost::json::value combine(Code code, const boost::json::value& left,
                                      const boost::json::value& right);

    std::vector<Step> steps_; // operands before their operator
};

/// `place.name` as its parts. Throws Error{invalid_settings} for an empty part.
std::vector<std::string> split_path(std::string_view path);

/// What is there, or null: objects by name, arrays by number.
const boost::json::value* find(const boost::json::value& root, const std::vector<std::string>& path) noexcept;

} // namespace flux_stock
