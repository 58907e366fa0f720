// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/bytes.hpp>

#include <boost/describe/members.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_from.hpp>

#include <concepts>
#include <cstddef>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

namespace fluxmq {

namespace detail {

template <class T>
concept RawBytes = std::convertible_to<const T&, std::span<const unsigned char>> ||
                   std::convertible_to<const T&, std::span<const std::byte>>;

} // namespace detail

/// What can be sent: bytes and strings go out as they are, everything else as JSON.
///
/// Made implicitly at a call: `publish("t", "text")`, `publish("t", {{"k", 1}})`, `publish("t", described)`.
/// As an argument it may refer to the caller's string instead of owning it; whoever keeps it calls own().
class Payload {
public:
    Payload() noexcept = default;
    Payload(const char* text) noexcept : view_{text} {}
    Payload(std::string_view text) noexcept : view_{text} {}
    Payload(const std::string& text) noexcept : view_{text} {}
    Payload(Bytes bytes) noexcept : owned_{std::move(bytes)}, view_{owned_.view()} {}
    /// Raw bytes: vectors, arrays and spans of unsigned char or std::byte.
    template <detail::RawBytes T>
    Payload(const T& bytes) noexcept
        : view_{reinterpret_cast<const char*>(std::data(bytes)), std::size(bytes)} {}
    /// A JSON array, or an object when every element is a pair that starts with a string.
    Payload(std::initializer_list<boost::json::value_ref> json);
    Payload(std::nullptr_t); ///< JSON null, not a missing string
    Payload(const boost::json::value& json);
    Payload(const boost::json::object& json);
    Payload(const boost::json::array& json);

    /// Numbers, bools, null, and every type that Boost.JSON can turn into a value: structs described with
    /// BOOST_DESCRIBE_STRUCT, containers, optionals.
    template <class T>
        requires(boost::json::has_value_from<T>::value && !std::convertible_to<T, std::string_view> &&
                 !detail::RawBytes<T> && !std::same_as<T, boost::json::value> &&
                 !std::same_as<T, boost::json::object> && !std::same_as<T, boost::json::array>)
    Payload(const T& value) {
        unsigned char place[2048]; // of a value that is gone when this returns
        boost::json::monotonic_resource memory{place, sizeof place};
        *this = Payload(boost::json::value_from(value, &memory));
    }

    std::string_view view() const noexcept { return view_; }
    std::size_t size() const noexcept { return view_.size(); }

    /// Whether own() copies nothing.
    bool owned() const noexcept { return owned_.data() == view_.data(); }

    /// The bytes with shared ownership: copies them unless they are owned already.
    Bytes own() const { return owned() ? owned_ : Bytes::copy(view_); }

private:
    Bytes owned_;
    std::string_view view_;
};

} // namespace fluxmq
