// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/error.hpp>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/describe/enum_from_string.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>
#include <boost/mp11/algorithm.hpp>

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

/// JSON to typed values, with errors that name the field.
namespace fluxmq {

/// Parses one JSON document. Throws Error{malformed_json} that says where `text` goes wrong; `what` names the
/// document in it. The value lies in `storage`.
boost::json::value parse_json(std::string_view text, std::string_view what,
                              boost::json::storage_ptr storage = {});

/// What to do about a member that the JSON does not have.
enum class Missing {
    error,       ///< an error, unless the member is a std::optional
    keep_default ///< the member keeps the value it has in a default-made T
};

namespace detail {

[[noreturn]] void wrong_type(const std::string& path, std::string_view expected,
                             const boost::json::value& got);
[[noreturn]] void missing_member(const std::string& path, std::string_view name);
[[noreturn]] void out_of_range(const std::string& path, const boost::json::value& got);
[[noreturn]] void unknown_enumerator(const std::string& path, std::string_view got, const std::string& known);

template <class T>
concept Described = boost::describe::has_describe_members<T>::value && !std::is_union_v<T>;
template <class T>
concept DescribedEnum = boost::describe::has_describe_enumerators<T>::value;

template <class T>
void read(T& out, const boost::json::value& in, const std::string& path, Missing missing);

// Whether nothing of the JSON that it is read from can remain in a T.
template <class T>
consteval bool keeps_no_json();

template <class T>
void read_number(T& out, const boost::json::value& in, const std::string& path) {
    if constexpr (std::is_floating_point_v<T>) {
        if (!in.is_number())
            wrong_type(path, "a number", in);
        out = in.to_number<T>();
    } else {
        if (!in.is_int64() && !in.is_uint64())
            wrong_type(path, "a whole number", in);
        boost::json::error_code failed;
        out = in.to_number<T>(failed);
        if (failed)
            out_of_range(path, in);
    }
}

template <class T>
void read_enum(T& out, const boost::json::value& in, const std::string& path) {
    if (!in.is_string())
        wrong_type(path, "a string", in);
    const std::string name{in.as_string()};
    if (boost::describe::enum_from_string(name.c_str(), out))
        return;
    std::string known;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto enumerator) {
        known += known.empty() ? "" : ", ";
        known += enumerator.name;
    });
    unknown_enumerator(path, name, known);
}

template <class T>
void read_members(T& out, const boost::json::value& in, const std::string& path, Missing missing) {
    if (!in.is_object())
        wrong_type(path, "an object", in);
    const auto& object = in.get_object();
    using Members = boost::describe::describe_members<T, boost::describe::mod_any_access |
                                                             boost::describe::mod_inherited>;
    boost::mp11::mp_for_each<Members>([&](auto member) {
        auto& field = out.*member.pointer;
        const std::string where = path.empty() ? member.name : path + "." + member.name;
        if (const auto* value = object.if_contains(member.name))
            read(field, *value, where, missing);
        else if (missing == Missing::error && !requires { field.has_value(); })
            missing_member(path, member.name);
    });
}

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T, class A>
struct IsVector<std::vector<T, A>> : std::true_type {};
template <class T>
struct IsStringMap : std::false_type {};
template <class T, class... Rest>
struct IsStringMap<std::map<std::string, T, Rest...>> : std::true_type {};
template <class T, class... Rest>
struct IsStringMap<std::unordered_map<std::string, T, Rest...>> : std::true_type {};

template <class T>
void read(T& out, const boost::json::value& in, const std::string& path, Missing missing) {
    if constexpr (std::is_same_v<T, boost::json::value>) {
        out = in;
    } else if constexpr (std::is_same_v<T, bool>) {
        if (!in.is_bool())
            wrong_type(path, "true or false", in);
        out = in.get_bool();
    } else if constexpr (std::is_arithmetic_v<T>) {
        read_number(out, in, path);
    } else if constexpr (std::is_same_v<T, std::string>) {
        if (!in.is_string())
            wrong_type(path, "a string", in);
        out.assign(in.get_string().data(), in.get_string().size());
    } else if constexpr (DescribedEnum<T>) {
        read_enum(out, in, path);
    } else if constexpr (IsOptional<T>::value) {
        if (in.is_null())
            out.reset();
        else
            read(out.emplace(), in, path, missing);
    } else if constexpr (IsVector<T>::value) {
        if (!in.is_array())
            wrong_type(path, "an array", in);
        out.clear();
        for (const auto& element : in.get_array()) {
            typename T::value_type item{};
            read(item, element, path + "[" + std::to_string(out.size()) + "]", missing);
            out.push_back(std::move(item));
        }
    } else if constexpr (IsStringMap<T>::value) {
        if (!in.is_object())
            wrong_type(path, "an object", in);
        out.clear();
        for (const auto& [key, value] : in.get_object())
            read(out[std::string{key}], value,
                 path.empty() ? std::string{key} : path + "." + std::string{key}, missing);
    } else if constexpr (Described<T>) {
        read_members(out, in, path, missing);
    } else {
        auto converted = boost::json::try_value_to<T>(in);
        if (!converted)
            wrong_type(path, "another type", in);
        out = std::move(*converted);
    }
}

template <class T>
consteval bool keeps_no_json() {
    if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string> || DescribedEnum<T>) {
        return true;
    } else if constexpr (IsOptional<T>::value || IsVector<T>::value) {
        return keeps_no_json<typename T::value_type>();
    } else if constexpr (IsStringMap<T>::value) {
        return keeps_no_json<typename T::mapped_type>();
    } else if constexpr (Described<T>) {
        using Members = boost::describe::describe_members<T, boost::describe::mod_any_access |
                                                                 boost::describe::mod_inherited>;
        return []<class... M>(boost::mp11::mp_list<M...>) {
            return (keeps_no_json<std::remove_cvref_t<decltype(std::declval<T&>().*M::pointer)>>() && ...);
        }(boost::mp11::mp_rename<Members, boost::mp11::mp_list>{});
    } else {
        return false;
    }
}

} // namespace detail

/// Converts `json` to a T: numbers, bool, strings, enums and structs described with Boost.Describe, vectors,
/// optionals, string maps of these, and whatever Boost.JSON's value_to can make.
/// Throws Error{wrong_type} that names the field by its path, such as "camera.width" or "points[3].x".
template <class T>
T from_json(const boost::json::value& json, Missing missing = Missing::error) {
    T out{};
    detail::read(out, json, {}, missing);
    return out;
}

} // namespace fluxmq
