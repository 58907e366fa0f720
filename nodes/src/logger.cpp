// SPDX-License-Identifier: MIT
#include "stock_node.hpp"

#include <boost/describe/class.hpp>

namespace flux_stock {

struct LoggerSettings {
    std::string level = "info";
    std::string prefix;

    spdlog::level::level_enum log_level() const {
        const auto found = spdlog::level::from_str(level); // which says off for what it does not know
        if (found == spdlog::level::off)
            refuse("level", "is '" + level + "', and must be trace, debug, info, warning, error or critical");
        return found;
    }
    void check() const { static_cast<void>(log_level()); }
};
BOOST_DESCRIBE_STRUCT(LoggerSettings, (), (level, prefix))

/// Writes each message into the log.
class Logger : public StockNode<LoggerSettings> {
public:
    Logger(Service& service, const DataNode& data) : StockNode{service, data, {.input = "in"}} {}

protected:
    Task<> on_input(Message message) override {
        constexpr std::size_t longest = 4096;
        const auto text = message.text();
        logger().log(set().log_level(), "{}{}{}", set().prefix, text.substr(0, longest),
                     text.size() > longest ? "..." : "");
        co_return;
    }
};

FLUX_REGISTER_NODE(Logger, "logger");

} // namespace flux_stock
