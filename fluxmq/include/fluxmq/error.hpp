// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <system_error>

namespace fluxmq {

/// Everything that can go wrong, in messaging and in the layers above it. Equal on every transport.
enum class errc {
    // What was given
    invalid_topic = 1, ///< empty token, white space, control character, or a wildcard where none may be
    invalid_header,    ///< a header's name or value cannot be sent
    invalid_url,       ///< an address that cannot be understood
    payload_too_large, ///< more than the broker takes
    malformed_json,    ///< text that is not JSON
    wrong_type,        ///< JSON that does not fit the type asked for
    no_reply_topic,    ///< respond() to a message that asked for no answer
    // The connection
    not_connected,   ///< connect() has not succeeded yet
    connect_failed,  ///< no server could be reached
    connect_timeout, ///< a server accepted, but did not finish the handshake in time
    protocol_error,  ///< the peer does not speak the protocol
    tls_failed,      ///< no secure connection: a certificate was not accepted, or a file of ours is unusable
    authorization_failed, ///< the server refused the credentials, or they could not be read
    permission_denied,    ///< the server refuses this topic to this user
    disconnected,         ///< the connection was lost while the operation ran
    closed,               ///< the transport, mailbox or service was closed
    // Operations
    timeout,       ///< no answer in time
    no_responders, ///< nobody listens on the topic of a request
    buffer_full,   ///< the outgoing buffer is at its limit
    mailbox_full,  ///< a mailbox with policy `fail` is at its limit
    cancelled,     ///< the awaiting coroutine was cancelled
    // Services and nodes
    unknown_node,       ///< no node of that id
    unknown_node_type,  ///< no factory for that node type
    duplicate_node,     ///< the id is taken
    unknown_port,       ///< no input or output of that alias
    illegal_transition, ///< the lifecycle does not allow the command in this state
    invalid_config,     ///< a configuration that cannot be applied
    invalid_settings,   ///< settings that are not an object, or were refused by the node
    hook_failed,        ///< a hook threw
    not_attached,       ///< the service has no transport yet
};

const std::error_category& category() noexcept;
std::error_code make_error_code(errc code) noexcept;

/// The one exception of this library.
///
/// what() reads "<kind>: <detail>", with the topic and the broker's own words where there are any. It never
/// holds a secret.
class Error : public std::system_error {
public:
    Error(errc code, std::string detail, std::string topic = {}, std::string broker_text = {});

    errc kind() const noexcept { return static_cast<errc>(code().value()); }
    /// What happened, without the name of the kind.
    const std::string& detail() const noexcept { return detail_; }
    /// The topic concerned; empty where there is none.
    const std::string& topic() const noexcept { return topic_; }
    /// What the broker itself said; empty where it said nothing.
    const std::string& broker_text() const noexcept { return broker_text_; }
    /// Whether the same call may succeed later without a change by the caller.
    bool retryable() const noexcept;
    const char* what() const noexcept override { return what_.c_str(); }

private:
    std::string detail_;
    std::string topic_;
    std::string broker_text_;
    std::string what_;
};

} // namespace fluxmq

template <>
struct std::is_error_code_enum<fluxmq::errc> : std::true_type {};
