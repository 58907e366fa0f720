// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace fluxlib {

/// What is kept of a node, or of a handler of the service, for those who watch it: its loop writes it, any thread may read
/// it.
class NodeMeter {
public:
    struct Errors {
        std::uint64_t count = 0;
        std::string last = {};
    };

    void add_message_time(std::chrono::nanoseconds time) noexcept { add(message_time_, time); }
    void add_control_time(std::chrono::nanoseconds time) noexcept { add(control_time_, time); }
    std::chrono::nanoseconds message_time() const noexcept { return of(message_time_); }
    std::chrono::nanoseconds control_time() const noexcept { return of(control_time_); }

    /// A hook has thrown; `input` is the alias of the one whose message it handled, or empty.
    void failed(const std::string& input, const std::string& text) {
        const std::lock_guard lock{mutex_};
        count(errors_, text);
        if (!input.empty())
            count(input_errors_[input], text);
    }
    Errors errors() const {
        const std::lock_guard lock{mutex_};
        return errors_;
    }
    Errors errors_of(const std::string& input) const {
        const std::lock_guard lock{mutex_};
        const auto found = input_errors_.find(input);
        return found == input_errors_.end() ? Errors{} : found->second;
    }

    void set_status(std::string status) {
        const std::lock_guard lock{mutex_};
        status_ = std::move(status);
    }
    std::string status() const {
        const std::lock_guard lock{mutex_};
        return status_;
    }

private:
    using Time = std::atomic<std::chrono::nanoseconds::rep>;

    static void add(Time& sum, std::chrono::nanoseconds time) noexcept {
        sum.fetch_add(time.count(), std::memory_order_relaxed);
    }
    static std::chrono::nanoseconds of(const Time& sum) noexcept {
        return std::chrono::nanoseconds{sum.load(std::memory_order_relaxed)};
    }
    static void count(Errors& errors, const std::string& text) {
        ++errors.count;
        errors.last = text;
    }

    Time message_time_{0};
    Time control_time_{0};
    mutable std::mutex mutex_;
    Errors errors_;
    std::map<std::string, Errors> input_errors_; // of those with any
    std::string status_;                         // that was published last
};

} // namespace fluxlib
