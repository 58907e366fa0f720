// SPDX-License-Identifier: MIT
#include <fluxmq/error.hpp>

namespace fluxmq {

namespace {

const char* name_of(errc code) noexcept {
    switch (code) {
    case errc::invalid_topic: return "invalid topic";
    case errc::invalid_header: return "invalid header";
    case errc::invalid_url: return "invalid url";
    case errc::payload_too_large: return "payload too large";
    case errc::malformed_json: return "malformed json";
    case errc::wrong_type: return "wrong type";
    case errc::no_reply_topic: return "no reply topic";
    case errc::not_connected: return "not connected";
    case errc::connect_failed: return "connect failed";
    case errc::connect_timeout: return "connect timeout";
    case errc::protocol_error: return "protocol error";
    case errc::tls_failed: return "tls failed";
    case errc::authorization_failed: return "authorization failed";
    case errc::permission_denied: return "permission denied";
    case errc::disconnected: return "disconnected";
    case errc::closed: return "closed";
    case errc::timeout: return "timeout";
    case errc::no_responders: return "no responders";
    case errc::buffer_full: return "buffer full";
    case errc::mailbox_full: return "mailbox full";
    case errc::cancelled: return "cancelled";
    case errc::unknown_node: return "unknown node";
    case errc::unknown_node_type: return "unknown node type";
    case errc::duplicate_node: return "duplicate node";
    case errc::unknown_port: return "unknown port";
    case errc::illegal_transition: return "illegal transition";
    case errc::invalid_config: return "invalid config";
    case errc::invalid_settings: return "invalid settings";
    case errc::hook_failed: return "hook failed";
    case errc::not_attached: return "not attached";
    }
    return "unknown error";
}

class Category final : public std::error_category {
    const char* name() const noexcept override { return "fluxmq"; }
    std::string message(int value) const override { return name_of(static_cast<errc>(value)); }
};

std::string compose(errc code, const std::string& detail, const std::string& topic,
                    const std::string& broker) {
    std::string text = name_of(code);
    if (!detail.empty())
        text += ": " + detail;
    if (!topic.empty())
        text += " (topic '" + topic + "')";
    if (!broker.empty())
        text += " (the broker says: " + broker + ")";
    return text;
}

} // namespace

const std::error_category& category() noexcept {
    static const Category instance;
    return instance;
}

std::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), category()}; }

Error::Error(errc code, std::string detail, std::string topic, std::string broker_text)
    : std::system_error{make_error_code(code)}, detail_{std::move(detail)}, topic_{std::move(topic)},
      broker_text_{std::move(broker_text)}, what_{compose(code, detail_, topic_, broker_text_)} {}

bool Error::retryable() const noexcept {
    switch (kind()) {
    case errc::not_connected:
    case errc::connect_failed:
    case errc::connect_timeout:
    case errc::disconnected:
    case errc::timeout:
    case errc::no_responders:
    case errc::buffer_full:
    case errc::mailbox_full: return true;
    default: return false;
    }
}

} // namespace fluxmq
