// SPDX-License-Identifier: MIT
#include "format.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/locale/utf.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace fluxctl {

namespace json = boost::json;

std::string format_duration(std::chrono::nanoseconds duration) {
    const auto count = static_cast<double>(duration.count());
    if (count < 1e3)
        return fmt::format("{:.0f}ns", count);
    if (count < 1e6)
        return fmt::format("{:.3g}us", count / 1e3);
    if (count < 1e9)
        return fmt::format("{:.3g}ms", count / 1e6);
    return fmt::format("{:.6g}s", count / 1e9);
}

std::string format_bytes(double bytes) {
    constexpr std::array units{"B", "kB", "MB", "GB"};
    std::size_t unit = 0;
    for (; bytes >= 1000 && unit + 1 < units.size(); ++unit)
        bytes /= 1000;
    return fmt::format("{:.{}f} {}", bytes, unit == 0 ? 0 : 1, units[unit]);
}

std::string format_rate(double per_second) { return fmt::format("{:.1f}/s", per_second); }

namespace {

void append_pretty(std::string& out, const json::value& value, std::size_t depth);

// What stands between brackets: each element on a line of its own.
template <class Elements, class Append>
void append_lines(std::string& out, char open, char close, const Elements& elements, std::size_t depth,
                  Append append) {
    out += open;
    bool first = true;
    for (const auto& element : elements) {
        out += first ? "\n" : ",\n";
        first = false;
        out.append(2 * (depth + 1), ' ');
        append(element);
    }
    if (!first) {
        out += '\n';
        out.append(2 * depth, ' ');
    }
    out += close;
}

void append_pretty(std::string& out, const json::value& value, std::size_t depth) {
    if (const auto* object = value.if_object()) {
        append_lines(out, '{', '}', *object, depth, [&](const auto& member) {
            out += json::serialize(json::string{member.key()}) + ": ";
            append_pretty(out, member.value(), depth + 1);
        });
    } else if (const auto* array = value.if_array()) {
        append_lines(out, '[', ']', *array, depth,
                     [&](const json::value& element) { append_pretty(out, element, depth + 1); });
    } else {
        out += json::serialize(value);
    }
}

std::string hex(std::string_view bytes) {
    std::string text;
    for (const unsigned char byte : bytes)
        text += fmt::format("{:02x}", byte);
    return text;
}

std::string hex_dump(std::string_view bytes) {
    constexpr std::size_t width = 16;
    constexpr std::size_t shown = 4 * width;
    auto text = fmt::format("binary, {} bytes", bytes.size());
    for (std::size_t offset = 0; offset < std::min(bytes.size(), shown); offset += width) {
        text += fmt::format("\n{:08x} ", offset);
        std::string characters;
        for (const unsigned char byte : bytes.substr(offset, width)) {
            text += fmt::format(" {:02x}", byte);
            characters += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
        }
        text.append(3 * (width - characters.size()), ' ');
        text += "  " + characters;
    }
    return bytes.size() > shown ? text + "\n..." : text;
}

bool is_control(boost::locale::utf::code_point c) noexcept { return c < 0x20 || (c >= 0x7f && c < 0xa0); }

std::size_t shown_width(std::string_view text) noexcept {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

} // namespace

std::optional<json::value> parsed_json(std::string_view text) {
    boost::system::error_code failed;
    auto value = json::parse(text, failed);
    if (failed)
        return std::nullopt;
    return value;
}

std::string pretty_json(const json::value& value) {
    std::string out;
    append_pretty(out, value, 0);
    return out;
}

bool is_text(std::string_view bytes) noexcept {
    namespace utf = boost::locale::utf;
    const char* at = bytes.data();
    for (const char* const end = at + bytes.size(); at != end;) {
        const auto c = utf::utf_traits<char>::decode(at, end);
        const bool layout = c == '\t' || c == '\n' || c == '\r';
        if (!utf::is_valid_codepoint(c) || (is_control(c) && !layout))
            return false;
    }
    return true;
}

std::string one_line(std::string_view text) {
    namespace utf = boost::locale::utf;
    std::string line;
    const char* at = text.data();
    for (const char* const end = at + text.size(); at != end;) {
        const char* const begin = at;
        const auto c = utf::utf_traits<char>::decode(at, end);
        if (!utf::is_valid_codepoint(c))
            at = begin + 1; // what comes behind the wrong byte may be right
        if (!utf::is_valid_codepoint(c) || is_control(c))
            line += ' ';
        else
            line.append(begin, at);
    }
    return line;
}

std::string format_payload(std::string_view payload, bool pretty) {
    if (!is_text(payload))
        return hex_dump(payload);
    if (pretty)
        if (const auto value = parsed_json(payload))
            return pretty_json(*value);
    return std::string{payload};
}

json::object to_json(const fluxmq::Message& message) {
    json::object object;
    object["topic"] = message.topic();
    object["size"] = message.payload().size();
    if (!message.reply().empty())
        object["reply"] = message.reply();
    json::object headers;
    for (const auto& [name, value] : message.headers()) {
        auto& values = headers[name];
        if (values.is_null())
            values.emplace_array();
        values.get_array().emplace_back(value);
    }
    object["headers"] = std::move(headers);
    if (auto value = parsed_json(message.text()))
        object["json"] = std::move(*value);
    else if (is_text(message.text()))
        object["text"] = message.text();
    else
        object["hex"] = hex(message.text());
    return object;
}

void Table::add(std::vector<std::string> row) {
    for (auto& cell : row)
        cell = one_line(cell);
    rows_.push_back(std::move(row));
}

std::vector<std::string> Table::lines() const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], shown_width(row[i]));
    }
    std::vector<std::string> lines;
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i)
            line += row[i] + std::string(widths[i] - shown_width(row[i]) + 2, ' ');
        line.erase(line.find_last_not_of(' ') + 1);
        lines.push_back(std::move(line));
    }
    return lines;
}

} // namespace fluxctl
