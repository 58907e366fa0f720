// SPDX-License-Identifier: MIT
#include "expression.hpp"
#include "stock_node.hpp"

#include <boost/describe/class.hpp>

namespace flux_stock {

struct FilterSettings {
    std::string where; ///< an Expression

    Expression expression() const {
        if (where.empty())
            refuse("where", "is missing: say which messages pass, such as \"temperature > 20\"");
        try {
            return Expression{where};
        } catch (const fluxmq::Error& error) {
            refuse("where", "is wrong: " + error.detail());
        }
    }
    void check() const { static_cast<void>(expression()); }
};
BOOST_DESCRIBE_STRUCT(FilterSettings, (), (where))

/// Passes on the JSON messages for which a condition holds, as they are.
class Filter : public StockNode<FilterSettings> {
public:
    Filter(Service& service, const DataNode& data)
        : StockNode{service, data, {.input = "in", .output = "out"}}, where_{set().expression()} {}

protected:
    Task<> on_input(Message message) override {
        if (where_.holds_for(message.json()))
            send(message.payload());
        co_return;
    }
    Task<> on_settings(Message message) override {
        co_await StockNode::on_settings(std::move(message));
        where_ = set().expression();
    }

private:
    Expression where_;
};

FLUX_REGISTER_NODE(Filter, "filter");

} // namespace flux_stock
