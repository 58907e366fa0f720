// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/bytes.hpp>
#include <fluxmq/headers.hpp>
#include <fluxmq/json.hpp>

#include <boost/json/value.hpp>

#include <cstdint>
#include <memory>
#include <string_view>

namespace fluxmq {

/// One received message: a cheap value whose parts share their storage.
///
/// Thread safety: that of a value; copies may be used on other threads.
class Message {
public:
    Message() = default;
    Message(Bytes topic, Bytes payload, Bytes reply = {}, std::shared_ptr<const Headers> headers = nullptr)
        : topic_{std::move(topic)}, payload_{std::move(payload)}, reply_{std::move(reply)},
          headers_{std::move(headers)} {}

    /// The topic it was published on.
    std::string_view topic() const noexcept { return topic_.view(); }

    /// The body, byte for byte.
    const Bytes& payload() const noexcept { return payload_; }

    /// The body as text. It is not checked to be UTF-8.
    std::string_view text() const noexcept { return payload_.view(); }

    /// The body parsed as JSON, anew at each call. Throws Error{malformed_json} that names the topic and the
    /// place.
    boost::json::value json() const;

    /// The body as JSON converted to a T, see from_json(). Throws Error{malformed_json} or Error{wrong_type}
    /// that name the topic and the field.
    template <class T>
    T as() const {
        try {
            return from_json<T>(json());
        } catch (const Error& error) {
            rethrow_with_topic(error);
        }
    }

    /// The topic to answer on; empty when no answer is asked for.
    std::string_view reply() const noexcept { return reply_.view(); }

    const Headers& headers() const noexcept;
    /// The headers for sharing with another message; null when there are none.
    const std::shared_ptr<const Headers>& shared_headers() const noexcept { return headers_; }

    /// The broker's own status: 0 for an ordinary message, 503 for "no responders" (NATS ADR-22).
    std::uint16_t status() const noexcept { return status_; }
    void set_status(std::uint16_t status) noexcept { status_ = status; }

    /// The alias of the node input that it came in by; empty outside a node.
    std::string_view input() const noexcept { return input_.view(); }
    void set_input(Bytes alias) noexcept { input_ = std::move(alias); }

private:
    [[noreturn]] void rethrow_with_topic(const Error& error) const;

    Bytes topic_;
    Bytes payload_;
    Bytes reply_;
    Bytes input_;
    std::shared_ptr<const Headers> headers_;
    std::uint16_t status_ = 0;
};

} // namespace fluxmq
