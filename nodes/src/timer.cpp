// SPDX-License-Identifier: MIT
#include "stock_node.hpp"

#include <boost/describe/class.hpp>
#include <fmt/chrono.h>

#include <ctime>

namespace flux_stock {

struct TimerSettings {
    std::int64_t interval = 1000; ///< ms
    void check() const { check_milliseconds("interval", interval); }
};
BOOST_DESCRIBE_STRUCT(TimerSettings, (), (interval))

namespace {

std::string utc_now() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
    const auto date = fmt::gmtime(static_cast<std::time_t>(ms / 1000));
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", date, ms % 1000);
}

} // namespace

/// Publishes how many ticks there were since its start, and the time of day.
class Timer : public StockNode<TimerSettings> {
public:
    Timer(Service& service, const DataNode& data)
        : StockNode{service, data, {.output = "out"}, &TimerSettings::interval} {}

protected:
    Task<> on_tick(const fluxlib::Tick& tick) override {
        send({{"count", tick.count}, {"time", utc_now()}});
        co_return;
    }
};

FLUX_REGISTER_NODE(Timer, "timer");

} // namespace flux_stock
