// SPDX-License-Identifier: MIT
#include "stay_awake.hpp"

#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>

#include <algorithm>
#include <chrono>

namespace fluxmq {

namespace asio = boost::asio;

namespace {

using Time = std::chrono::steady_clock;

constexpr std::chrono::microseconds moment{50};
constexpr unsigned longest_pause = 256; // arrivals

// One a loop, and used on it alone.
class Watch final : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    explicit Watch(asio::execution_context& context) : service{context} {}

    void arrived(const asio::any_io_executor& executor) {
        if (watching_) { // it has paid
            pause_ = 0;
            until_ = Time::now() + moment;
        } else if (passed_over_ < pause_) {
            ++passed_over_;
        } else {
            passed_over_ = 0;
            watching_ = true;
            until_ = Time::now() + moment;
            look(executor);
        }
    }

private:
    void shutdown() override {}

    // A posted function keeps the loop from sleeping, and everything else has its turn.
    void look(const asio::any_io_executor& executor) {
        asio::post(executor, [this, executor] {
            if (Time::now() < until_)
                return look(executor);
            watching_ = false;
            pause_ = std::clamp(2 * pause_, 1u, longest_pause);
        });
    }

    bool watching_ = false;
    Time::time_point until_;
    unsigned pause_ = 0; // arrivals to pass over before the next attempt
    unsigned passed_over_ = 0;
};

} // namespace

void stay_awake(const asio::any_io_executor& executor) {
    asio::use_service<Watch>(asio::query(executor, asio::execution::context)).arrived(executor);
}

} // namespace fluxmq
