// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/transport.hpp>

#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace fluxmq::nats {

/// The user's handler of connection events. Once clear() has returned on another thread it does not run any
/// more; it may itself cause a clear(). Thread safety: all members.
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
        handler_.swap(gone);
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
};

} // namespace fluxmq::nats
