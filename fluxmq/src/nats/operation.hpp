// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/error.hpp>
#include <fluxmq/task.hpp>
#include <fluxmq/wakeup.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fluxmq::nats {

/// One coroutine waits for something on the connection. It lives in that coroutine's frame; whoever keeps a
/// pointer to it gives that up when the frame goes. All of it runs on the connection's executor.
class Operation {
public:
    void finish() noexcept {
        if (!std::exchange(finished_, true))
            wakeup_.notify();
    }
    /// Its failure; the first one counts. It is thrown once finished.
    void set_failure(Error failure) {
        if (!finished_ && !failure_)
            failure_.emplace(std::move(failure));
    }
    void fail(Error failure) {
        set_failure(std::move(failure));
        finish();
    }

    bool finished() const noexcept { return finished_; }

    /// Throws the failure, or Error{cancelled}.
    Task<> wait() {
        co_await wakeup_.wait();
        if (failure_)
            throw Error{*failure_};
    }

private:
    Wakeup wakeup_;
    bool finished_ = false;
    std::optional<Error> failure_;
};

/// Operations that the same event ends.
class OperationList {
public:
    void add(Operation& operation) { waiting_.push_back(&operation); }
    void remove(Operation& operation) noexcept { std::erase(waiting_, &operation); }
    bool empty() const noexcept { return waiting_.empty(); }

    void finish_all() noexcept {
        for (auto* operation : std::exchange(waiting_, {}))
            operation->finish();
    }
    void fail_all(const Error& failure) {
        for (auto* operation : std::exchange(waiting_, {}))
            operation->fail(failure);
    }

private:
    std::vector<Operation*> waiting_;
};

/// Keeps an operation in a list for a scope.
class Listed {
public:
    Listed(OperationList& list, Operation& operation) : list_{list}, operation_{operation} {
        list_.add(operation_);
    }
    ~Listed() { list_.remove(operation_); }
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;

private:
    OperationList& list_;
    Operation& operation_;
};

} // namespace fluxmq::nats
