// SPDX-License-Identifier: MIT
#include "expression.hpp"
#include "file_node.hpp"

#include <boost/describe/class.hpp>
#include <boost/json/serialize.hpp>

namespace flux_stock {

namespace json = boost::json;

struct JsonLinesSettings {
    std::string path;
    std::vector<std::string> fields; ///< paths; none: the whole message
    bool append = false;

    void check() const {
        if (path.empty())
            refuse("path", "is missing: say which file to write");
        for (const auto& field : fields)
            split_path(field);
    }
};
BOOST_DESCRIBE_STRUCT(JsonLinesSettings, (), (path, fields, append))

/// Writes each JSON message as a line of a file.
class JsonLines : public FileNode<JsonLinesSettings> {
public:
    using FileNode::FileNode;

protected:
    std::string text_of(const Message& message) const override {
        const auto value = message.json(); // parsed in any case, so that each line is JSON
        if (set().fields.empty())
            return json::serialize(value) + '\n';
        json::object chosen;
        for (const auto& field : set().fields) {
            const auto* found = find(value, split_path(field));
            chosen[field] = found ? *found : json::value(nullptr);
        }
        return json::serialize(chosen) + '\n';
    }
};

FLUX_REGISTER_NODE(JsonLines, "json-lines");

} // namespace flux_stock
