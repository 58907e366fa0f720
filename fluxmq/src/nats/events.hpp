// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/transport.hpp>

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
    void emit(ConnectionState state, std::string detail) {
        const std::lock_guard lock{mutex_};
        if (const auto handler = handler_)
            (*handler)(ConnectionEvent{state, std::move(detail)});
    }

private:
    std::recursive_mutex mutex_;
    std::shared_ptr<Handler> handler_;
};

} // namespace fluxmq::nats
