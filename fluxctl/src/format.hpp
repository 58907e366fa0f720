// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/message.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Values as text for people and as JSON for scripts; no I/O.
namespace fluxctl {

std::string format_duration(std::chrono::nanoseconds duration); ///< `500ms`, `2s`, `1.25us`
std::string format_bytes(double bytes);                         ///< `128 B`, `1.2 kB`, `3.4 MB`
std::string format_rate(double per_second);                     ///< `12.3/s`

/// The JSON that a text is; nothing when it is none.
std::optional<boost::json::value> parsed_json(std::string_view text);

/// JSON over several lines, indented by two spaces.
std::string pretty_json(const boost::json::value& value);

/// Whether it is UTF-8 without control characters but tabs and line ends: safe to show on a terminal.
bool is_text(std::string_view bytes) noexcept;

/// What somebody on the network says, to stand within a line: without what would end the line or steer the terminal.
/// Control characters become spaces, and so does what is no UTF-8.
std::string one_line(std::string_view text);

/// Text as it is, JSON over several lines when `pretty`; other bytes as their size and a hex dump of their beginning.
std::string format_payload(std::string_view payload, bool pretty);

/// `topic`, `size`, `headers` (a list of values for each name), and the payload as `json`, `text` or `hex`.
boost::json::object to_json(const fluxmq::Message& message);

/// Columns as wide as their content, which is shown by one_line(); the names of the columns come first.
class Table {
public:
    explicit Table(std::vector<std::string> columns) { add(std::move(columns)); }
    void add(std::vector<std::string> row);
    /// One line for each row, without a line end.
    std::vector<std::string> lines() const;

private:
    std::vector<std::vector<std::string>> rows_;
};

} // namespace fluxctl
