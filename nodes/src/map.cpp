// SPDX-License-Identifier: MIT
#include "expression.hpp"
#include "stock_node.hpp"

#include <boost/describe/class.hpp>

namespace flux_stock {

namespace json = boost::json;

namespace {

/// One field of what a map makes.
struct Field {
    std::vector<std::string> path;
    Expression value;
};

} // namespace

struct MapSettings {
    std::map<std::string, std::string> fields; ///< path in the new object, to an Expression over the old one

    std::vector<Field> compiled() const {
        if (fields.empty())
            refuse("fields", "is missing: say what to make, such as {\"celsius\": \"temperature\"}");
        std::vector<Field> made;
        for (const auto& [path, value] : fields) {
            try {
                made.push_back({split_path(path), Expression{value}});
            } catch (const fluxmq::Error& error) {
                refuse("fields." + path, "is wrong: " + error.detail());
            }
        }
        check_paths(made);
        return made;
    }
    void check() const { static_cast<void>(compiled()); }

private:
    // `a` cannot be a value and hold `a.b` as well.
    static void check_paths(const std::vector<Field>& made) {
        for (const auto& outer : made)
            for (const auto& inner : made)
                if (outer.path.size() < inner.path.size() &&
                    std::equal(outer.path.begin(), outer.path.end(), inner.path.begin()))
                    refuse("fields", "has '" + outer.path.back() +
                                         "' both as a value and as the parent of '" + inner.path.back() +
                                         "'");
    }
};
BOOST_DESCRIBE_STRUCT(MapSettings, (), (fields))

/// Makes a new JSON object out of each JSON message.
class Map : public StockNode<MapSettings> {
public:
    Map(Service& service, const DataNode& data)
        : StockNode{service, data, {.input = "in", .output = "out"}}, fields_{set().compiled()} {}

protected:
    Task<> on_input(Message message) override {
        const auto old = message.json();
        json::object made;
        for (const auto& field : fields_) {
            auto* parent = &made;
            for (std::size_t i = 0; i + 1 < field.path.size(); ++i) {
                auto& child = (*parent)[field.path[i]];
                parent = child.is_object() ? &child.get_object() : &child.emplace_object();
            }
            (*parent)[field.path.back()] = field.value.evaluate(old);
        }
        send(made);
        co_return;
    }
    Task<> on_settings(Message message) override {
        co_await StockNode::on_settings(std::move(message));
        fields_ = set().compiled();
    }

private:
    std::vector<Field> fields_;
};

FLUX_REGISTER_NODE(Map, "map");

} // namespace flux_stock
