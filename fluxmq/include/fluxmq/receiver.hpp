// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/message.hpp>

#include <functional>

namespace fluxmq {

/// Where a transport puts what a subscription receives; a Mailbox's Inlet is one.
///
/// A transport calls it from any thread, also inside a publish(), so it must be thread-safe, must not block,
/// and must run no user code: it queues.
class Receiver {
public:
    virtual ~Receiver() = default;

    /// Takes `message` (a drop that a policy asks for counts as taken), or leaves it untouched and returns
    /// false: full, offer it again later, and nothing after it before that.
    [[nodiscard]] virtual bool offer(Message&& message) noexcept = 0;

    /// After a false: `resume` is called once, on any thread, when there is room again; at once when there is
    /// already.
    virtual void when_ready(std::function<void()> resume) = 0;
};

} // namespace fluxmq
