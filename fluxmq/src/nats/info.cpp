// SPDX-License-Identifier: MIT
#include "info.hpp"

#include <fluxmq/error.hpp>

#include "protocol.hpp"

#include <boost/json/parse.hpp>

namespace fluxmq::nats {

namespace json = boost::json;

namespace {

void read(const json::object& from, std::string_view name, std::string& to) {
    if (const auto* value = from.if_contains(name); value && value->is_string())
        to.assign(value->get_string().data(), value->get_string().size());
}

void read(const json::object& from, std::string_view name, bool& to) {
    if (const auto* value = from.if_contains(name); value && value->is_bool())
        to = value->get_bool();
}

void read(const json::object& from, std::string_view name, std::size_t& to) {
    if (const auto* value = from.if_contains(name); value && value->is_int64() && value->get_int64() > 0)
        to = static_cast<std::size_t>(value->get_int64());
}

void read(const json::object& from, std::string_view name, std::vector<std::string>& to) {
    const auto* value = from.if_contains(name);
    if (!value || !value->is_array())
        return;
    for (const auto& element : value->get_array())
        if (element.is_string())
            to.emplace_back(element.get_string());
}

} // namespace

ServerInfo parse_info(std::string_view text) {
    boost::system::error_code failed;
    const auto value = json::parse(text, failed);
    if (failed || !value.is_object())
        throw Error{errc::protocol_error, "its INFO is not a JSON object: '" + printable(text) + "'"};
    const auto& object = value.get_object();
    ServerInfo info;
    read(object, "server_name", info.name);
    read(object, "version", info.version);
    read(object, "max_payload", info.max_payload);
    read(object, "headers", info.headers);
    read(object, "tls_required", info.tls_required);
    read(object, "tls_available", info.tls_available);
    read(object, "ldm", info.lame_duck);
    read(object, "nonce", info.nonce);
    read(object, "connect_urls", info.connect_urls);
    return info;
}

} // namespace fluxmq::nats
