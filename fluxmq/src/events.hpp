// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/error.hpp>
#include <fluxmq/transport.hpp>

#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace fluxmq {

/// What of the user's a connection calls: the handler of its events above all. Once clear() has returned on another
/// thread nothing of it runs any more; it may itself cause a clear(). Thread safety: all members.
class Events {
public:
    using Handler = std::function<void(const ConnectionEvent&)>;

    void set(Handler handler) {
        auto next = handler ? std::make_shared<Handler>(std::move(handler)) : nullptr;
        const std::lock_guard lock{mutex_};
        handler_.swap(next);
    }
    void clear() noexcept {
        std::shared_ptr<Handler> gone;
        const std::lock_guard lock{mutex_};
        ended_ = true;
        handler_.swap(gone);
    }
    /// Calls `function`, something else of the user's. Throws Error{closed} after clear().
    template <class Function>
    auto call(const Function& function) {
        const std::lock_guard lock{mutex_};
        if (ended_)
            throw Error{errc::closed, "the connection was closed"};
        return function();
    }
    void emit(const ConnectionEvent& event) {
        const std::lock_guard lock{mutex_};
        if (const auto handler = handler_)
            (*handler)(event);
        else if (event.state == ConnectionState::insecure) // nobody shall overlook it
            std::fprintf(stderr, "fluxmq: WARNING: %s\n", event.detail.c_str());
    }

private:
    std::recursive_mutex mutex_;
    std::shared_ptr<Handler> handler_;
    bool ended_ = false;
};

} // namespace fluxmq
