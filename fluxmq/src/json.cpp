// SPDX-License-Identifier: MIT
#include <fluxmq/json.hpp>

#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>

#include <algorithm>

namespace fluxmq {

namespace {

std::string at(const std::string& path) { return path.empty() ? std::string{} : "'" + path + "': "; }

// What was found, short enough for an error's text.
std::string shown(const boost::json::value& json) {
    std::string text = boost::json::serialize(json);
    if (text.size() > 60)
        text = text.substr(0, 57) + "...";
    return text;
}

std::string position(std::string_view text, std::size_t offset) {
    const auto before = text.substr(0, offset);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const auto last_break = before.rfind('\n');
    const auto column = offset - (last_break == std::string_view::npos ? 0 : last_break + 1) + 1;
    return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

} // namespace

boost::json::value parse_json(std::string_view text, std::string_view what,
                              boost::json::storage_ptr storage) {
    unsigned char workspace[2048]; // a document of the usual size is read without memory from the heap
    boost::json::stream_parser parser{{}, {}, workspace};
    parser.reset(std::move(storage));
    boost::json::error_code failed;
    const auto used = parser.write_some(text.data(), text.size(), failed);
    const std::string name{what};
    if (failed)
        throw Error{errc::malformed_json, name + ": " + failed.message() + " at " + position(text, used)};
    if (const auto trailing = text.substr(used).find_first_not_of(" \t\r\n");
        trailing != std::string_view::npos)
        throw Error{errc::malformed_json,
                    name + ": more text after the end at " + position(text, used + trailing)};
    parser.finish(failed);
    if (failed)
        throw Error{errc::malformed_json,
                    name + (text.empty() ? ": it is empty" : ": " + failed.message() + " at its end")};
    return parser.release();
}

namespace detail {

void wrong_type(const std::string& path, std::string_view expected, const boost::json::value& got) {
    throw Error{errc::wrong_type, at(path) + "expected " + std::string{expected} + ", got " + shown(got)};
}

void missing_member(const std::string& path, std::string_view name) {
    throw Error{errc::wrong_type,
                "'" + (path.empty() ? std::string{} : path + ".") + std::string{name} + "' is missing"};
}

void out_of_range(const std::string& path, const boost::json::value& got) {
    throw Error{errc::wrong_type, at(path) + shown(got) + " is out of range"};
}

void unknown_enumerator(const std::string& path, std::string_view got, const std::string& known) {
    throw Error{errc::wrong_type,
                at(path) + "expected one of " + known + ", got \"" + std::string{got} + "\""};
}

} // namespace detail

} // namespace fluxmq
