// SPDX-License-Identifier: MIT
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace fluxlib {

/// A named part of a store of JSON values: the key `k` of a slice with prefix `p` lies in the store as `p/k`.
///
/// A slice is a handle: copies, and slices made from one another, share one store.
/// Thread safety: all members.
class StateSlice {
public:
    /// A new store. `initial` become keys under `prefix`.
    explicit StateSlice(const boost::json::object& initial = {}, std::string prefix = {});

    /// A slice of the same store under another prefix.
    StateSlice slice(std::string prefix) const;

    /// The value of `key`, or `fallback` where there is none.
    boost::json::value get(std::string_view key, const boost::json::value& fallback = nullptr) const;

    void set(std::string_view key, boost::json::value value);

    /// Removes `key`; says whether it was there.
    bool erase(std::string_view key);

    /// Removes every key of this slice. Other prefixes of the store keep theirs, and the slice stays in use.
    void reset();

    /// All values of this slice, by their keys without the prefix.
    boost::json::object get_all_with_prefix() const;

    const std::string& prefix() const noexcept { return prefix_; }

private:
    struct Store;
    StateSlice(std::string prefix, std::shared_ptr<Store> store);

    std::string full(std::string_view key) const;

    std::shared_ptr<Store> store_;
    std::string prefix_;
};

} // namespace fluxlib
