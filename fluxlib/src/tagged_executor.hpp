// SPDX-License-Identifier: MIT
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>

#include <utility>

namespace fluxlib {

/// An executor that does what `Inner` does and carries a tag: a coroutine finds out by it whether it runs on
/// behalf of a certain node.
template <class Inner>
class TaggedExecutor {
public:
    TaggedExecutor(Inner inner, const void* tag) noexcept : inner_{std::move(inner)}, tag_{tag} {}

    const void* tag() const noexcept { return tag_; }
    const Inner& inner() const noexcept { return inner_; }

    template <class F>
    void execute(F&& function) const {
        inner_.execute(std::forward<F>(function));
    }

    template <class Property>
        requires boost::asio::can_query<const Inner&, Property>::value
    decltype(auto) query(const Property& property) const {
        return boost::asio::query(inner_, property);
    }

    template <class Property>
        requires boost::asio::can_require<const Inner&, Property>::value
    auto require(const Property& property) const {
        return tagged(boost::asio::require(inner_, property));
    }

    template <class Property>
        requires boost::asio::can_prefer<const Inner&, Property>::value
    auto prefer(const Property& property) const {
        return tagged(boost::asio::prefer(inner_, property));
    }

    friend bool operator==(const TaggedExecutor& a, const TaggedExecutor& b) noexcept {
        return a.inner_ == b.inner_ && a.tag_ == b.tag_;
    }

private:
    template <class Other>
    TaggedExecutor<Other> tagged(Other other) const {
        return {std::move(other), tag_};
    }

    Inner inner_;
    const void* tag_;
};

using LoopExecutor = boost::asio::io_context::executor_type;

/// `executor` with `tag` on it, in place of an earlier one.
inline boost::asio::any_io_executor with_tag(const boost::asio::any_io_executor& executor, const void* tag) {
    if (const auto* tagged = executor.target<TaggedExecutor<LoopExecutor>>())
        return TaggedExecutor<LoopExecutor>{tagged->inner(), tag};
    if (const auto* loop = executor.target<LoopExecutor>())
        return TaggedExecutor<LoopExecutor>{*loop, tag};
    if (const auto* tagged = executor.target<TaggedExecutor<boost::asio::any_io_executor>>())
        return TaggedExecutor<boost::asio::any_io_executor>{tagged->inner(), tag};
    return TaggedExecutor<boost::asio::any_io_executor>{executor, tag};
}

/// `executor` without its tag.
inline boost::asio::any_io_executor without_tag(const boost::asio::any_io_executor& executor) {
    if (const auto* tagged = executor.target<TaggedExecutor<LoopExecutor>>())
        return tagged->inner();
    if (const auto* tagged = executor.target<TaggedExecutor<boost::asio::any_io_executor>>())
        return tagged->inner();
    return executor;
}

inline const void* tag_of(const boost::asio::any_io_executor& executor) noexcept {
    if (const auto* tagged = executor.target<TaggedExecutor<LoopExecutor>>())
        return tagged->tag();
    if (const auto* tagged = executor.target<TaggedExecutor<boost::asio::any_io_executor>>())
        return tagged->tag();
    return nullptr;
}

} // namespace fluxlib
