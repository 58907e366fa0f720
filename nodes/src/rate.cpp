// SPDX-License-Identifier: MIT
#include "stock_node.hpp"

#include <boost/describe/class.hpp>

namespace flux_stock {

struct RateSettings {
    std::int64_t interval = 1000; ///< ms
    void check() const { check_milliseconds("interval", interval); }
};
BOOST_DESCRIBE_STRUCT(RateSettings, (), (interval))

/// Counts messages and bytes, and publishes how many there were, and how many a second.
class Rate : public StockNode<RateSettings> {
public:
    Rate(Service& service, const DataNode& data)
        : StockNode{service, data, {.input = "in", .output = "out"}, &RateSettings::interval} {}

protected:
    Task<> on_input(Message message) override {
        ++messages_;
        bytes_ += message.payload().size();
        co_return;
    }
    Task<> on_tick(const fluxlib::Tick& tick) override {
        const auto seconds = std::chrono::duration<double>{tick.delta}.count();
        if (seconds <= 0)
            co_return;
        const boost::json::object counted{{"messages", messages_},
                                          {"bytes", bytes_},
                                          {"messages_per_second", static_cast<double>(messages_) / seconds},
                                          {"bytes_per_second", static_cast<double>(bytes_) / seconds}};
        messages_ = bytes_ = 0;
        send(counted);
    }

private:
    std::uint64_t messages_ = 0;
    std::uint64_t bytes_ = 0;
};

FLUX_REGISTER_NODE(Rate, "rate");

} // namespace flux_stock
