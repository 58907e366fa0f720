// SPDX-License-Identifier: MIT
#include "expression.hpp"
#include "file_node.hpp"

#include <boost/describe/class.hpp>
#include <boost/json/serialize.hpp>

namespace flux_stock {

namespace json = boost::json;

struct CsvSettings {
    std::string path;
    std::vector<std::string> fields; ///< paths, a column each
    bool append = false;

    void check() const {
        if (path.empty())
            refuse("path", "is missing: say which file to write");
        if (fields.empty())
            refuse("fields",
                   "is missing: say which fields are the columns, such as [\"time\", \"place.name\"]");
        for (const auto& field : fields)
            split_path(field);
    }
};
BOOST_DESCRIBE_STRUCT(CsvSettings, (), (path, fields, append))

namespace {

// As RFC 4180 has it.
std::string in_quotes(std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos)
        return std::string{text};
    std::string quoted = "\"";
    for (const char c : text)
        quoted += c == '"' ? std::string{"\"\""} : std::string{c};
    return quoted + '"';
}

std::string cell(const json::value* value) {
    if (!value || value->is_null())
        return {};
    return in_quotes(value->is_string() ? std::string{value->get_string()} : json::serialize(*value));
}

} // namespace

/// Writes fields of each JSON message as a line of a CSV file, whose first line names them.
class Csv : public FileNode<CsvSettings> {
public:
    using FileNode::FileNode;

protected:
    std::string head() const override {
        std::string line;
        for (const auto& field : set().fields)
            line += (line.empty() ? "" : ",") + in_quotes(field);
        return line + "\r\n";
    }
    std::string text_of(const Message& message) const override {
        const auto value = message.json();
        std::string line;
        for (const auto& field : set().fields) {
            if (&field != &set().fields.front())
                line += ',';
            line += cell(find(value, split_path(field)));
        }
        return line + "\r\n";
    }
};

FLUX_REGISTER_NODE(Csv, "csv");

} // namespace flux_stock
