// SPDX-License-Identifier: MIT
#include <fluxlib/state.hpp>

#include <map>
#include <mutex>

namespace fluxlib {

struct StateSlice::Store {
    std::mutex mutex;
    std::map<std::string, boost::json::value, std::less<>> values;
};

StateSlice::StateSlice(const boost::json::object& initial, std::string prefix)
    : StateSlice{std::move(prefix), std::make_shared<Store>()} {
    for (const auto& [key, value] : initial)
        set(key, value);
}

StateSlice::StateSlice(std::string prefix, std::shared_ptr<Store> store)
    : store_{std::move(store)}, prefix_{std::move(prefix)} {}

StateSlice StateSlice::slice(std::string prefix) const { return StateSlice{std::move(prefix), store_}; }

std::string StateSlice::full(std::string_view key) const {
    return prefix_.empty() ? std::string{key} : prefix_ + "/" + std::string{key};
}

boost::json::value StateSlice::get(std::string_view key, const boost::json::value& fallback) const {
    const std::lock_guard lock{store_->mutex};
    const auto found = store_->values.find(full(key));
    return found == store_->values.end() ? fallback : found->second;
}

void StateSlice::set(std::string_view key, boost::json::value value) {
    const std::lock_guard lock{store_->mutex};
    store_->values.insert_or_assign(full(key), std::move(value));
}

bool StateSlice::erase(std::string_view key) {
    const std::lock_guard lock{store_->mutex};
    return store_->values.erase(full(key)) != 0;
}

void StateSlice::reset() {
    const std::lock_guard lock{store_->mutex};
    const auto own = full("");
    auto at = store_->values.lower_bound(own);
    while (at != store_->values.end() && at->first.starts_with(own))
        at = store_->values.erase(at);
}

boost::json::object StateSlice::get_all_with_prefix() const {
    const std::lock_guard lock{store_->mutex};
    const auto own = full("");
    boost::json::object all;
    for (auto at = store_->values.lower_bound(own); at != store_->values.end() && at->first.starts_with(own);
         ++at)
        all.emplace(std::string_view{at->first}.substr(own.size()), at->second);
    return all;
}

} // namespace fluxlib
